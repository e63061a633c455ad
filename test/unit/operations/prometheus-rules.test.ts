import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { ROOT } from '../../support/command-line.ts';
import { dashboards } from '../../support/dashboards.ts';
import { KNOWN_SERIES, type KnownSeries, TARGET_LABELS } from '../../support/known-series.ts';
import { alerts, recordings, ruleFiles } from '../../support/prometheus-rules.ts';
import { matchingLabels, type SeriesUsage, seriesUsages } from '../../support/promql.ts';
import { codeBlocks, tableUnder } from '../../support/readme.ts';

const LEVELS: Readonly<Record<string, readonly string[]>> = {
  pipeline: [...TARGET_LABELS, 'pipeline_id'],
  instance: TARGET_LABELS,
};

/** Labels that a recording has of its own. */
const OWN: Readonly<Record<string, readonly string[]>> = { dataflow_signal: ['signal', 'method'] };

const levelOf = (record: string): string => record.split(':')[0]!;

const known: ReadonlyMap<string, KnownSeries> = new Map([
  ...KNOWN_SERIES,
  ...recordings.map(({ record }): [string, KnownSeries] => [
    record,
    { kind: 'gauge', labels: [...(LEVELS[levelOf(record)] ?? []), ...(OWN[record.split(':')[1]!] ?? [])] },
  ]),
]);

const RATES = ['rate', 'increase', 'max_over_time', 'resets'];
const GROWING = ['rate', 'increase', 'delta', 'deriv'];

/** What is wrong with the use of a series, as far as the kind and the labels of it say. */
function problems({ name, labels, within, grouping }: SeriesUsage): readonly string[] {
  const series = known.get(name);
  if (series === undefined) return [`${name} does not exist`];
  const found = [...labels, ...grouping]
    .filter((label) => !series.labels.includes(label))
    .map((label) => `${name} has no ${label}`);
  if (series.kind === 'gauge' && GROWING.includes(within[0] ?? '')) found.push(`${name} is a gauge`);
  if (within.includes('histogram_quantile') && !grouping.includes('le')) found.push(`${name} lost le`);
  return found;
}

function problemsOf(expr: string): readonly string[] {
  const usages = seriesUsages(expr);
  const matched = matchingLabels(expr);
  const unmatched = usages.flatMap(({ name }) =>
    matched.filter((label) => !known.get(name)?.labels.includes(label)).map((label) => `${name} has no ${label}`),
  );
  return [...usages.flatMap(problems), ...unmatched];
}

/** A counter whose value itself is compared depends on when the process started; existence alone may be asked for. */
function rawCounters(expr: string): readonly string[] {
  const asked = expr.replaceAll(/(?:unless|and on \([\w, ]+\)) (\w+) offset \w+/g, '');
  return seriesUsages(asked)
    .filter(({ name, within }) => known.get(name)?.kind === 'counter' && !RATES.includes(within[0] ?? ''))
    .map(({ name }) => name);
}

const rules = [
  ...recordings.map(({ record, expr }) => [record, expr] as const),
  ...alerts.map(({ alert, expr }) => [alert, expr] as const),
];

describe('the rules', () => {
  test('are there', () => {
    expect(ruleFiles).toEqual(expect.arrayContaining(['dataflow-alerts.yml', 'dataflow-recordings.yml']));
    const names = rules.map(([name]) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(alerts.map(({ alert }) => alert)).toEqual(
      expect.arrayContaining([
        'HighBatchFailureRate',
        'PipelineStuck',
        'HighRetryRate',
        'BatchTimeoutSpike',
        'HighMemoryUsage',
        'PipelineFailed',
        'TargetDown',
        'CheckpointStalled',
        'DeadLettersGrowing',
        'EventLoopSaturated',
        'SeriesOverflow',
        'MemoryPressure',
      ]),
    );
  });

  test.each(rules)('%s names what exists, by labels that it has', (_name, expr) => {
    expect(seriesUsages(expr).length).toBeGreaterThan(0);
    expect(problemsOf(expr)).toEqual([]);
    expect(rawCounters(expr)).toEqual([]);
  });

  test.each(recordings.map(({ record }) => record))('%s says level, metric and operation', (record) => {
    expect(record.split(':')).toHaveLength(3);
    expect(Object.keys(LEVELS)).toContain(levelOf(record));
  });

  test('the checks find what is wrong', () => {
    const wrong = [
      ['rate(dataflow_nothing_total[5m])', 'dataflow_nothing_total does not exist'],
      ['sum by (pipeline_id) (process_cpu_usage)', 'process_cpu_usage has no pipeline_id'],
      ['increase(process_cpu_usage[5m])', 'process_cpu_usage is a gauge'],
      ['up and on (pipeline_id) dataflow_batches_inflight', 'up has no pipeline_id'],
      [
        'instance:process_memory_usage:ratio{pipeline_id="a"}',
        'instance:process_memory_usage:ratio has no pipeline_id',
      ],
      [
        'histogram_quantile(0.9, sum by (job) (rate(dataflow_batch_duration_seconds_bucket[5m])))',
        'dataflow_batch_duration_seconds_bucket lost le',
      ],
    ];
    expect(wrong.map(([expr]) => problemsOf(expr!)[0])).toEqual(wrong.map(([, problem]) => problem));
    expect(rawCounters('sum(dataflow_batches_failed_total) > 5')).toEqual(['dataflow_batches_failed_total']);
  });
});

const runbooks = readFileSync(join(ROOT, 'docs/runbooks.md'), 'utf8');
const sections = new Map(
  runbooks
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.split('\n', 1)[0]!, section] as const),
);
const alertsByName = alerts.map((rule) => [rule.alert, rule] as const);

