import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { startEventLoopMetrics } from '../../../src/telemetry/event-loop-metrics.ts';
import { Pulse } from '../../../src/telemetry/pulse.ts';

class Reader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}

  async values(): Promise<Record<string, number>> {
    const { resourceMetrics } = await this.collect();
    const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
    return Object.fromEntries(
      metrics.flatMap(({ descriptor, dataPoints }) => dataPoints.map(({ value }) => [descriptor.name, Number(value)])),
    );
  }
}

const MAX = 'nodejs.eventloop.delay.max';
const HOUR_MS = 3_600_000;
let stop = (): void => {};

function start(tickIntervalMs: number): [Reader, Reader] {
  const readers: [Reader, Reader] = [new Reader(), new Reader()];
  const pulse = new Pulse();
  const end = startEventLoopMetrics(new MeterProvider({ readers }).getMeter('test'), tickIntervalMs, pulse);
  stop = () => {
    end();
    pulse.stop();
  };
  return readers;
}

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

afterEach(() => stop());

test('a block is the longest delay, for every reader and as often as it is read (R1)', async () => {
  const [one, two] = start(HOUR_MS);
  await delay(50);
  block(150);
  await delay(1);
  const first = await one.values();
  expect(first[MAX]).toBeGreaterThan(0.1);
  expect(first['nodejs.eventloop.delay.min']).toBeLessThanOrEqual(first['nodejs.eventloop.delay.p50'] ?? 0);
  expect(first['nodejs.eventloop.delay.p99']).toBeLessThanOrEqual(first[MAX] ?? 0);
  expect(first['nodejs.eventloop.delay.mean']).toBeGreaterThan(0);
  expect(first['nodejs.eventloop.delay.stddev']).toBeGreaterThan(0);
  expect(first['nodejs.eventloop.utilization']).toBeGreaterThan(0);
  expect(first['nodejs.eventloop.utilization']).toBeLessThanOrEqual(1);
  expect((await two.values())[MAX]).toBeGreaterThanOrEqual(first[MAX] ?? Number.POSITIVE_INFINITY);
});

test('a block that begins with a new window counts in it, and is gone when the window is (R2)', async () => {
  const [reader] = start(200);
  await delay(210);
  block(150);
  await delay(200);
  expect((await reader.values())[MAX]).toBeGreaterThan(0.1);
  // The next windows are quiet, and say so; a busy machine may need another one.
  let max = Number.POSITIVE_INFINITY;
  for (let window = 0; window < 500 && max > 0.1; window++) {
    await delay(200);
    max = (await reader.values())[MAX] ?? max;
  }
  expect(max).toBeLessThan(0.1);
});

test('after the end there is nothing', async () => {
  const [reader] = start(HOUR_MS);
  stop();
  expect(await reader.values()).toEqual({});
});
