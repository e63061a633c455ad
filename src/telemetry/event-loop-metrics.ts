/**
 * Owns what the event loop's series need: how late the pulse beats, which is the delay, and a tick that closes a window.
 *
 * R1 Every reader sees the same closed window; reading changes nothing, so that two readers do not take each other's
 *    values. Before the first tick it is what there is since the start.
 * R2 No block is missed: the lateness that ends after a tick counts for the window in which it ends. (The delay histogram
 *    of Node.js loses the interval in which it is reset.)
 * R3 No timer keeps the process alive.
 */
import { createHistogram, performance, type RecordableHistogram } from 'node:perf_hooks';
import type { Meter } from '@opentelemetry/api';
import { createInstrument } from '../metrics/instruments.ts';
import type { InstrumentKey } from '../metrics/names.ts';
import { observeEach, observeGauge, stopAll } from './observe-gauge.ts';
import { PULSE_MS, type Pulse } from './pulse.ts';

const MICROS = 1e6;
/** Ten seconds of them. */
const MOST_WAITING = 500;
const ACTIVE = Object.freeze({ 'nodejs.eventloop.state': 'active' });
const IDLE = Object.freeze({ 'nodejs.eventloop.state': 'idle' });

type Statistic = (histogram: RecordableHistogram) => number;

const DELAYS = {
  loopDelayMin: ({ min }) => min,
  loopDelayMax: ({ max }) => max,
  loopDelayMean: ({ mean }) => mean,
  loopDelayStddev: ({ stddev }) => stddev,
  loopDelayP50: (histogram) => histogram.percentile(50),
  loopDelayP90: (histogram) => histogram.percentile(90),
  loopDelayP99: (histogram) => histogram.percentile(99),
} as const satisfies Partial<Record<InstrumentKey, Statistic>>;

export function startEventLoopMetrics(meter: Meter, tickIntervalMs: number, pulse: Pulse): () => void {
  const delays = new LoopDelays(pulse);
  let utilizationStart = performance.eventLoopUtilization();
  let utilization: number | undefined;
  let window: RecordableHistogram | undefined;

  const busyShare = (): number => performance.eventLoopUtilization(utilizationStart).utilization;
  const tick = setInterval(() => {
    window = delays.closeWindow();
    utilization = busyShare();
    utilizationStart = performance.eventLoopUtilization();
  }, tickIntervalMs);
  tick.unref();

  const gauges = Object.entries(DELAYS).map(([key, statistic]: [string, Statistic]) =>
    observeGauge(meter, key as keyof typeof DELAYS, () => {
      const histogram = window ?? delays.current;
      return histogram.count === 0 ? undefined : statistic(histogram) / MICROS;
    }),
  );
  return stopAll([
    () => clearInterval(tick),
    delays.stop,
    observeGauge(meter, 'loopUtilization', () => utilization ?? busyShare()),
    observeEach(createInstrument(meter, 'loopTime'), (result) => {
      const { active, idle } = performance.eventLoopUtilization();
      result.observe(active / 1000, ACTIVE);
      result.observe(idle / 1000, IDLE);
    }),
    ...gauges,
  ]);
}

/** Histograms of microseconds. */
class LoopDelays {
  #histogram = createHistogram();
  /** Not in the histogram yet: one by one between two pieces of other work, each costs ten times as much. */
  readonly #waiting: number[] = [];
  /** A block shorter than the pulse may fall between two beats. */
  #due = performance.now() + PULSE_MS;
  readonly stop: () => void;

  constructor(pulse: Pulse) {
    this.stop = pulse.onBeat(() => this.#look());
  }

  get current(): RecordableHistogram {
    this.#recordWaiting();
    return this.#histogram;
  }

  closeWindow(): RecordableHistogram {
    const closed = this.current;
    this.#histogram = createHistogram();
    return closed;
  }

  #look(): void {
    const now = performance.now();
    this.#waiting.push(Math.max(1, Math.round((now - this.#due) * 1000)));
    this.#due = now + PULSE_MS;
    if (this.#waiting.length === MOST_WAITING) this.#recordWaiting();
  }

  #recordWaiting(): void {
    for (const micros of this.#waiting.splice(0)) this.#histogram.record(micros);
  }
}
