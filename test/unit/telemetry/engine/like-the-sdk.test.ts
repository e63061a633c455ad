/** What the API's callers and readers see is what the SDK gives them, where neither a value nor a name is at fault. */
import { describe, expect, test } from '@jest/globals';
import { type Attributes, type MeterProvider as Provider, ValueType } from '@opentelemetry/api';
import {
  AggregationTemporality,
  AggregationType,
  type CollectionResult,
  InstrumentType,
  MeterProvider,
  MetricReader,
} from '@opentelemetry/sdk-metrics';
import { MetricsEngine } from '../../../../src/telemetry/engine/metrics-engine.ts';
import { withEngine } from '../../../../src/telemetry/engine/reader.ts';

const { DELTA, CUMULATIVE } = AggregationTemporality;

class Reader extends MetricReader {
  protected async onShutdown(): Promise<void> {}
  protected async onForceFlush(): Promise<void> {}
}

/** One of the engine and one of the SDK, each with its reader. */
function both(temporality: AggregationTemporality, options: ConstructorParameters<typeof MetricReader>[0] = {}) {
  const readerOf = () => new Reader({ aggregationTemporalitySelector: () => temporality, ...options });
  const engine = new MetricsEngine({ warn: () => {} });
  const ours = readerOf();
  const theirs = readerOf();
  new MeterProvider({ readers: [withEngine(ours, engine)] });
  const sdk = new MeterProvider({ readers: [theirs] });
  return [
    { name: 'engine', provider: engine as Provider, collect: () => ours.collect() },
    { name: 'SDK', provider: sdk as Provider, collect: () => theirs.collect() },
  ];
}

interface Shown {
  readonly name: string;
  readonly isInteger: boolean;
  readonly description: string;
  readonly points: readonly unknown[];
}

function shown({ resourceMetrics }: CollectionResult): Shown[] {
  return resourceMetrics.scopeMetrics
    .flatMap(({ metrics }) => metrics)
    .map(({ descriptor, dataPoints }) => ({
      name: descriptor.name,
      isInteger: descriptor.valueType === ValueType.INT,
      description: descriptor.description,
      points: dataPoints.map(({ attributes, value }) => [
        attributes,
        typeof value === 'number' || !('buckets' in value)
          ? value
          : { count: value.count, sum: value.sum, counts: value.buckets.counts },
      ]),
    }));
}

/** What each shows after each step. */
async function compare(
  temporality: AggregationTemporality,
  steps: (provider: Provider) => readonly (() => void)[],
  options?: ConstructorParameters<typeof MetricReader>[0],
): Promise<Shown[][]> {
  const results: Shown[][][] = [];
  for (const { provider, collect } of both(temporality, options)) {
    const collected: Shown[][] = [];
    for (const step of steps(provider)) {
      step();
      collected.push(shown(await collect()));
    }
    results.push(collected);
  }
  const [engine, sdk] = results;
  expect(engine).toEqual(sdk);
  return engine!;
}

const NO_NUMBERS = ['5', '1e3', '', null, undefined, true, false, [], [7], {}, new Date(5), 5n];

describe('values', () => {
  test.each([ValueType.INT, ValueType.DOUBLE])('what is no number is left out (%p)', async (valueType) => {
    const [step] = await compare(CUMULATIVE, (provider) => {
      const meter = provider.getMeter('m');
      const counter = meter.createCounter('counter', { valueType });
      const histogram = meter.createHistogram('histogram', { valueType });
      return [
        () => {
          for (const value of [1000, ...NO_NUMBERS, 1] as number[]) {
            counter.add(value);
            histogram.record(value);
          }
        },
      ];
    });
    expect(step?.map(({ points }) => points)).toMatchObject([[[{}, 1001]], [[{}, { count: 2, sum: 1001 }]]]);
  });

  test('nothing throws, though the SDK does', () => {
    const engine = new MetricsEngine({ warn: () => {} });
    const meter = engine.getMeter('m');
    const instruments = [meter.createCounter('c'), meter.createUpDownCounter('u')];
    for (const value of [Symbol('5'), () => 5]) {
      for (const instrument of instruments) instrument.add(value as never);
      meter.createHistogram('h').record(value as never);
      meter.createGauge('g').record(value as never);
    }
    expect(engine.size).toBe(0);
  });

  test.each(['abc', 5, true, null])('attributes that are no object (%p) are none', (attributes) => {
    const engine = new MetricsEngine();
    const counter = engine.getMeter('m').createCounter('c');
    counter.add(1);
    for (let count = 0; count < 2; count++) counter.add(1, attributes as never);
    expect(Array.from([...engine.families()][0]!.points(), ({ value }) => value)).toEqual([3]);
  });

  test('an attribute that throws when it is read costs its measurement nothing else', () => {
    const engine = new MetricsEngine();
    const thrower = Object.defineProperty({ id: 'a' } as Attributes, 'worse', {
      enumerable: true,
      get: () => {
        throw new Error('unreadable');
      },
    });
    engine.getMeter('m').createCounter('c').add(1, thrower);
    expect(Array.from([...engine.families()][0]!.points(), ({ series }) => series.attributes)).toEqual([
      { id: 'a', worse: '[unreadable]' },
    ]);
  });
});

