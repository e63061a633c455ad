import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { startEventLoopMetrics } from '../../../src/telemetry/event-loop-metrics.ts';
import { Pulse } from '../../../src/telemetry/pulse.ts';
import { ManualPulse } from '../../support/manual-pulse.ts';

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

function start(tickIntervalMs: number, pulse = new Pulse()): [Reader, Reader] {
  const readers: [Reader, Reader] = [new Reader(), new Reader()];
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

test('every delay counts, however many come before somebody reads', async () => {
  const pulse = new ManualPulse();
  const [reader] = start(HOUR_MS, pulse);
  const BEATS = 1234;
  block(150);
  // Those after the first come too early to be late: one microsecond each, the least that a histogram takes.
  for (let beat = 0; beat < BEATS; beat++) pulse.beat();
  const values = await reader.values();
  const max = values[MAX] ?? 0;
  expect(max).toBeGreaterThan(0.1);
  expect((values['nodejs.eventloop.delay.mean'] ?? 0) * BEATS).toBeCloseTo(max + (BEATS - 1) * 1e-6, 2);
  expect(values['nodejs.eventloop.delay.p90']).toBe(1e-6);
});

test('after the end there is nothing', async () => {
  const [reader] = start(HOUR_MS);
  stop();
  expect(await reader.values()).toEqual({});
});
