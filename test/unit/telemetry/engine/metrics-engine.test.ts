import { describe, expect, test } from '@jest/globals';
import { type Attributes, ROOT_CONTEXT, TraceFlags, trace, ValueType } from '@opentelemetry/api';
import {
  AggregationType,
  createAllowListAttributesProcessor,
  createDenyListAttributesProcessor,
} from '@opentelemetry/sdk-metrics';
import type { MetricFamily } from '../../../../src/telemetry/engine/family.ts';
import { MetricsEngine, type MetricsEngineOptions } from '../../../../src/telemetry/engine/metrics-engine.ts';

const P = Object.freeze({ pipeline_id: 'p' });

function setUp(options: MetricsEngineOptions = {}) {
  const warnings: string[] = [];
  const engine = new MetricsEngine({ warn: (message) => warnings.push(message), ...options });
  return { engine, meter: engine.getMeter('m', '1'), warnings };
}

function family(engine: MetricsEngine, name: string): MetricFamily | undefined {
  return [...engine.families()].find((entry) => entry.name === name);
}

function values(engine: MetricsEngine, name: string): [Attributes, number][] {
  return Array.from(family(engine, name)?.points() ?? [], ({ series, value }) => [series.attributes, value]);
}

describe('instruments', () => {
  test('are what the API says, each created once', () => {
    const { engine, meter } = setUp();
    expect(engine.getMeter('m', '1')).toBe(meter);
    expect(engine.getMeter('m', '2')).not.toBe(meter);
    const counter = meter.createCounter('Requests', { unit: 's', description: 'd', valueType: ValueType.INT });
    expect(meter.createCounter('requests', { unit: 's', description: 'd', valueType: ValueType.INT })).toBe(counter);
    counter.add(1);
    counter.add(2, {});
    expect(values(engine, 'Requests')).toEqual([[{}, 3]]);
    expect(family(engine, 'Requests')).toMatchObject({
      scope: { name: 'm', version: '1' },
      description: 'd',
      unit: 's',
      valueType: ValueType.INT,
      kind: 'counter',
      boundaries: [],
      size: 1,
    });
  });

  test('refuse what would poison a series, with one warning each', () => {
    const { engine, meter, warnings } = setUp();
    const bad = [
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      'x' as unknown as number,
      undefined as unknown as number,
    ];
    const counter = meter.createCounter('counter');
    const updown = meter.createUpDownCounter('updown');
    const gauge = meter.createGauge('gauge');
    const histogram = meter.createHistogram('histogram');
    for (const value of bad) {
      counter.add(value, P);
      updown.add(value, P);
      gauge.record(value, P);
      histogram.record(value, P);
    }
    counter.add(-1, P);
    histogram.record(-1, P);
    expect(engine.size).toBe(0);
    expect(warnings).toHaveLength(4);
    updown.add(-1, P);
    gauge.record(-1, P);
    expect([values(engine, 'updown')[0]?.[1], values(engine, 'gauge')[0]?.[1]]).toEqual([-1, -1]);
  });

  test('a value on a boundary is in the bucket below; boundaries come from View, advice, default in this order', () => {
    const views = [
      {
        instrumentName: 'viewed',
        aggregation: {
          type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM as const,
          options: { boundaries: [5, 1, 5, Number.POSITIVE_INFINITY] },
        },
      },
    ];
    const { engine, meter } = setUp({ views });
    const advice = { explicitBucketBoundaries: [7] };
    for (const name of ['viewed', 'advised', 'plain']) {
      const histogram = meter.createHistogram(name, name === 'plain' ? {} : { advice });
      for (const value of [0, 1, 1.5, 5, 6]) histogram.record(value, P);
    }
    expect(family(engine, 'viewed')?.boundaries).toEqual([1, 5]);
    for (const point of family(engine, 'viewed')!.points()) {
      expect([point.bucket(0), point.bucket(1), point.bucket(2), point.count, point.value]).toEqual([2, 2, 1, 5, 13.5]);
    }
    expect(family(engine, 'advised')?.boundaries).toEqual([7]);
    expect(family(engine, 'plain')?.boundaries).toHaveLength(15);
  });

  test('attributes that change after a record do not change the series', () => {
    const { engine, meter } = setUp();
    const counter = meter.createCounter('c');
    const attributes: Attributes = { id: 'a' };
    counter.add(1, attributes);
    attributes.id = 'b';
    counter.add(10, attributes);
    counter.add(100, { id: 'a' });
    expect(values(engine, 'c')).toEqual([
      [{ id: 'a' }, 101],
      [{ id: 'b' }, 10],
    ]);
  });

  test('an instrument that comes to a series later moves nothing of the others', () => {
    const { engine, meter } = setUp();
    const names = Array.from({ length: 20 }, (_, index) => `counter_${index}`);
    const counters = names.map((name) => meter.createCounter(name));
    // Each comes between two measurements of those before it, with the very same object.
    for (const [index, counter] of counters.entries()) {
      for (const earlier of counters.slice(0, index)) earlier.add(1, P);
      counter.add(1, P);
      for (const earlier of counters.slice(0, index)) earlier.add(1, P);
    }
    for (const [index, name] of names.entries()) expect(values(engine, name)).toEqual([[P, 1 + 2 * (19 - index)]]);
  });

  test('an instrument that nobody wants costs no series', () => {
    const { engine, meter } = setUp({ wanted: (name) => name !== 'c' });
    meter.createCounter('c').add(1, P);
    meter.createObservableGauge('c').addCallback((result) => result.observe(1));
    expect(engine.size).toBe(0);
  });

  test('exemplars are kept for measurements within a sampled span', () => {
    const { engine, meter } = setUp({ now: () => 5 });
    const histogram = meter.createHistogram('h', { advice: { explicitBucketBoundaries: [1] } });
    const span = (traceFlags: number, digit: string) =>
      trace.setSpanContext(ROOT_CONTEXT, { traceId: digit.repeat(32), spanId: digit.repeat(16), traceFlags });
    histogram.record(0.5, P);
    histogram.record(2, P, span(TraceFlags.NONE, '1'));
    histogram.record(3, { ...P }, span(TraceFlags.SAMPLED, '2'));
    const seen = Array.from(family(engine, 'h')!.points(), (point) => [point.exemplar(0), point.exemplar(1)]);
    expect(seen).toEqual([[undefined, { value: 3, timeMs: 5, traceId: '2'.repeat(32), spanId: '2'.repeat(16) }]]);
    engine.remove(P);
    histogram.record(1, P);
    for (const point of family(engine, 'h')!.points()) expect(point.exemplar(1)).toBeUndefined();
  });
});

