import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import type { Attributes, MeterProvider as MeterProviderApi } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AggregationType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import fc from 'fast-check';
import { METER_NAME } from '../../../src/metrics/names.ts';
import { PipelineMetricsReporter } from '../../../src/metrics/reporter.ts';
import type { Exposable } from '../../../src/server/exposed-families.ts';
import { canonicalFloat } from '../../../src/server/prometheus-number.ts';
import { prometheusText } from '../../../src/server/prometheus-text.ts';
import type { FamilyPoint, MetricFamily } from '../../../src/telemetry/engine/family.ts';
import { MetricsEngine } from '../../../src/telemetry/engine/metrics-engine.ts';
import { expositionText, quietTelemetry, scrape, textChunks } from '../../support/collect-metrics.ts';
import { parseOpenMetrics } from '../../support/openmetrics-parser.ts';
import { parsePrometheus, sampleValue } from '../../support/prometheus-parser.ts';

test('the texts of one pipeline are the golden ones', async () => {
  const telemetry = quietTelemetry();
  const time = { wall: 1_700_000_000_000, monotonic: 0 };
  const { series } = telemetry;
  const reporter = new PipelineMetricsReporter(telemetry.meterProvider.getMeter(METER_NAME), {
    clock: { now: () => time.wall, monotonic: () => time.monotonic },
    ...(series === undefined ? {} : { series }),
  });
  reporter.recordStateTransition('pipeline-123', 'empty', 'configured');
  reporter.recordStateTransition('pipeline-123', 'configured', 'running');
  time.monotonic = 2000;
  for (const [ok, ko, ms] of [
    [1000, 5, 250],
    [1000, 0, 80],
    [500, 0, 12_000],
  ] as const) {
    reporter.recordBatchProcessed('pipeline-123', ok, ko, ms);
  }
  reporter.recordCheckpointUpdate('pipeline-123', 2505);
  reporter.recordBatchFailed('pipeline-123', 'TIMEOUT');
  reporter.recordBatchTimeout('pipeline-123', 'batch-456');
  reporter.recordRetryScheduled('pipeline-123', 'TIMEOUT', 1);
  const scraped = await telemetry.scrape();
  for (const format of ['classic', 'openmetrics'] as const) {
    const text = expositionText(scraped, { format });
    const golden = new URL(`./prometheus-text.${format}.golden.txt`, import.meta.url);
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(golden, text);
    expect(text).toBe(readFileSync(golden, 'utf8'));
  }
  await telemetry.shutdown();
});

test('label values, help texts and keys of every kind give valid text', async () => {
  const telemetry = quietTelemetry();
  const meter = telemetry.meterProvider.getMeter('user');
  const odd = 'quote " backslash \\ newline \n lone \ud800 emoji 😀 tab \t';
  meter.createCounter('odd', { description: 'help \\ with\nnewline' }).add(1, {
    'a.b': 'x',
    a_b: 'y',
    '0digit': odd,
    '': 'dropped',
    list: ['p', 'q'],
    flag: true,
  });
  meter.createHistogram('hist').record(3, { le: 'mine' });
  meter.createGauge('nan').record(Number.NaN);
  meter.createUpDownCounter('level').add(-2);
  const families = await scrape(telemetry);
  expect(families.get('odd_total')).toEqual({
    name: 'odd_total',
    type: 'counter',
    help: 'help \\\\ with\\nnewline',
    samples: [
      {
        name: 'odd_total',
        value: 1,
        labels: {
          a_b: 'x;y',
          _0digit: odd.replace('\ud800', '\ufffd'),
          list: '["p","q"]',
          flag: 'true',
        },
      },
    ],
  });
  expect(sampleValue(families, 'hist_count', { exported_le: 'mine' })).toBe(1);
  expect(sampleValue(families, 'nan')).toBeNaN();
  expect(sampleValue(families, 'level')).toBe(-2);
  expect(families.get('level')?.type).toBe('gauge');
  await telemetry.shutdown();
});

const HISTOGRAMS = [
  {
    instrumentName: '*',
    aggregation: { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM as const, options: { boundaries: [1, 5] } },
  },
];

function recordSums(provider: MeterProviderApi): void {
  const meter = provider.getMeter('m');
  meter.createUpDownCounter('queue.size').add(3);
  meter.createGauge('level').record(3);
  meter.createHistogram('took').record(3);
}

class Reader extends MetricReader {
  protected async onShutdown(): Promise<void> {}
  protected async onForceFlush(): Promise<void> {}
}

async function sumsOfSdk(): Promise<Exposable> {
  const reader = new Reader();
  recordSums(new MeterProvider({ readers: [reader], views: HISTOGRAMS }));
  return (await reader.collect()).resourceMetrics;
}

async function sumsOfEngine(): Promise<Exposable> {
  const engine = new MetricsEngine({ views: HISTOGRAMS });
  recordSums(engine);
  return { resource: resourceFromAttributes({}), scopeMetrics: [], families: engine.families() };
}

