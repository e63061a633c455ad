import { describe, expect, test } from '@jest/globals';
import { HOST_SERIES } from '../../../dashboards/kit/host-series.ts';
import { startPlatform } from '../../../src/index.ts';
import { INSTRUMENT_LIST } from '../../../src/metrics/names.ts';
import { dashboards, panelQueries, withValues } from '../../support/dashboards.ts';
import { KNOWN_SERIES } from '../../support/known-series.ts';
import { parsePrometheus } from '../../support/prometheus-parser.ts';
import { matchingLabels, type SeriesUsage, series, seriesUsages } from '../../support/promql.ts';

const GROWS_LIKE_A_COUNTER = 'jvm_gc_promotion_bytes';

/** Counted while a process starts, before the first scrape: shown as they are, since the start. */
const BEFORE_THE_FIRST_SCRAPE = /^dataflow_recovery_/;

const NOT_SHOWN: ReadonlyMap<string, string> = new Map([
  ['nodejs.eventloop.delay.min', 'near 0 whatever happens'],
  ['nodejs.eventloop.delay.mean', 'hides the one long block that the longest delay shows'],
  ['nodejs.eventloop.delay.stddev', 'the percentiles say it in a form that can be read'],
  ['nodejs.eventloop.delay.p90', 'lies between the median and the 99th percentile, which are shown'],
  ['nodejs.eventloop.time', 'the utilization, which is shown, is the rate of its active part'],
  ['v8js.gc.duration', 'jvm.gc.pause has the same pauses in finer buckets'],
  ['v8js.memory.heap.limit', 'jvm.memory.heap.max is the same'],
  ['v8js.memory.heap.used', 'the spaces are for who looks for a leak; all together are jvm.memory.heap.used'],
  ['v8js.memory.heap.space.size', 'as that of used'],
  ['v8js.memory.heap.space.available_size', 'as that of used'],
  ['v8js.memory.heap.space.physical_size', 'as that of used'],
]);

const annotations = dashboards.flatMap((board) =>
  board.annotations.list.map(({ name, expr }) => ({ where: `${board.title} / ${name}`, expr })),
);
const everything = [...panelQueries.map(({ where, target }) => ({ where, expr: target.expr })), ...annotations];

/** The whole of a counter's increase over the time range; its parts are right together only. */
const TOTAL =
  /increase\(([^[\]]+)\[\$__range\]\) and \1 offset \$__range or max_over_time\(\1\[\$__range\]\) unless \1 offset \$__range/g;

const simplified = (expr: string): string => expr.replaceAll(TOTAL, 'increase($1[$__range])');

function problems({ name, labels, within, grouping }: SeriesUsage): string[] {
  const known = KNOWN_SERIES.get(name);
  if (known === undefined) return [`${name} does not exist`];
  const found = [...labels, ...grouping]
    .filter((label) => !known.labels.includes(label))
    .map((label) => `${name} has no ${label}`);
  const increases = ['rate', 'increase'].includes(within[0] ?? '');
  const raw = BEFORE_THE_FIRST_SCRAPE.test(name);
  const aggregated = within.slice(raw ? 0 : 1).some((step) => ['sum', 'max', 'count'].includes(step));
  if (known.kind === 'counter' && !((increases || raw) && aggregated))
    found.push(`${name} is a counter, within ${within}`);
  if (known.kind === 'gauge' && increases && name !== GROWS_LIKE_A_COUNTER) found.push(`${name} is a gauge`);
  if (within.includes('histogram_quantile') && !grouping.includes('le')) found.push(`${name} lost le`);
  if (!labels.includes('job') || !labels.includes('instance')) found.push(`${name} of any job or instance`);
  if (known.labels.includes('pipeline_id') && !labels.includes('pipeline_id')) found.push(`${name} of any pipeline`);
  return found;
}

/** What a check finds in any query, each with its place. */
function found<Q extends { readonly where: string }>(queries: readonly Q[], check: (query: Q) => readonly string[]) {
  return queries.flatMap((query) => check(query).map((problem) => `${query.where}: ${problem}`));
}