describe('Views', () => {
  test('rename, describe, choose attributes and aggregation, and drop', () => {
    const { engine, meter } = setUp({
      views: [
        {
          instrumentName: 'a.*',
          name: 'renamed',
          description: 'new',
          attributesProcessors: [createAllowListAttributesProcessor(['keep'])],
        },
        { instrumentName: 'dropped', aggregation: { type: AggregationType.DROP } },
        { instrumentName: 'latency', aggregation: { type: AggregationType.SUM } },
        {
          instrumentName: 'last',
          aggregation: { type: AggregationType.LAST_VALUE },
          attributesProcessors: [createDenyListAttributesProcessor(['drop'])],
        },
        { meterName: 'other', aggregation: { type: AggregationType.DROP } },
      ],
    });
    const counter = meter.createCounter('a.b');
    counter.add(1, { keep: 'x', drop: '1' });
    counter.add(2, { keep: 'x', drop: '2' });
    meter.createCounter('dropped').add(1);
    meter.createHistogram('latency').record(3);
    meter.createHistogram('latency').record(4);
    meter.createCounter('last').add(9, { drop: '1' });
    meter.createCounter('last').add(8, { drop: '2' });
    engine.getMeter('other').createCounter('x').add(1);
    expect([...engine.families()].map(({ name, kind, description }) => [name, kind, description])).toEqual([
      ['renamed', 'counter', 'new'],
      ['latency', 'counter', ''],
      ['last', 'gauge', ''],
    ]);
    expect(values(engine, 'renamed')).toEqual([[{ keep: 'x' }, 3]]);
    expect(values(engine, 'latency')).toEqual([[{}, 7]]);
    expect(values(engine, 'last')).toEqual([[{}, 8]]);
  });

  test('two that match give two streams if their names differ, and count once if they do not', () => {
    const { engine, meter } = setUp({
      views: [{ instrumentName: 'c' }, { instrumentName: '*' }, { instrumentName: 'c', name: 'second' }],
    });
    meter.createCounter('c').add(2);
    expect([values(engine, 'c'), values(engine, 'second')]).toEqual([[[{}, 2]], [[{}, 2]]]);
  });
});