describe('instruments', () => {
  test('of one name, integers and fractions are two; the longer description stays', async () => {
    await compare(CUMULATIVE, (provider) => {
      const meter = provider.getMeter('m');
      const whole = meter.createCounter('c', { valueType: ValueType.INT, description: 'short' });
      const fraction = meter.createCounter('c', { description: 'a longer one' });
      return [
        () => {
          whole.add(1.9);
          for (let count = 0; count < 2; count++) fraction.add(0.5);
        },
        () => meter.createCounter('c', { valueType: ValueType.INT, description: 'no longer short' }).add(1),
      ];
    });
  });

  test.each([null, { unit: null, description: null, valueType: null, advice: null }])(
    'options may be null as well as absent (%p)',
    async (options) => {
      await compare(CUMULATIVE, (provider) => {
        const meter = provider.getMeter('m');
        return [() => meter.createHistogram('h', options as never).record(3)];
      });
    },
  );

  test('an invalid name is warned of', () => {
    const warnings: string[] = [];
    const meter = new MetricsEngine({ warn: (message) => warnings.push(message) }).getMeter('m');
    for (const name of ['1st', '', 'a b', 'x'.repeat(256), undefined, null]) meter.createCounter(name as string).add(1);
    for (const name of ['a', 'A.b-c/d_1', 'x'.repeat(255)]) meter.createCounter(name).add(1);
    expect(warnings).toEqual([
      expect.stringContaining('"1st"'),
      expect.stringContaining('""'),
      expect.stringContaining('"a b"'),
      expect.stringContaining('xxx'),
    ]);
  });
});

describe('observable totals', () => {
  const kinds = ['createObservableCounter', 'createObservableUpDownCounter'] as const;

  test.each(kinds)('%s that is not observed for once adds only what came since', async (kind) => {
    const steps = await compare(DELTA, (provider) => {
      let value: number | undefined;
      provider
        .getMeter('m')
        [kind]('o')
        .addCallback((result) => {
          if (value !== undefined) result.observe(value, { id: 'a' });
        });
      return [10, undefined, undefined, 15].map((next) => () => {
        value = next;
      });
    });
    expect(steps.map((step) => step[0]?.points)).toEqual([
      [[{ id: 'a' }, 10]],
      undefined,
      undefined,
      [[{ id: 'a' }, 5]],
    ]);
  });

  test('a callback that failed once adds only what came since, and its start stays', async () => {
    for (const temporality of [DELTA, CUMULATIVE]) {
      const [{ provider, collect } = both(temporality)[0]!] = both(temporality);
      let value = 10;
      provider
        .getMeter('m')
        .createObservableCounter('o')
        .addCallback((result) => {
          if (value === 0) throw new Error('for once');
          result.observe(value);
        });
      const collected: CollectionResult[] = [];
      for (const next of [10, 0, 15]) {
        value = next;
        collected.push(await collect());
      }
      expect(collected.map((one) => shown(one)[0]?.points)).toEqual([
        [[{}, 10]],
        undefined,
        [[{}, temporality === DELTA ? 5 : 15]],
      ]);
      const starts = [0, 2].map(
        (at) => collected[at]!.resourceMetrics.scopeMetrics[0]!.metrics[0]!.dataPoints[0]!.startTime,
      );
      if (temporality === CUMULATIVE) expect(starts[1]).toEqual(starts[0]);
    }
  });

  test('one that was set back is what came since', async () => {
    await compare(DELTA, (provider) => {
      let value = 0;
      provider
        .getMeter('m')
        .createObservableCounter('o')
        .addCallback((result) => result.observe(value));
      return [100, 1, 50].map((next) => () => {
        value = next;
      });
    });
  });

  test('one that was removed begins anew', async () => {
    const engine = new MetricsEngine();
    const producer = engine.producer(() => DELTA);
    engine
      .getMeter('m')
      .createObservableCounter('o')
      .addCallback((result) => result.observe(10, { id: 'a' }));
    const collect = async () => shown(await producer.collect())[0]?.points;
    expect(await collect()).toEqual([[{ id: 'a' }, 10]]);
    engine.remove({ id: 'a' });
    expect(engine.size).toBe(0);
    expect(await collect()).toEqual([[{ id: 'a' }, 10]]);
  });

  test('those that come and go are remembered up to the limit', async () => {
    const engine = new MetricsEngine({ seriesLimit: 5, warn: () => {} });
    const producer = engine.producer(() => DELTA);
    let round = 0;
    engine
      .getMeter('m')
      .createObservableCounter('o')
      .addCallback((result) => result.observe(1, { id: round % 8 }));
    let told = 0;
    for (; round < 16; round++) told += shown(await producer.collect()).length;
    // None of the eight is known any more when it comes again.
    expect(told).toBe(16);
    engine.remove({});
    expect(engine.size).toBe(0);
  });

  test('a callback that takes itself away while it runs keeps no other from running', async () => {
    const engine = new MetricsEngine();
    const observable = engine.getMeter('m').createObservableGauge('o');
    const once = (): void => observable.removeCallback(once);
    observable.addCallback(once);
    observable.addCallback((result) => result.observe(1));
    await engine.observe();
    expect(engine.size).toBe(1);
  });
});