describe('the queries of the dashboards', () => {
  test('name what exists, by labels that it has, and use it as its kind demands', () => {
    expect(found(everything, ({ expr }) => seriesUsages(withValues(simplified(expr))).flatMap(problems))).toEqual([]);
  });

  test('match their sides by labels that both have', () => {
    const unmatched = (expr: string): string[] => {
      const matched = matchingLabels(expr);
      return series(expr).flatMap(({ name }) =>
        matched.filter((label) => !KNOWN_SERIES.get(name)?.labels.includes(label)),
      );
    };
    expect(found(everything, ({ expr }) => unmatched(withValues(expr)))).toEqual([]);
  });

  test('look back as far as the scrape interval demands; a total, which is one number, over the time range', () => {
    const wrong = found(panelQueries, ({ panel, target }) => {
      const total = ['stat', 'table'].includes(panel.type) && target.instant;
      const ranges = [...target.expr.matchAll(/\[([^\]]*)\]/g)].map(([, range]) => range!);
      return ranges.filter((range) => range !== '$__rate_interval' && !(total && range === '$__range'));
    });
    expect(wrong).toEqual([]);
  });

  test('name their lines by labels that are left', () => {
    const lines = panelQueries.filter(({ target }) => target.format !== 'table');
    const wrong = found(lines, ({ target: { expr, legendFormat = '' } }) => {
      if (legendFormat === '') return ['no legend'];
      const left = seriesUsages(withValues(expr)).flatMap(({ grouping }) => grouping);
      const labels = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!);
      return labels.filter((label) => !left.includes(label));
    });
    expect(wrong).toEqual([]);
  });

  test('give nothing, not NaN, while nothing happens', () => {
    const idle = panelQueries.map(({ where, target }) => ({ where, expr: target.expr }));
    const quantiles = idle.filter(({ expr }) => expr.startsWith('histogram_quantile'));
    const quotients = idle.filter(({ expr }) => / \/ .*(?:rate|increase)\(dataflow_/.test(expr));
    expect([quantiles.length > 0, quotients.length > 0]).toEqual([true, true]);
    expect(found(quantiles, ({ expr }) => (/ >= 0$/.test(expr) ? [] : [expr]))).toEqual([]);
    expect(found(quotients, ({ expr }) => (/ > 0\)$/.test(expr) ? [] : [expr]))).toEqual([]);
  });

  test('every metric is shown, or has a reason not to be', () => {
    const shown = new Set(everything.flatMap(({ expr }) => series(withValues(expr)).map(({ name }) => name)));
    const missing = INSTRUMENT_LIST.filter(({ series: family }) => {
      return !['', '_bucket', '_sum', '_count'].some((suffix) => shown.has(family + suffix));
    }).map(({ name }) => name);
    expect(missing.sort()).toEqual([...NOT_SHOWN.keys()].sort());
  });
});

test('the series of the host metrics are those that a process exposes', async () => {
  await using platform = await startPlatform({
    journal: { kind: 'memory' },
    metrics: { prometheus: { host: '127.0.0.1', port: 0 } },
    statusPage: { enabled: false },
  });
  const families = parsePrometheus(await (await fetch(platform.metricsUrl!)).text());
  for (const { series: name, kind, attributes } of Object.values(HOST_SERIES)) {
    const family = families.get(name);
    expect([name, family?.type]).toEqual([name, kind]);
    for (const { labels } of family?.samples ?? []) expect(Object.keys(labels).sort()).toEqual([...attributes].sort());
  }
});

describe('the checks themselves', () => {
  test.each([
    ['sum(rate(dataflow_nothing_total{job="a",instance="b"}[1m]))', 'dataflow_nothing_total does not exist'],
    ['process_cpu_usage{job="a",instance="b",pipeline_id="c"}', 'process_cpu_usage has no pipeline_id'],
    ['max by (state) (process_cpu_usage{job="a",instance="b"})', 'process_cpu_usage has no state'],
    ['rate(dataflow_metrics_overflow_total{job="a",instance="b"}[1m])', 'is a counter, within rate'],
    ['sum(dataflow_metrics_overflow_total{job="a",instance="b"})', 'is a counter, within sum'],
    ['sum(rate(process_cpu_usage{job="a",instance="b"}[1m]))', 'process_cpu_usage is a gauge'],
    ['process_cpu_usage', 'process_cpu_usage of any job or instance'],
  ])('find what is wrong with %s', (expression, problem) => {
    expect(seriesUsages(expression).flatMap(problems).join()).toContain(problem);
  });

  test.each(['sum(rate(a[5m])', 'a{b=}', 'a +', 'sum by (le', 'rate(a[$__rate_interval])'])(
    'refuse %s',
    (expression) => {
      expect(() => series(expression)).toThrow(SyntaxError);
    },
  );
});
