import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { generateSloFiles, type SloFilesOptions, type SloPipeline } from '../../../src/index.ts';
import { quote } from '../../../src/slo/promql.ts';
import { series } from '../../support/promql.ts';

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const orders: SloPipeline = {
  id: 'orders',
  slo: {
    success: { target: 0.999 },
    latency: { target: 0.99, underMs: 1000 },
    freshness: { target: 0.995, withinMs: 90_000 },
    window: '28d',
  },
};

const contentOf = (path: string, pipelines: readonly SloPipeline[], options?: SloFilesOptions): string =>
  generateSloFiles(pipelines, options).find((file) => file.path === path)!.content;

function rulesOf(pipeline: SloPipeline, options?: SloFilesOptions): readonly Rule[] {
  const { groups } = parse(contentOf(`rules/${pipeline.id}.yaml`, [pipeline], options));
  expect(groups).toHaveLength(1);
  return groups[0].rules;
}

const recorded = (rules: readonly Rule[], record: string, slo: string): string | undefined =>
  rules.find((rule) => rule.record === record && rule.labels.slo === slo)?.expr;

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('the files', () => {
  test('are rules and tests for each pipeline with objectives, and one dashboard', () => {
    const others = { id: 'b-2', slo: { success: { target: 0.5 } } };
    expect(generateSloFiles([orders, { id: 'none' }, others]).map(({ path }) => path)).toEqual([
      'rules/orders.yaml',
      'tests/orders.yaml',
      'tests/orders.freshness.yaml',
      'rules/b-2.yaml',
      'tests/b-2.yaml',
      'dashboards/dataflow-slo.json',
    ]);
  });

  test('are the same each time', () => {
    expect(generateSloFiles([orders])).toEqual(generateSloFiles([orders]));
  });

  test('of tests name the rules from where they are', () => {
    expect(parse(contentOf('tests/orders.yaml', [orders])).rule_files).toEqual(['../rules/orders.yaml']);
  });
});

describe('the rules', () => {
  const rules = rulesOf(orders);

  test('record each window and what is left of the budget, for each objective', () => {
    for (const slo of ['success', 'latency', 'freshness']) {
      const records = rules.filter((rule) => rule.labels.slo === slo && rule.record).map(({ record }) => record);
      expect(records.sort()).toEqual(
        [
          ...['5m', '30m', '1h', '2h', '6h', '1d', '3d', '28d'].map((window) => `dataflow_slo_error_ratio:${window}`),
          'dataflow_slo_events',
          'dataflow_slo_errors',
          'dataflow_slo_objective',
          'dataflow_slo_error_budget_remaining',
        ]
          .map((name) => `pipeline:${name}`)
          .sort(),
      );
    }
  });

  test('look back over the whole window of the objective', () => {
    const selected = '{job="dataflow-platform",pipeline_id="orders",slo="success"}';
    const errors = `sum_over_time(pipeline:dataflow_slo_errors${selected}[28d])`;
    expect(recorded(rules, 'pipeline:dataflow_slo_error_ratio:28d', 'success')).toBe(
      `${errors} / (sum_over_time(pipeline:dataflow_slo_events${selected}[28d]) > 0) or ${errors}`,
    );
    expect(recorded(rules, 'pipeline:dataflow_slo_error_budget_remaining', 'success')).toBe(
      `1 - pipeline:dataflow_slo_error_ratio:28d${selected} / 0.001`,
    );
  });

  test('alert on the four burn rates', () => {
    const alerts = rules.filter(({ alert, labels }) => alert !== undefined && labels.slo === 'success');
    expect(
      alerts.map(({ labels, expr }) => [
        labels.burn_rate,
        labels.severity,
        ...[...expr.matchAll(/error_ratio:(\w+)\{.*?\} > (\S+)/g)].map(([, window, threshold]) => [window, threshold]),
      ]),
    ).toEqual([
      ['14.4', 'critical', ['1h', '0.0144'], ['5m', '0.0144']],
      ['6', 'critical', ['6h', '0.006'], ['30m', '0.006']],
      ['3', 'warning', ['1d', '0.003'], ['2h', '0.003']],
      ['1', 'warning', ['3d', '0.001'], ['6h', '0.001']],
    ]);
    expect(new Set(alerts.map(({ alert }) => alert))).toEqual(new Set(['ErrorBudgetBurn']));
  });

  test('say in an alert what was promised and where help is', () => {
    const { annotations } = rules.find(({ labels }) => labels.slo === 'freshness' && labels.burn_rate === '6')!;
    expect(annotations).toEqual({
      summary: 'Pipeline orders spends its error budget for freshness 6 times as fast as it may or faster',
      description:
        '99.5 % of the time the last batch is to be no older than 90s, over 28d. For 6h, and for the last 30m as well, more than 3 % did not. At this pace the whole budget lasts 4.7 days at most.',
      runbook_url: 'docs/runbooks.md#errorbudgetburn',
    });
  });

  test('match a boundary as either exposition writes it', () => {
    const matcherOf = (underMs: number): string =>
      /le=~("[^"]*")/.exec(
        recorded(
          rulesOf({ id: 'a', slo: { latency: { target: 0.9, underMs } } }),
          'pipeline:dataflow_slo_errors',
          'latency',
        )!,
      )![1]!;
    expect([1000, 5, 2500, 300_000].map(matcherOf).map((text) => JSON.parse(text))).toEqual([
      '1|1\\.0',
      '0\\.005',
      '2\\.5',
      '300|300\\.0',
    ]);
  });

  test('leave out the alerts that could never fire, and say so', () => {
    const pipeline = { id: 'a', slo: { success: { target: 0.8 } } };
    const rates = rulesOf(pipeline).flatMap(({ labels }) => labels.burn_rate ?? []);
    expect(rates).toEqual(['3', '1']);
    expect(contentOf('rules/a.yaml', [pipeline])).toMatch(/^# success: no alert at 14\.4, 6 times the burn rate;/m);
    expect(contentOf('rules/orders.yaml', [orders])).not.toMatch(/no alert at/);
  });

  test('name only what exists', () => {
    const records = new Set(rules.flatMap(({ record }) => record ?? []));
    const named = new Set(rules.filter(({ expr }) => !expr.startsWith('vector')).flatMap(({ expr }) => series(expr)));
    const foreign = [...named].map(({ name }) => name).filter((name) => !records.has(name));
    expect([...new Set(foreign)].sort()).toEqual([
      'dataflow_batch_duration_seconds_bucket',
      'dataflow_batch_duration_seconds_count',
      'dataflow_batches_failed_total',
      'dataflow_batches_processed_total',
      'dataflow_batches_timeouts_total',
      'dataflow_pipeline_last_batch_timestamp_seconds',
      'dataflow_pipeline_state',
      'dataflow_source_lag_records',
    ]);
    for (const { labels } of named) expect(labels).toEqual(expect.arrayContaining(['job', 'pipeline_id']));
  });
});

