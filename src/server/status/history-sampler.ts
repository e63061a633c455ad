/**
 * Owns the timer that samples the history, and the totals of the sample before, which rates are differences to.
 *
 * R1 A sample is synchronous: it reads the counters as they stand and waits for nothing.
 * R2 The timer keeps no process alive.
 */
import type { Clock, Timer } from '../../runtime/clock.ts';
import { noTotals, processingTimes, readTotals, type Totals } from './counters.ts';
import { History, type OverviewSample, type PipelineSample, SAMPLE_INTERVAL_MS } from './history.ts';
import type { StatusMetrics, StatusPorts } from './ports.ts';
import { quantile } from './quantiles.ts';
import type { SystemProbe } from './system-probe.ts';

interface Before {
  totals: Totals;
  /** Counts of the buckets of the processing times. */
  buckets: Float64Array | undefined;
}

export class HistorySampler {
  readonly history = new History();
  readonly #ports: Pick<StatusPorts, 'pipelines' | 'metrics'>;
  readonly #clock: Clock;
  readonly #probe: SystemProbe;
  readonly #before = new Map<string, Before>();
  #sampledAt: number;
  #timer: Timer | undefined;

  constructor(ports: Pick<StatusPorts, 'pipelines' | 'metrics' | 'clock'>, probe: SystemProbe) {
    this.#ports = ports;
    this.#clock = ports.clock;
    this.#probe = probe;
    this.#sampledAt = ports.clock.monotonic();
  }

  start(): void {
    this.#timer = this.#clock.setTimeout(
      () => {
        this.sample();
        this.start();
      },
      SAMPLE_INTERVAL_MS,
      { unref: true },
    );
  }

  close(): void {
    this.#timer?.cancel();
  }

  sample(): void {
    const now = this.#clock.monotonic();
    const seconds = Math.max(0.001, (now - this.#sampledAt) / 1000);
    this.#sampledAt = now;
    const samples = this.#pipelineSamples(seconds);
    const sum = { recordsPerSecond: 0, batchesPerSecond: 0, failuresPerSecond: 0 };
    for (const { recordsPerSecond, batchesPerSecond, failuresPerSecond } of samples.values()) {
      sum.recordsPerSecond += recordsPerSecond;
      sum.batchesPerSecond += batchesPerSecond;
      sum.failuresPerSecond += failuresPerSecond;
    }
    const isMeasured = this.#ports.metrics !== undefined;
    const overview: OverviewSample = { ...(isMeasured ? sum : UNMEASURED), ...this.#probe.take() };
    this.history.add(Math.round(this.#clock.now() / 1000), overview, samples);
  }

  #pipelineSamples(seconds: number): Map<string, PipelineSample> {
    const samples = new Map<string, PipelineSample>();
    const { metrics } = this.#ports;
    if (metrics === undefined) return samples;
    const totals = new Map<string, Totals>();
    for (const { id } of this.#ports.pipelines()) totals.set(id, noTotals());
    for (const id of this.#before.keys()) if (!totals.has(id)) this.#before.delete(id);
    readTotals(metrics, (id) => totals.get(id));
    const percentiles = this.#percentiles(metrics, totals);
    for (const [id, now] of totals) {
      const before = this.#beforeOf(id);
      // Less than before: the pipeline was removed and made again, and counts from 0.
      const rate = (total: keyof Totals): number => {
        const grown = now[total] - before.totals[total];
        return (grown >= 0 ? grown : now[total]) / seconds;
      };
      samples.set(id, {
        recordsPerSecond: rate('records'),
        batchesPerSecond: rate('batches'),
        failuresPerSecond: rate('batchesFailed'),
        retriesPerSecond: rate('retries'),
        ...(percentiles.get(id) ?? NO_PERCENTILES),
      });
      before.totals = now;
    }
    return samples;
  }

  #percentiles(metrics: StatusMetrics, totals: ReadonlyMap<string, Totals>) {
    const result = new Map<string, typeof NO_PERCENTILES>();
    const family = processingTimes(metrics);
    if (family === undefined) return result;
    const { boundaries } = family;
    const counts = new Float64Array(boundaries.length + 1);
    for (const point of family.points()) {
      const id = String(point.series.attributes.pipeline_id);
      if (!totals.has(id)) continue;
      const before = this.#beforeOf(id);
      before.buckets ??= new Float64Array(counts.length);
      let isReset = false;
      for (let index = 0; index < counts.length; index++) {
        counts[index] = point.bucket(index) - before.buckets[index]!;
        isReset ||= counts[index]! < 0;
      }
      for (let index = 0; index < counts.length; index++) {
        if (isReset) counts[index] = point.bucket(index);
        before.buckets[index] = point.bucket(index);
      }
      result.set(id, {
        p50Ms: quantile(0.5, boundaries, counts),
        p95Ms: quantile(0.95, boundaries, counts),
        p99Ms: quantile(0.99, boundaries, counts),
      });
    }
    return result;
  }

  #beforeOf(id: string): Before {
    let before = this.#before.get(id);
    if (before === undefined) {
      before = { totals: noTotals(), buckets: undefined };
      this.#before.set(id, before);
    }
    return before;
  }
}

const NO_PERCENTILES = { p50Ms: Number.NaN, p95Ms: Number.NaN, p99Ms: Number.NaN };
const UNMEASURED = {
  recordsPerSecond: Number.NaN,
  batchesPerSecond: Number.NaN,
  failuresPerSecond: Number.NaN,
};