test.each([sumsOfSdk, sumsOfEngine])('a sum that can fall is none, and is left out: %p', async (sums) => {
  const exposed = await sums();
  const classic = parsePrometheus(expositionText(exposed));
  const open = parseOpenMetrics(expositionText(exposed, { format: 'openmetrics' }));
  const namesOf = (family: string, in_: typeof classic | typeof open) =>
    in_
      .get(family)
      ?.samples.slice(2)
      .map(({ name }) => name.slice(family.length));
  for (const family of ['queue_size', 'level']) {
    expect(namesOf(family, classic)).toEqual(['_bucket', '_count']);
    // There, a count must not stand without a sum.
    expect(namesOf(family, open)).toEqual(['_bucket']);
  }
  expect(namesOf('took', classic)).toEqual(['_bucket', '_sum', '_count']);
  expect(namesOf('took', open)).toEqual(['_bucket', '_sum', '_count']);
});

test('one family over all scopes; clashing types and equal samples keep the first', async () => {
  const telemetry = quietTelemetry();
  const [one, two, three] = ['one', 'two', 'three'].map((name) => telemetry.meterProvider.getMeter(name));
  one?.createCounter('shared', { description: 'first' }).add(1, { who: 'one' });
  two?.createCounter('shared', { description: 'second' }).add(2, { who: 'two' });
  two?.createCounter('shared').add(9, { who: 'one' });
  three?.createObservableGauge('shared_total').addCallback((result) => result.observe(7));
  const families = await scrape(telemetry);
  const family = families.get('shared_total');
  expect([family?.type, family?.help]).toEqual(['counter', 'first']);
  expect(family?.samples.map(({ labels, value }) => [labels.who, value])).toEqual([
    ['one', 1],
    ['two', 2],
  ]);
  await telemetry.shutdown();
});

test('a large collection comes in bounded chunks', async () => {
  const telemetry = quietTelemetry();
  const counter = telemetry.meterProvider.getMeter('user').createCounter('many');
  for (let index = 0; index < 10_000; index++) counter.add(1, { index: String(index) });
  const chunks = textChunks(await telemetry.scrape());
  expect(chunks.length).toBeGreaterThan(3);
  for (const chunk of chunks) expect(chunk.length).toBeLessThanOrEqual(65_536 + 200);
  expect(parsePrometheus(chunks.join('')).get('many_total')?.samples).toHaveLength(10_000);
  await telemetry.shutdown();
});

test('texts that are written in turn do not mix, and one that was given up spoils none', async () => {
  const telemetry = quietTelemetry();
  const counter = telemetry.meterProvider.getMeter(METER_NAME).createCounter('many');
  for (let index = 0; index < 5000; index++) counter.add(index, { index: String(index) });
  const exposed = await telemetry.scrape();
  const alone = expositionText(exposed);
  const texts = [prometheusText(exposed), prometheusText(exposed)];
  const givenUp = prometheusText(exposed);
  givenUp.next();
  const written = ['', ''];
  for (let running = true; running; ) {
    running = false;
    for (const [index, text] of texts.entries()) {
      const { done, value } = text.next();
      if (done !== true) written[index] += String(value);
      running ||= done !== true;
    }
    givenUp.return();
  }
  expect(written).toEqual([alone, alone]);
  expect(expositionText(exposed)).toBe(alone);
  await telemetry.shutdown();
});

test('a series that goes between two chunks was written whole or is left out', async () => {
  const telemetry = quietTelemetry();
  const meter = telemetry.meterProvider.getMeter(METER_NAME);
  const histogram = meter.createHistogram('many', { advice: { explicitBucketBoundaries: [1, 2, 3] } });
  const ids = Array.from({ length: 2000 }, (_, index) => `pipeline-${index}`);
  for (const pipeline_id of ids) for (const value of [0.5, 1.5, 2.5, 3.5]) histogram.record(value, { pipeline_id });
  let text = '';
  for (const chunk of prometheusText(await telemetry.scrape())) {
    text += String(chunk);
    for (const pipeline_id of ids) telemetry.series?.remove(pipeline_id);
    for (let index = 0; index < 500; index++) histogram.record(0.5, { pipeline_id: `later-${index}` });
  }
  const { samples } = parsePrometheus(text).get('many')!;
  expect(samples.length).toBeGreaterThan(100);
  for (const { name, value } of samples) if (name === 'many_count') expect(value).toBe(4);
  await telemetry.shutdown();
});