test.each(['a"b', "it's", 'back\\slash', 'two\nlines', '{{ $labels.x }}', '# no comment', ': x', '*', '日本'])(
  'the job %j comes through every language unharmed',
  (job) => {
    const rules = rulesOf(orders, { job });
    for (const { record, expr } of rules) {
      if (record !== 'pipeline:dataflow_slo_objective') expect(expr).toContain(`job=${quote(job)}`);
      expect(() => series(expr)).not.toThrow();
    }
    const tests = parse(contentOf('tests/orders.yaml', [orders], { job })).tests;
    expect(tests[1].alert_rule_test[0].exp_alerts[0].exp_labels.job).toBe(job);
    const dashboard = JSON.parse(contentOf('dashboards/dataflow-slo.json', [orders], { job }));
    expect(dashboard.templating.list[1].current).toEqual({ selected: true, text: job, value: job });
  },
);

describe('is refused', () => {
  test('without any objective', () => {
    expect(thrownBy(() => generateSloFiles([{ id: 'a' }]))).toMatchObject({ code: 'DATAFLOW_ERR_SLO_MISSING' });
    expect(thrownBy(() => generateSloFiles([]))).toMatchObject({ code: 'DATAFLOW_ERR_SLO_MISSING' });
  });

  test('with every problem of every pipeline', () => {
    const slo = { latency: { target: 0.9, underMs: 1001 } };
    const pipelines = [
      { id: 'a', slo },
      { id: 'a', slo: { success: { target: 1 } } },
      { id: '../a', slo: { success: { target: 0.9 } } },
      { id: 'b', slo: { latency: { target: 0.9, underMs: 500_000 } }, batchTimeoutMs: 500_000 },
    ];
    expect(thrownBy(() => generateSloFiles(pipelines))).toMatchObject({
      code: 'DATAFLOW_ERR_PIPELINE_INVALID',
      problems: [
        {
          path: 'pipelines.0.slo.latency.underMs',
          expected: expect.stringContaining('(nearest: 1000 or 2500;'),
          got: '1001',
        },
        { path: 'pipelines.1.id', got: '"a"' },
        { path: 'pipelines.1.slo.success.target', got: '1' },
        { path: 'pipelines.2.id', got: '"../a"' },
        { path: 'pipelines.3.slo.latency.underMs', expected: expect.stringContaining('(nearest: 300000;') },
      ],
    });
  });

  test('by the boundaries that are configured', () => {
    const pipelines = [{ id: 'a', slo: { latency: { target: 0.9, underMs: 1000 } } }];
    const batchDurationBuckets = [0.3, 0.7];
    expect(thrownBy(() => generateSloFiles(pipelines, { batchDurationBuckets }))).toMatchObject({
      problems: [{ expected: expect.stringContaining('(nearest: 700;') }],
    });
    const fitting = [{ id: 'a', slo: { latency: { target: 0.9, underMs: 700 } } }];
    expect(generateSloFiles(fitting, { batchDurationBuckets })).toHaveLength(3);
  });

  test.each(['', ' ', '\ud800'])('with the job %j', (job) => {
    expect(thrownBy(() => generateSloFiles([orders], { job }))).toMatchObject({ code: 'DATAFLOW_ERR_CLI_USAGE' });
  });
});
