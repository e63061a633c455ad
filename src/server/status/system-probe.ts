/**
 * Owns what the page shows of the process itself, read from Node.js, so that it is there without metrics, and so that
 * no collection is made for it: what a collection resets belongs to Prometheus.
 *
 * R1 Nothing here keeps the process alive, and nothing is left after `close`.
 */
import os from 'node:os';
import { monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks';
import type { OverviewSample } from './history.ts';

const RESOLUTION_MS = 20;
const NANOS = 1e9;

export type SystemSample = Omit<OverviewSample, 'recordsPerSecond' | 'batchesPerSecond' | 'failuresPerSecond'>;

export class SystemProbe {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #observer = new PerformanceObserver((list) => this.#count(list.getEntries()));
  #gcPauseMs = 0;
  #windowAt = performance.now();
  #loop = performance.eventLoopUtilization();
  #cpu = process.cpuUsage();
  #last: SystemSample | undefined;

  constructor() {
    this.#delay.enable();
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  /** Closes the window: all shares and rates are over the time since the call before. */
  take(): SystemSample {
    this.#count(this.#observer.takeRecords());
    const now = performance.now();
    const elapsedMs = Math.max(1, now - this.#windowAt);
    const loop = performance.eventLoopUtilization();
    const { user, system } = process.cpuUsage(this.#cpu);
    const sample: SystemSample = {
      // The timer counts its own period as delay.
      eventLoopDelayP99Seconds: Math.max(0, this.#delay.percentile(99) - RESOLUTION_MS * 1e6) / NANOS,
      eventLoopUtilization: performance.eventLoopUtilization(loop, this.#loop).utilization,
      ...memory(),
      cpuUsage: Math.min(1, (user + system) / (elapsedMs * 1000 * os.availableParallelism())),
      gcPauseSecondsPerSecond: this.#gcPauseMs / elapsedMs,
    };
    this.#delay.reset();
    this.#gcPauseMs = 0;
    this.#windowAt = now;
    this.#loop = loop;
    this.#cpu = process.cpuUsage();
    this.#last = sample;
    return sample;
  }

  /** The window closed last, with the memory of now. */
  look(): SystemSample {
    return { ...(this.#last ?? this.take()), ...memory() };
  }

  close(): void {
    this.#delay.disable();
    this.#observer.disconnect();
  }

  #count(entries: readonly { readonly duration: number }[]): void {
    for (const { duration } of entries) this.#gcPauseMs += duration;
  }
}

function memory() {
  const { heapUsed, rss } = process.memoryUsage();
  return { heapUsedBytes: heapUsed, rssBytes: rss };
}