describe('OpenMetrics', () => {
  const resource = { attributes: { 'service.name': 'x' } } as unknown as Exposable['resource'];

  function family(over: Partial<MetricFamily> & { values: readonly (readonly [Attributes, number])[] }): MetricFamily {
    const points = over.values.map(
      ([attributes, value]): FamilyPoint => ({
        series: { attributes, cache: undefined },
        startTimeMs: 1_700_000_000_123,
        value,
        count: over.boundaries === undefined ? 0 : over.boundaries.length + 1,
        bucket: () => 1,
        exemplar: (bucket) =>
          bucket === 1
            ? { value: 0.7, timeMs: 1_700_000_001_500, traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }
            : undefined,
      }),
    );
    return {
      scope: { name: 'test' },
      name: 'x',
      description: '',
      unit: '',
      valueType: 1,
      kind: 'counter',
      hasSum: true,
      hasDistinctLabels: false,
      boundaries: [],
      size: points.length,
      points: () => points,
      ...over,
    };
  }

  function open(families: MetricFamily[], created = false) {
    const exposed = { resource, scopeMetrics: [], families };
    parsePrometheus(expositionText(exposed));
    return parseOpenMetrics(expositionText(exposed, { format: 'openmetrics', created }));
  }

  test('counters without _total in their name, units, info, EOF', () => {
    const families = open([
      family({ name: 'hits', unit: 's', description: 'say "hi" \\ \n', values: [[{ a: '1' }, 3]] }),
      family({ name: 'level', kind: 'updowncounter', unit: 'By', values: [[{}, -3.5]] }),
    ]);
    expect([...families.keys()]).toEqual(['target', 'hits_seconds', 'level_bytes']);
    expect(families.get('hits_seconds')).toMatchObject({
      type: 'counter',
      unit: 'seconds',
      help: 'say \\"hi\\" \\\\ \\n',
    });
    expect(families.get('hits_seconds')?.samples).toEqual([
      { name: 'hits_seconds_total', labels: { a: '1' }, value: 3 },
    ]);
    expect(families.get('level_bytes')).toMatchObject({ type: 'gauge', unit: 'bytes' });
    expect(families.get('target')).toMatchObject({ type: 'info' });
  });

  test('canonical bounds, exemplars on the bucket that has one, and _created when asked for', () => {
    const hist = family({
      name: 'took',
      unit: 's',
      kind: 'histogram',
      boundaries: [0.00001, 0.0001, 1, 10, 1_234_567],
      values: [[{ p: 'a' }, 4.5]],
    });
    const samples = open([hist], true).get('took_seconds')?.samples ?? [];
    const bounds = samples.flatMap(({ labels }) => labels.le ?? []);
    expect(bounds).toEqual(['1e-05', '0.0001', '1.0', '10.0', '1.234567e+06', '+Inf']);
    const trace = { trace_id: 'a'.repeat(32), span_id: 'b'.repeat(16) };
    expect(samples.filter(({ exemplar }) => exemplar !== undefined)).toEqual([
      {
        name: 'took_seconds_bucket',
        labels: { p: 'a', le: '0.0001' },
        value: 2,
        exemplar: { labels: trace, value: 0.7, time: 1_700_000_001.5 },
      },
    ]);
    expect(samples.at(-1)).toEqual({ name: 'took_seconds_created', labels: { p: 'a' }, value: 1_700_000_000.123 });
    expect(
      open([hist])
        .get('took_seconds')
        ?.samples.some(({ name }) => name.endsWith('_created')),
    ).toBe(false);
  });

  test('names that clash in either format keep the first, in both formats', () => {
    const families = open([
      family({ name: 'x', kind: 'histogram', boundaries: [1], values: [[{}, 1]] }),
      family({ name: 'x.count', kind: 'gauge', values: [[{}, 1]] }),
      family({ name: 'x', kind: 'histogram', boundaries: [2], values: [[{ other: 'bounds' }, 1]] }),
      family({ name: 'y', values: [[{}, 1]] }),
      family({ name: 'y', kind: 'gauge', values: [[{}, 1]] }),
      family({ name: 'y.total', kind: 'gauge', values: [[{}, 1]] }),
      family({ name: 'target.info', kind: 'gauge', values: [[{}, 1]] }),
      family({ name: 'z', kind: 'gauge', values: [] }),
    ]);
    expect([...families].map(([name, { type, samples }]) => [name, type, samples.length])).toEqual([
      ['target', 'info', 1],
      ['x', 'histogram', 4],
      ['y', 'counter', 1],
    ]);
  });

  test('any attributes at all give text that both grammars take', () => {
    const key = fc.oneof(
      fc.constantFrom('le', '__name__', 'a.b', 'a_b', '', 'quantile', '0'),
      fc.string({ unit: 'binary' }),
    );
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('"', '\\', '\n', '\ud800', 'x'.repeat(10_240), ''),
    );
    const attributes = fc.dictionary(key, value, { maxKeys: 4 });
    fc.assert(
      fc.property(fc.array(fc.tuple(attributes, fc.double({ min: 0, noNaN: true })), { maxLength: 5 }), (values) => {
        open([family({ values, name: 'c' }), family({ values, name: 'h', kind: 'histogram', boundaries: [1] })], true);
      }),
      { numRuns: 200 },
    );
  });
});

test.each([
  [0, '0.0'],
  [1, '1.0'],
  [-2.5, '-2.5'],
  [100_000, '100000.0'],
  [1e6, '1e+06'],
  [1e21, '1e+21'],
  [0.0001, '0.0001'],
  [0.00001, '1e-05'],
  [Number.POSITIVE_INFINITY, '+Inf'],
])('%p is %s in canonical form', (value, text) => {
  expect(canonicalFloat(value)).toBe(text);
});