describe('readers', () => {
  test('one that drops instruments gets none of them', async () => {
    const steps = await compare(
      CUMULATIVE,
      (provider) => {
        const meter = provider.getMeter('m');
        return [
          () => {
            meter.createCounter('counter').add(1);
            meter.createGauge('gauge').record(1);
          },
        ];
      },
      {
        aggregationSelector: (type) => ({
          type: type === 'COUNTER' ? AggregationType.DROP : AggregationType.DEFAULT,
        }),
      },
    );
    expect(steps[0]?.map(({ name }) => name)).toEqual(['gauge']);
  });

  test('the range of a delta is never told, since only that of the whole is known', async () => {
    const engine = new MetricsEngine();
    const histogram = engine.getMeter('m').createHistogram('h');
    const producer = engine.producer(() => DELTA);
    for (const value of [5, 7]) {
      histogram.record(value);
      const { resourceMetrics } = await producer.collect();
      const [point] = resourceMetrics.scopeMetrics[0]!.metrics[0]!.dataPoints;
      expect(point?.value).toEqual(expect.not.objectContaining({ min: expect.anything() }));
    }
  });

  test('the span of a delta begins where the one before ended, whatever was removed when', async () => {
    let now = 1000;
    const engine = new MetricsEngine({ now: () => now, seriesLimit: 10_000 });
    const meter = engine.getMeter('m');
    const [one, other] = [meter.createCounter('one'), meter.createCounter('other')];
    const producer = engine.producer(() => DELTA);
    const spans = async (name: string, id: string) => {
      const { resourceMetrics } = await producer.collect();
      return resourceMetrics.scopeMetrics
        .flatMap(({ metrics }) => metrics)
        .filter(({ descriptor }) => descriptor.name === name)
        .flatMap(({ dataPoints }) => [...dataPoints].filter(({ attributes }) => attributes.id === id))
        .map(({ startTime, endTime, value }) => [startTime[0], endTime[0], value]);
    };
    for (const counter of [one, other]) counter.add(1, { id: 'a' });
    now = 2000;
    engine.remove({ id: 'a' });
    one.add(1, { id: 'a' });
    now = 3000;
    expect(await spans('other', 'a')).toEqual([[1, 3, 1]]);
    other.add(5, { id: 'a' });
    now = 4000;
    expect(await spans('other', 'a')).toEqual([[3, 4, 5]]);
    // Removed after it was told, while the collection goes on.
    for (let id = 0; id < 5000; id++) one.add(1, { id });
    one.add(1, { id: 'a' });
    now = 5000;
    const collecting = spans('one', 'a');
    await new Promise(setImmediate);
    one.add(3, { id: 'a' });
    engine.remove({ id: 'a' });
    expect(await collecting).toEqual([[4, 5, 1]]);
    now = 6000;
    expect(await spans('one', 'a')).toEqual([[5, 6, 3]]);
  });

  test('what a reader drops is not kept for it', async () => {
    const engine = new MetricsEngine({ seriesLimit: 1_000_000 });
    const meter = engine.getMeter('m');
    const [counter, histogram] = [meter.createCounter('c'), meter.createHistogram('h')];
    const producer = engine.producer(
      () => DELTA,
      (type) => ({ type: type === InstrumentType.HISTOGRAM ? AggregationType.DROP : AggregationType.DEFAULT }),
    );
    for (let id = 0; id < 100_001; id++) {
      histogram.record(1, { pipeline_id: id });
      engine.remove({ pipeline_id: id });
    }
    counter.add(7, { pipeline_id: 'z' });
    engine.remove({ pipeline_id: 'z' });
    expect(shown(await producer.collect()).map(({ points }) => points)).toEqual([[[{ pipeline_id: 'z' }, 7]]]);
  });

  test('a histogram of observations is what each collection observed', async () => {
    const views = [
      {
        instrumentName: 'o',
        aggregation: { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM as const, options: { boundaries: [5] } },
      },
    ];
    const engine = new MetricsEngine({ views });
    const producer = engine.producer(() => DELTA);
    let value = 1;
    engine
      .getMeter('m')
      .createObservableGauge('o')
      .addCallback((result) => result.observe(value));
    const counts: unknown[] = [];
    for (const next of [1, 9, 9]) {
      value = next;
      counts.push(shown(await producer.collect())[0]?.points[0]);
    }
    expect(counts).toMatchObject([
      [{}, { count: 1, counts: [1, 0] }],
      [{}, { count: 1, counts: [0, 1] }],
      [{}, { count: 1, counts: [0, 1] }],
    ]);
  });
});
