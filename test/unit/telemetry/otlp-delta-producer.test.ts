import { expect, test } from '@jest/globals';
import { MeterProvider, type MetricProducer, MetricReader } from '@opentelemetry/sdk-metrics';
import { deltasOf } from '../../../src/telemetry/otlp/delta-producer.ts';
import { temporalitySelector } from '../../../src/telemetry/otlp/temporality.ts';

class PullReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

/** What a machine tells: totals that grow, one that may fall, and a share. */
function machine() {
  const reader = new PullReader();
  const meter = new MeterProvider({ readers: [reader] }).getMeter('host');
  const now = { seconds: 10, sockets: 3, share: 0.5 };
  for (const cpu of ['0', '1']) {
    meter.createObservableCounter('time').addCallback((result) => result.observe(now.seconds, { cpu }));
  }
  meter.createObservableUpDownCounter('sockets').addCallback((result) => result.observe(now.sockets));
  meter.createObservableGauge('share').addCallback((result) => result.observe(now.share));
  let latest: ReturnType<MetricProducer['collect']> | undefined;
  let second = 0;
  const collect = async (): ReturnType<MetricProducer['collect']> => {
    const result = await reader.collect();
    for (const { metrics } of result.resourceMetrics.scopeMetrics) {
      for (const { dataPoints } of metrics) {
        // The SDK's own times may be equal.
        for (const point of dataPoints) Object.assign(point, { startTime: [0, 0], endTime: [second, 0] });
      }
    }
    return result;
  };
  const producer: MetricProducer = {
    collect: () => {
      latest ??= collect();
      return latest;
    },
  };
  const pass = (seconds: number): void => {
    now.seconds += seconds;
    second += 1;
    latest = undefined;
  };
  return { producer, now, pass };
}

async function read(producer: MetricProducer): Promise<Record<string, unknown[]>> {
  const { resourceMetrics } = await producer.collect();
  return Object.fromEntries(
    resourceMetrics.scopeMetrics.flatMap(({ metrics }) =>
      metrics.map(({ descriptor, aggregationTemporality, dataPoints }) => [
        descriptor.name,
        [aggregationTemporality, ...dataPoints.map(({ value, startTime }) => [startTime[0], value])],
      ]),
    ),
  );
}

test('delta: observed totals come as changes to each reader for itself, all else as it is', async () => {
  const { producer, now, pass } = machine();
  const [one, other] = [
    deltasOf(producer, temporalitySelector('delta')),
    deltasOf(producer, temporalitySelector('delta')),
  ];
  pass(0);
  expect((await read(one)).time).toEqual([0, [0, 10], [0, 10]]);
  pass(5);
  now.sockets = 1;
  expect(await read(one)).toEqual({ time: [0, [1, 5], [1, 5]], sockets: [1, [0, 1]], share: [1, [0, 0.5]] });
  // A result that is shared says nothing new.
  expect(await read(one)).not.toHaveProperty('time');
  expect((await read(other)).time).toEqual([0, [0, 15], [0, 15]]);
  pass(-13);
  expect((await read(one)).time).toEqual([0, [2, 2], [2, 2]]);
  expect((await read(producer)).time).toEqual([1, [0, 2], [0, 2]]);
});

test.each(['cumulative', 'lowmemory'] as const)('%s: they stay totals', (preference) => {
  const { producer } = machine();
  expect(deltasOf(producer, temporalitySelector(preference))).toBe(producer);
});
