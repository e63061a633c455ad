import { describe, expect, test } from '@jest/globals';
import type { Attributes, AttributeValue } from '@opentelemetry/api';
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import fc from 'fast-check';
import { MetricsEngine } from '../../src/telemetry/engine/metrics-engine.ts';
import { expositionText } from '../support/collect-metrics.ts';
import { type Family, parsePrometheus } from '../support/prometheus-parser.ts';

const BOUNDS = [1, 10, 100];
const INSTRUMENTS = ['counter', 'updown', 'gauge', 'histogram'] as const;
type InstrumentName = (typeof INSTRUMENTS)[number];

/** What a point holds: a number, or a histogram's buckets and sum. */
interface Point {
  sum: number;
  buckets: number[];
  since: number;
}

/** Two attribute sets are one series when they look alike as labels. */
function textOf(attributes: Attributes): string {
  const entries = Object.entries(attributes)
    .map(([key, value]) => [key.replaceAll('.', '_'), typeof value === 'string' ? value : JSON.stringify(value)])
    .filter(([, value]) => value !== '');
  return JSON.stringify(entries.sort(([a = ''], [b = '']) => (a < b ? -1 : 1)));
}

type Points = ReadonlyMap<InstrumentName, Map<string, Point>>;
const noPoints = (): Points => new Map(INSTRUMENTS.map((name) => [name, new Map()]));

class Model {
  readonly points = noPoints();
  /** With what was removed. */
  readonly all = noPoints();

  record(name: InstrumentName, attributes: Attributes, value: number, tick: number): void {
    for (const points of [this.points, this.all])
      this.#record(points.get(name)!, name, textOf(attributes), value, tick);
  }

  #record(points: Map<string, Point>, name: InstrumentName, key: string, value: number, tick: number): void {
    const point = points.get(key) ?? { sum: 0, buckets: [0, 0, 0, 0], since: tick };
    points.set(key, point);
    point.sum = name === 'gauge' ? value : point.sum + value;
    const bucket = BOUNDS.findIndex((bound) => value <= bound);
    point.buckets[bucket < 0 ? 3 : bucket]! += 1;
  }

  remove(attributes: Attributes): string[] {
    const wanted = JSON.parse(textOf(attributes)) as string[][];
    const removed = new Set<string>();
    for (const points of this.points.values()) {
      for (const key of [...points.keys()]) {
        const own = JSON.parse(key) as string[][];
        if (!wanted.every(([k, v]) => own.some(([a, b]) => a === k && b === v))) continue;
        points.delete(key);
        removed.add(key);
      }
    }
    return [...removed];
  }

  shown(all = this.points): Map<string, string> {
    const shown = new Map<string, string>();
    for (const [name, points] of all) {
      for (const [key, { sum, buckets }] of points) {
        shown.set(`${name} ${key}`, name === 'histogram' ? `${sum} ${buckets}` : String(sum));
      }
    }
    return shown;
  }
}

function shownByFamilies(engine: MetricsEngine): Map<string, string> {
  const shown = new Map<string, string>();
  for (const family of engine.families()) {
    let size = 0;
    for (const point of family.points()) {
      size += 1;
      const buckets = BOUNDS.map((_, index) => (family.kind === 'histogram' ? point.bucket(index) : 0));
      const text =
        family.kind === 'histogram' ? `${point.value} ${[...buckets, point.bucket(3)]}` : String(point.value);
      const key = `${family.name} ${textOf(point.series.attributes)}`;
      expect(shown.has(key)).toBe(false);
      shown.set(key, text);
      if (family.kind === 'histogram') expect([...buckets, point.bucket(3)].reduce((a, b) => a + b)).toBe(point.count);
    }
    expect(size).toBe(family.size);
  }
  return shown;
}

function shownByText(families: Map<string, Family>): Map<string, string> {
  const shown = new Map<string, string>();
  const key = (name: string, { le: _le, ...labels }: Record<string, string>) => `${name} ${textOf(labels)}`;
  for (const { name, type, samples } of families.values()) {
    const plain = name.replace(/_total$/, '');
    if (plain === 'target_info') continue;
    if (type !== 'histogram') {
      for (const { labels, value } of samples) shown.set(key(plain, labels), String(value));
      continue;
    }
    const counts = new Map<string, number[]>();
    for (const sample of samples) {
      if (!sample.name.endsWith('_bucket')) continue;
      const list = counts.get(key(plain, sample.labels)) ?? [];
      counts.set(key(plain, sample.labels), list);
      list.push(sample.value);
    }
    for (const sample of samples) {
      if (!sample.name.endsWith('_sum')) continue;
      const own = key(plain, sample.labels);
      const cumulative = counts.get(own) ?? [];
      shown.set(own, `${sample.value} ${cumulative.map((value, index) => value - (cumulative[index - 1] ?? 0))}`);
    }
  }
  return shown;
}

