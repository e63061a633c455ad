/** What the garbage collector did: its pauses, and what it moved into the old space. */
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import type { Meter, ObservableResult } from '@opentelemetry/api';
import { createInstrument } from '../metrics/instruments.ts';
import { PromotedBytes } from './promoted-bytes.ts';

// Frozen, so that an engine may know a series by its object alone.
const KINDS: Readonly<Record<number, { readonly gc: string }>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: Object.freeze({ gc: 'minor' }),
  [constants.NODE_PERFORMANCE_GC_MAJOR]: Object.freeze({ gc: 'major' }),
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: Object.freeze({ gc: 'incremental' }),
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: Object.freeze({ gc: 'weakcb' }),
};
const OTHER_KIND = Object.freeze({ gc: 'other' });

/**
 * One PerformanceObserver and one GCProfiler, stopped by the returned function. Every pause is recorded, not the first of a
 * batch of entries alone.
 */
export function startGcMetrics(meter: Meter): () => void {
  const pauses = createInstrument(meter, 'gcPause');
  const promotion = createInstrument(meter, 'gcPromotion');
  const promoted = new PromotedBytes();
  const record = (entries: readonly PerformanceEntry[]): void => {
    let hasMajor = false;
    for (const entry of entries) {
      const { kind } = (entry as { detail?: { kind?: number } }).detail ?? {};
      if (kind === constants.NODE_PERFORMANCE_GC_MAJOR) hasMajor = true;
      pauses.record(entry.duration / 1000, KINDS[kind ?? -1] ?? OTHER_KIND);
    }
    promoted.collected(entries.length, hasMajor);
  };
  const observer = new PerformanceObserver((list) => record(list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  const observe = (result: ObservableResult): void => result.observe(promoted.read());
  promotion.addCallback(observe);
  return () => {
    // What no turn of the loop has delivered yet belongs to the last export.
    record(observer.takeRecords());
    observer.disconnect();
    promotion.removeCallback(observe);
    promoted.stop();
  };
}