describe('removal (R1)', () => {
  test('by the owner takes every series of every instrument; what comes back begins at 0', () => {
    let now = 1;
    const { engine, meter } = setUp({ now: () => now });
    const counter = meter.createCounter('c');
    const failed = meter.createCounter('f');
    counter.add(5, P);
    failed.add(1, { ...P, error_code: 'A' });
    failed.add(1, { ...P, error_code: 'B' });
    failed.add(7, { pipeline_id: 'other', error_code: 'A' });
    expect(engine.remove({ pipeline_id: 'p' })).toBe(3);
    expect(engine.remove({ pipeline_id: 'p' })).toBe(0);
    expect([...engine.families()].map(({ name }) => name)).toEqual(['f']);
    now = 2;
    counter.add(1, P);
    expect(values(engine, 'c')).toEqual([[P, 1]]);
    for (const { startTimeMs } of family(engine, 'c')!.points()) expect(startTimeMs).toBe(2);
  });

  test('by another attribute, and of exactly one series', () => {
    const { engine, meter } = setUp();
    const one = meter.createCounter('one');
    const two = meter.createCounter('two');
    for (const instrument of [one, two]) {
      instrument.add(1, P);
      instrument.add(1, { ...P, error_code: 'A' });
    }
    expect(engine.remove({ error_code: 'A' })).toBe(2);
    expect(engine.removeExactly(P)).toBe(2);
    expect(engine.removeExactly({ unknown: 'x' })).toBe(0);
    expect(engine.size).toBe(0);
  });

  test('while a reader walks: what goes is left out, what comes waits, nothing comes twice', () => {
    const { engine, meter } = setUp();
    const counter = meter.createCounter('c');
    for (let index = 0; index < 400; index++) counter.add(index, { pipeline_id: `p${index}` });
    const [walked] = engine.families();
    const seen: string[] = [];
    for (const { series } of walked!.points()) {
      seen.push(String(series.attributes.pipeline_id));
      if (seen.length === 100) {
        for (let index = 0; index < 400; index += 2) engine.remove({ pipeline_id: `p${index}` });
        for (let index = 0; index < 400; index += 4) counter.add(1, { pipeline_id: `p${index}` });
      }
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toHaveLength(100 + 150);
    expect(engine.size).toBe(300);
  });
});

describe('the limit of series (R2)', () => {
  test('counts and warns once; removal makes room', () => {
    const overflows: string[] = [];
    const { engine, meter, warnings } = setUp({ seriesLimit: 2, onOverflow: (name) => overflows.push(name) });
    const counter = meter.createCounter('c');
    const sets = ['a', 'b', 'x', 'y'].map((pipeline_id) => Object.freeze({ pipeline_id }));
    for (let round = 0; round < 3; round++) for (const set of sets) counter.add(1, set);
    const overflow = { 'otel.metric.overflow': true };
    expect(values(engine, 'c')).toEqual([
      [sets[0], 3],
      [sets[1], 3],
      [overflow, 6],
    ]);
    expect([overflows.length, warnings.length]).toEqual([6, 1]);
    engine.remove({ pipeline_id: 'a' });
    counter.add(1, sets[2]);
    expect(values(engine, 'c')).toContainEqual([sets[2], 1]);
    expect(overflows).toHaveLength(6);
  });

  test('a View may set its own, and so may a function of the name', () => {
    const { engine, meter } = setUp({
      seriesLimit: (name) => (name === 'small' ? 1 : 3),
      views: [{ instrumentName: 'viewed', aggregationCardinalityLimit: 2 }],
    });
    for (const name of ['small', 'viewed', 'large']) {
      for (let index = 0; index < 9; index++) meter.createCounter(name).add(1, { index });
    }
    expect([...engine.families()].map(({ size }) => size)).toEqual([2, 3, 4]);
  });

  test('different sets of keys are bounded as well', () => {
    const { engine, meter } = setUp();
    const counter = meter.createCounter('c');
    for (let index = 0; index < 1500; index++) counter.add(1, { [`key${index}`]: 'x' });
    const total = values(engine, 'c').reduce((sum, [, value]) => sum + value, 0);
    expect([engine.size, total]).toEqual([1001, 1500]);
  });
});

describe('observable instruments', () => {
  test('show what the last run observed, and no more', async () => {
    const { engine, meter } = setUp();
    let observed: [number, Attributes][] = [[1, P]];
    meter.createObservableGauge('g').addCallback((result) => {
      for (const [value, attributes] of observed) result.observe(value, attributes);
    });
    const counter = meter.createObservableCounter('c');
    const updown = meter.createObservableUpDownCounter('u');
    meter.addBatchObservableCallback(
      async (result) => {
        result.observe(counter, 5, P);
        result.observe(counter, 7, P);
        result.observe(updown, -5);
        result.observe(meter.createObservableGauge('g'), 99);
      },
      [counter, updown],
    );
    expect(engine.size).toBe(0);
    await engine.observe();
    expect([values(engine, 'g'), values(engine, 'c'), values(engine, 'u')]).toEqual([[[P, 1]], [[P, 7]], [[{}, -5]]]);
    observed = [[2, { pipeline_id: 'q' }]];
    await engine.observe();
    expect(values(engine, 'g')).toEqual([[{ pipeline_id: 'q' }, 2]]);
    observed = [];
    await engine.observe();
    expect(family(engine, 'g')).toBeUndefined();
  });

  test('a callback that throws, rejects or hangs takes its own series away, never the others (R1)', async () => {
    const { engine, meter } = setUp();
    let fails = false;
    const good = meter.createObservableGauge('good');
    good.addCallback((result) => result.observe(1));
    let late: (() => void) | undefined;
    for (const [name, fail] of [
      [
        'throws',
        () => {
          throw new Error('sensor');
        },
      ],
      ['rejects', () => Promise.reject(new Error('sensor'))],
      ['hangs', () => new Promise<void>(() => {})],
    ] as const) {
      meter.createObservableGauge(name).addCallback((result) => {
        result.observe(1);
        if (name === 'hangs') late ??= () => result.observe(5);
        return fails ? fail() : undefined;
      });
    }
    expect(await engine.observe(20)).toEqual([]);
    expect(engine.size).toBe(4);
    fails = true;
    expect(await engine.observe(20)).toHaveLength(3);
    expect([...engine.families()].map(({ name }) => name)).toEqual(['good']);
    late?.();
    fails = false;
    await engine.observe(20);
    expect(values(engine, 'hangs')).toEqual([[{}, 1]]);
  });

  test('refuse what is no value, and a counter what is negative', async () => {
    const { engine, meter, warnings } = setUp();
    meter.createObservableGauge('g').addCallback((result) => result.observe(Number.NaN));
    meter.createObservableCounter('c').addCallback((result) => result.observe(-1));
    await engine.observe();
    expect([engine.size, warnings.length]).toEqual([0, 2]);
  });

  test('callbacks are called once, however often added, and no more when removed', async () => {
    const { engine, meter } = setUp();
    let calls = 0;
    const gauge = meter.createObservableGauge('g');
    const callback = () => {
      calls += 1;
    };
    gauge.addCallback(callback);
    gauge.addCallback(callback);
    meter.addBatchObservableCallback(callback, [gauge]);
    meter.removeBatchObservableCallback(callback, [gauge]);
    await Promise.all([engine.observe(), engine.observe()]);
    gauge.removeCallback(callback);
    await engine.observe();
    expect(calls).toBe(1);
  });

  test('a series removed while callbacks run is not brought back by them', async () => {
    const { engine, meter } = setUp();
    let removed: () => void = () => {};
    const removal = new Promise<void>((resolve) => {
      removed = resolve;
    });
    meter.createObservableGauge('g').addCallback(async (result) => {
      result.observe(1, P);
      result.observe(1, { pipeline_id: 'stays' });
      await removal;
    });
    const run = engine.observe();
    engine.remove(P);
    removed();
    await run;
    expect(values(engine, 'g')).toEqual([[{ pipeline_id: 'stays' }, 1]]);
  });

  test('what is beyond the limit is one point: sums add up, a gauge shows the last', async () => {
    const { engine, meter } = setUp({ seriesLimit: 1 });
    const observe = (result: { observe(value: number, attributes: Attributes): void }): void => {
      for (let index = 1; index <= 4; index++) result.observe(index, { index });
    };
    meter.createObservableCounter('c').addCallback(observe);
    meter.createObservableGauge('g').addCallback(observe);
    for (let run = 0; run < 2; run++) {
      await engine.observe();
      expect([values(engine, 'c').map(([, v]) => v), values(engine, 'g').map(([, v]) => v)]).toEqual([
        [1, 9],
        [1, 4],
      ]);
    }
  });
});