describe('each alert', () => {
  test.each(alertsByName)('%s waits, has a severity and says what is wrong where', (_name, rule) => {
    expect(rule.for).toMatch(/^\d+[mh]$/);
    expect(['critical', 'warning', 'info']).toContain(rule.labels?.severity);
    expect(Object.keys(rule.annotations ?? {}).sort()).toEqual(['description', 'runbook_url', 'summary']);
    const { summary = '', description = '' } = rule.annotations ?? {};
    expect(summary).toMatch(/\{\{ \$labels\.(?:pipeline_id|instance) \}\}/);
    expect(description).toContain('{{ $labels.instance }}');
    expect(description.includes('{{ $labels.pipeline_id }}')).toBe(/pipeline_id|pipeline:/.test(rule.expr));
    // What is either so or not so has no value worth telling.
    if (!/== [01]\s*$/.test(rule.expr)) expect(description).toMatch(/\{\{ (?:humanize\w*|printf "%\.0f") \$value \}\}/);
  });

  test.each(alertsByName)('%s leads to its runbook', (name, rule) => {
    expect(rule.annotations?.runbook_url).toBe(`docs/runbooks.md#${name.toLowerCase()}`);
    const section = sections.get(name) ?? '';
    for (const part of ['**Meaning.**', '**Look at.**', '**Do.**', '**False when**']) expect(section).toContain(part);
    expect(codeBlocks(section, 'promql').length).toBeGreaterThan(0);
  });
});

describe('the runbooks', () => {
  /** Its rules are made by `dataflow slo generate`; both of its severities are in the table. */
  const generated = { ErrorBudgetBurn: 'critical or warning' };

  test('have a section for each alert, and the table says its severity', () => {
    expect([...sections.keys()].sort()).toEqual(
      [...alerts.map(({ alert }) => alert), ...Object.keys(generated)].sort(),
    );
    const rows = tableUnder(runbooks, '# Runbooks').map(([link, severity]) => [/\[(\w+)\]/.exec(link!)?.[1], severity]);
    expect(Object.fromEntries(rows)).toEqual({
      ...Object.fromEntries(alerts.map(({ alert, labels }) => [alert, labels?.severity])),
      ...generated,
    });
  });

  test('ask for what exists', () => {
    const queries = codeBlocks(runbooks, 'promql');
    expect(queries.flatMap(({ code, line }) => problemsOf(code).map((problem) => `line ${line}: ${problem}`))).toEqual(
      [],
    );
  });

  test('name dashboards that exist', () => {
    const titles = dashboards.map(({ title }) => title.replace('Dataflow / ', ''));
    const named = [...runbooks.matchAll(/(?<!\*)\*([^*\n]+)\*(?!\*)/g)].map(([, title]) => title!);
    expect(named.length).toBeGreaterThan(alerts.length / 2);
    expect(named.filter((title) => !titles.includes(title))).toEqual([]);
  });

  test('call commands that exist', () => {
    const commands = tableUnder(readFileSync(join(ROOT, 'README.md'), 'utf8'), '<!-- table:commands -->').map(
      ([usage]) => /dataflow (\w+)/.exec(usage!)?.[1],
    );
    const called = [...runbooks.matchAll(/dataflow (\w+)\b(?= orders|\n|`| again)/g)].map(([, command]) => command!);
    expect(called.length).toBeGreaterThan(3);
    expect(called.filter((command) => !commands.includes(command))).toEqual([]);
  });
});