/** Each delta of a series begins no earlier than the one before ended. */
function expectSpansInOrder(metrics: readonly MetricData[], ends: Map<string, number>): void {
  for (const { descriptor, dataPoints } of metrics) {
    if (descriptor.name === 'gauge') continue;
    for (const { attributes, startTime, endTime } of dataPoints) {
      const key = `${descriptor.name} ${textOf(attributes)}`;
      const [start, end] = [startTime, endTime].map(([seconds, nanos]) => seconds * 1e9 + nanos) as [number, number];
      expect(start).toBeGreaterThanOrEqual(ends.get(key) ?? 0);
      ends.set(key, end);
    }
  }
}

type Received = Map<string, { sum: number; buckets: number[] }>;

/** Adds deltas up, or takes cumulative values as they are. */
function receive(metrics: readonly MetricData[], into: Received): void {
  for (const { descriptor, aggregationTemporality, dataPoints } of metrics) {
    for (const { attributes, value, startTime, endTime } of dataPoints) {
      expect(startTime[0] * 1e9 + startTime[1]).toBeLessThanOrEqual(endTime[0] * 1e9 + endTime[1]);
      const key = `${descriptor.name} ${textOf(attributes)}`;
      const isDelta = aggregationTemporality === AggregationTemporality.DELTA && descriptor.name !== 'gauge';
      const before = (isDelta ? into.get(key) : undefined) ?? { sum: 0, buckets: [0, 0, 0, 0] };
      if (typeof value === 'number') into.set(key, { sum: before.sum + value, buckets: before.buckets });
      else if ('buckets' in value) {
        const { counts } = value.buckets;
        into.set(key, {
          sum: before.sum + (value.sum ?? 0),
          buckets: before.buckets.map((count, index) => count + (counts[index] ?? 0)),
        });
      }
    }
  }
}

function shownByReceived(received: Received): Map<string, string> {
  return new Map(
    [...received].map(([key, { sum, buckets }]) => [
      key,
      key.startsWith('histogram ') ? `${sum} ${buckets}` : String(sum),
    ]),
  );
}

const text = fc.constantFrom(
  '',
  'a',
  'b',
  'orders',
  '1',
  'true',
  'x"y',
  'x\ny',
  'x\\y',
  'é',
  '日本',
  'null',
  '{}',
  '[1]',
);
const value: fc.Arbitrary<AttributeValue> = fc.oneof(
  { weight: 5, arbitrary: text },
  fc.integer({ min: 0, max: 2 }),
  fc.boolean(),
);
const attributesOf = fc
  .uniqueArray(fc.constantFrom('pipeline_id', 'error_code', 'from_state', 'q.r', 'z'), { maxLength: 3 })
  .chain((keys) => fc.tuple(...keys.map((key) => value.map((v) => [key, v] as const))))
  .map((entries): Attributes => Object.fromEntries(entries));

const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('record' as const),
      instrument: fc.constantFrom(...INSTRUMENTS),
      attributes: fc.nat(11),
      amount: fc.integer({ min: 0, max: 200 }),
      how: fc.constantFrom('frozen' as const, 'same' as const, 'copy' as const, 'changed' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('remove' as const), attributes: fc.nat(11), part: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'read' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'deltas' as const }) },
);

/** What has deltas; a series whose whole sum is 0 may never have been told. */
function sums(shown: Map<string, string>): Map<string, string> {
  return new Map([...shown].filter(([key, value]) => !key.startsWith('gauge ') && value !== '0'));
}

function pushing(engine: MetricsEngine, temporality: AggregationTemporality) {
  const exporter = new InMemoryMetricExporter(temporality);
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: 3_600_000,
    metricProducers: [engine.producer(() => temporality)],
  });
  const provider = new MeterProvider({ readers: [reader] });
  return {
    async flush(): Promise<MetricData[]> {
      exporter.reset();
      await provider.forceFlush();
      return exporter.getMetrics().flatMap((collected) => collected.scopeMetrics.flatMap(({ metrics }) => metrics));
    },
    close: () => provider.shutdown(),
  };
}

