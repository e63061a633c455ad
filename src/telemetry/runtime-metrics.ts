/**
 * Owns the documented `jvm_*` memory and thread series, those of V8's heap, and `process_cpu_usage`, read from Node.js itself.
 * Every start function returns the function that takes away its callbacks and timers.
 */
import { readdirSync } from 'node:fs';
import os from 'node:os';
import v8 from 'node:v8';
import type { Attributes, Meter } from '@opentelemetry/api';
import { createInstrument } from '../metrics/instruments.ts';
import type { InstrumentKey } from '../metrics/names.ts';
import { observeGauge, observeTogether, stopAll } from './observe-gauge.ts';

const OF_HEAP_SPACES = {
  v8SpaceSize: 'space_size',
  v8SpaceUsed: 'space_used_size',
  v8SpaceAvailable: 'space_available_size',
  v8SpacePhysical: 'physical_space_size',
} as const satisfies Partial<Record<InstrumentKey, keyof v8.HeapSpaceInfo>>;

const attributesOfSpaces = new Map<string, Attributes>();

/** Frozen and the same each time, so that an engine may know a series by its object alone. */
function spaceAttributes(name: string): Attributes {
  let attributes = attributesOfSpaces.get(name);
  if (attributes === undefined) {
    attributes = Object.freeze({ 'v8js.heap.space.name': name });
    attributesOfSpaces.set(name, attributes);
  }
  return attributes;
}

function observeHeapSpaces(meter: Meter): () => void {
  const gauges = Object.entries(OF_HEAP_SPACES).map(
    ([key, field]) => [createInstrument(meter, key as keyof typeof OF_HEAP_SPACES), field] as const,
  );
  return observeTogether(
    meter,
    gauges.map(([gauge]) => gauge),
    (result) => {
      for (const space of v8.getHeapSpaceStatistics()) {
        const attributes = spaceAttributes(space.space_name);
        for (const [gauge, field] of gauges) result.observe(gauge, space[field], attributes);
      }
    },
  );
}

export function startMemoryMetrics(meter: Meter): () => void {
  return stopAll([
    observeGauge(meter, 'heapUsed', () => v8.getHeapStatistics().used_heap_size),
    observeGauge(meter, 'heapMax', () => v8.getHeapStatistics().heap_size_limit),
    observeGauge(meter, 'nonHeapUsed', () => process.memoryUsage().external),
    observeGauge(meter, 'v8HeapLimit', () => v8.getHeapStatistics().heap_size_limit),
    observeHeapSpaces(meter),
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
