/**
 * Owns what the garbage collector's metrics need: one PerformanceObserver, one GCProfiler, one timer, all stopped by
 * the returned function.
 *
 * R1 Every pause is recorded, not the first of a batch of entries alone.
 * R2 The profiler buffers each collection, so it is emptied at every tick and every observation.
 */
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import v8 from 'node:v8';
import type { Meter, ObservableResult } from '@opentelemetry/api';
import { createInstrument } from '../metrics/instruments.ts';

// Frozen, so that an engine may know a series by its object alone.
const KINDS: Readonly<Record<number, { readonly gc: string }>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: Object.freeze({ gc: 'minor' }),
  [constants.NODE_PERFORMANCE_GC_MAJOR]: Object.freeze({ gc: 'major' }),
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: Object.freeze({ gc: 'incremental' }),
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: Object.freeze({ gc: 'weakcb' }),
};
const OTHER_KIND = Object.freeze({ gc: 'other' });

type SpaceStatistics = { readonly heapSpaceStatistics: readonly { spaceName: string; spaceUsedSize: number }[] };

/** Where a scavenge moves what survives: large objects by handing over their page. */
const OLD_SPACES = ['old_space', 'large_object_space'];

function oldBytes({ heapSpaceStatistics }: SpaceStatistics): number {
  let bytes = 0;
  for (const { spaceName, spaceUsedSize } of heapSpaceStatistics) {
    if (OLD_SPACES.includes(spaceName)) bytes += spaceUsedSize;
  }
  return bytes;
}

export function startGcMetrics(meter: Meter, tickIntervalMs: number): () => void {
  const stopPauses = startPauses(meter);
  const stopPromotion = startPromotion(meter, tickIntervalMs);
  return () => {
    stopPauses();
    stopPromotion();
  };
}

function startPauses(meter: Meter): () => void {
  const pauses = createInstrument(meter, 'gcPause');
  const recordAll = (entries: readonly PerformanceEntry[]): void => {
    for (const entry of entries) {
      const { kind } = (entry as { detail?: { kind?: number } }).detail ?? {};
      pauses.record(entry.duration / 1000, KINDS[kind ?? -1] ?? OTHER_KIND);
    }
  };
  const observer = new PerformanceObserver((list) => recordAll(list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  return () => {
    // What no turn of the loop has delivered yet belongs to the last export.
    recordAll(observer.takeRecords());
    observer.disconnect();
  };
}

function startPromotion(meter: Meter, tickIntervalMs: number): () => void {
  const promotion = createInstrument(meter, 'gcPromotion');
  let profiler = new v8.GCProfiler();
  let promotedBytes = 0;
  profiler.start();

  const empty = (): void => {
    // stop() gives nothing when it was called before.
    const statistics = profiler.stop()?.statistics ?? [];
    for (const { gcType, beforeGC, afterGC } of statistics) {
      if (gcType.startsWith('Scavenge')) {
        promotedBytes += Math.max(0, oldBytes(afterGC) - oldBytes(beforeGC));
      }
    }
  };
  const restart = (): void => {
    empty();
    profiler = new v8.GCProfiler();
    profiler.start();
  };
  const observe = (result: ObservableResult): void => {
    try {
      restart();
    } catch {
      // The last known value is still true: it only grows.
    }
    result.observe(promotedBytes);
  };
  const timer = setInterval(restart, tickIntervalMs);
  timer.unref();
  promotion.addCallback(observe);
  return () => {
    clearInterval(timer);
    promotion.removeCallback(observe);
    profiler.stop();
  };
}