describe('an engine against a model', () => {
  test('any sequence of records, removals and readings shows the same numbers through every reader', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(attributesOf, { minLength: 12, maxLength: 12 }),
        fc.array(step, { maxLength: 80 }),
        async (pool, steps) => {
          let tick = 0;
          const engine = new MetricsEngine({ now: () => tick });
          const meter = engine.getMeter('m', '1');
          const counter = meter.createCounter('counter');
          const updown = meter.createUpDownCounter('updown');
          const gauge = meter.createGauge('gauge');
          const histogram = meter.createHistogram('histogram', { advice: { explicitBucketBoundaries: BOUNDS } });
          const model = new Model();
          const frozen = pool.map((attributes) => Object.freeze({ ...attributes }));
          const mutable = pool.map((attributes) => ({ ...attributes }));
          const cumulative = pushing(engine, AggregationTemporality.CUMULATIVE);
          const delta = pushing(engine, AggregationTemporality.DELTA);
          const deltas: Received = new Map();
          const ends = new Map<string, number>();
          const startedAt = new Map<string, number>();

          const check = async (): Promise<void> => {
            const wanted = model.shown();
            expect(shownByFamilies(engine)).toEqual(wanted);
            const collected: ResourceMetrics = (await engine.producer().collect()).resourceMetrics;
            const official = new PrometheusSerializer(undefined, false, undefined, true, true).serialize(collected);
            const parsed = wanted.size === 0 ? new Map() : parsePrometheus(official);
            expect(shownByText(parsed)).toEqual(wanted);
            const own = expositionText({ resource: collected.resource, scopeMetrics: [], families: engine.families() });
            expect(shownByText(parsePrometheus(own))).toEqual(wanted);
            const received: Received = new Map();
            receive(await cumulative.flush(), received);
            expect(shownByReceived(received)).toEqual(wanted);
            for (const family of engine.families()) {
              for (const { series, startTimeMs } of family.points()) {
                const key = textOf(series.attributes);
                const since = model.points.get(family.name as InstrumentName)!.get(key)!.since;
                expect(startTimeMs).toBeLessThanOrEqual(since);
                expect(startTimeMs).toBeGreaterThanOrEqual(startedAt.get(key) ?? 0);
              }
            }
          };
          const checkDeltas = async (): Promise<void> => {
            const told = await delta.flush();
            expectSpansInOrder(told, ends);
            receive(told, deltas);
            expect(sums(shownByReceived(deltas))).toEqual(sums(model.shown(model.all)));
          };

          for (const next of steps) {
            tick += 1;
            if (next.do === 'read') await check();
            else if (next.do === 'deltas') await checkDeltas();
            else if (next.do === 'remove') {
              const whole = pool[next.attributes]!;
              const attributes =
                next.part && whole.pipeline_id !== undefined ? { pipeline_id: whole.pipeline_id } : { ...whole };
              if (textOf(attributes) === '[]') continue;
              engine.remove(attributes);
              for (const key of model.remove(attributes)) startedAt.set(key, tick);
            } else {
              const index = next.attributes;
              if (next.how === 'changed') mutable[index] = Object.assign(mutable[index]!, pool[(index + 1) % 12]);
              const attributes =
                next.how === 'frozen' ? frozen[index]! : next.how === 'copy' ? { ...pool[index] } : mutable[index]!;
              const amount = next.instrument === 'updown' ? next.amount - 100 : next.amount;
              if (next.instrument === 'counter') counter.add(amount, attributes);
              else if (next.instrument === 'updown') updown.add(amount, attributes);
              else if (next.instrument === 'gauge') gauge.record(amount, attributes);
              else histogram.record(amount, attributes);
              model.record(next.instrument, attributes, amount, tick);
            }
          }
          await check();
          await checkDeltas();
          await Promise.all([cumulative.close(), delta.close()]);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('a limit keeps the number of series, and what is beyond is in one point, exactly (R2)', () => {
    const records = fc.array(fc.tuple(fc.nat(30), fc.integer({ min: 0, max: 9 }), fc.boolean()), { maxLength: 200 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), records, (limit, steps) => {
        let beyond = 0;
        const engine = new MetricsEngine({ seriesLimit: limit, onOverflow: () => beyond++, warn: () => {} });
        const counter = engine.getMeter('m').createCounter('c');
        const shown = new Map<string, number>();
        let overflow = 0;
        let expectedBeyond = 0;
        for (const [id, amount, removes] of steps) {
          const key = `p${id}`;
          if (removes) {
            engine.remove({ pipeline_id: key });
            shown.delete(key);
            continue;
          }
          counter.add(amount, { pipeline_id: key });
          if (shown.has(key) || shown.size < limit) shown.set(key, (shown.get(key) ?? 0) + amount);
          else {
            overflow += amount;
            expectedBeyond += 1;
          }
        }
        const [family] = engine.families();
        const points = [...(family?.points() ?? [])].length;
        expect(points).toBe(shown.size + (expectedBeyond > 0 ? 1 : 0));
        const got = new Map<string, number>();
        for (const { series, value: v } of family?.points() ?? []) got.set(JSON.stringify(series.attributes), v);
        const wanted = new Map([...shown].map(([id, v]) => [JSON.stringify({ pipeline_id: id }), v]));
        if (expectedBeyond > 0) wanted.set(JSON.stringify({ 'otel.metric.overflow': true }), overflow);
        expect(got).toEqual(wanted);
        expect(beyond).toBe(expectedBeyond);
      }),
      { numRuns: 200 },
    );
  });
});
