/**
 * Owns the documented `jvm_*` memory and thread series, and `process_cpu_usage`, read from Node.js itself.
 * Every start function returns the function that takes away its callbacks and timers.
 */
import { readdirSync } from 'node:fs';
import os from 'node:os';
import v8 from 'node:v8';
import type { Meter } from '@opentelemetry/api';
import { observeGauge, stopAll } from './observe-gauge.ts';

export function startMemoryMetrics(meter: Meter): () => void {
  return stopAll([
    observeGauge(meter, 'heapUsed', () => v8.getHeapStatistics().used_heap_size),
    observeGauge(meter, 'heapMax', () => v8.getHeapStatistics().heap_size_limit),
    observeGauge(meter, 'nonHeapUsed', () => process.memoryUsage().external),
  ]);
}

/** Only Linux says how many threads a process has; elsewhere there is no such series. */
export function startThreadMetrics(meter: Meter): () => void {
  if (process.platform !== 'linux') return () => {};
  return observeGauge(meter, 'threads', () => readdirSync('/proc/self/task').length);
}

/** Sampled on a timer of its own, so that the value does not depend on who scrapes how often. */
export function startCpuMetrics(meter: Meter, tickIntervalMs: number): () => void {
  const cores = os.availableParallelism();
  let previous = { at: performance.now(), usage: process.cpuUsage() };
  let share: number | undefined;

  const since = (): number | undefined => {
    const elapsedMicros = (performance.now() - previous.at) * 1000;
    const { user, system } = process.cpuUsage(previous.usage);
    return elapsedMicros <= 0 ? undefined : Math.min(1, (user + system) / (elapsedMicros * cores));
  };
  const timer = setInterval(() => {
    share = since();
    previous = { at: performance.now(), usage: process.cpuUsage() };
  }, tickIntervalMs);
  timer.unref();
  // Before the first tick the share since the start is the best there is.
  const stop = observeGauge(meter, 'cpuUsage', () => share ?? since());
  return () => {
    clearInterval(timer);
    stop();
  };
}
