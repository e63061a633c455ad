/**
 * Owns the rhythm of pushing metrics: a timer, and the last export at shutdown. What waits for the backend is the
 * queue's.
 *
 * R1 Nothing of a protocol is loaded before the first export.
 * R2 One collection at a time; a tick that finds one in progress, or no room for changes, is left out, and what it would
 *    have brought comes with the next one.
 * R3 `shutdown` collects and sends once more and ends within five seconds, whatever callbacks and backend do. That last
 *    collection waits for no other one and has room always; what does not come of it is said.
 * R4 The timer does not keep the process alive.
 */
import { diag } from '@opentelemetry/api';
import { type MetricProducer, MetricReader } from '@opentelemetry/sdk-metrics';
import type { Environment } from '../../connectors/environment.ts';
import { messageOf } from '../../errors.ts';
import { processWarning } from '../../metrics/guard.ts';
import { type Clock, systemClock, type Timer } from '../../runtime/clock.ts';
import type { TelemetryConfig } from '../telemetry-config.ts';
import { deltasOf } from './delta-producer.ts';
import { ExportQueue } from './export-queue.ts';
import { checkSender, openSender } from './open-sender.ts';
import { type OtlpConfig, otlpUrl, pushesOtlp } from './otlp-config.ts';
import type { OtlpSender } from './otlp-sender.ts';
import { temporalitySelector } from './temporality.ts';

/** ms for a callback. Where a collection holds changes, one in progress at the end must be able to end as well. */
const COLLECT_TIMEOUT_MS = { cumulative: 8000, changes: 3000 };
/** Of the five seconds a part is left to the rest of the shutdown. */
const SHUTDOWN_TIMEOUT_MS = 4500;
/** Of these, what sending has at least. */
const LAST_SEND_MS = 1000;
/** ms for a callback in the last collection: one that never settles must not take the others with it. */
const LAST_CALLBACK_TIMEOUT_MS = 1000;
/** ms in which a collection in progress may end, so that it is sent before the last one. */
const GRACE_MS = 1000;

export interface OtlpReaderOptions {
  /** For the references in headers and the TLS files that OTEL_* names; default: `process.env`. */
  readonly env?: Environment;
  /** Default: the sender of the configured protocol. */
  readonly open?: () => Promise<OtlpSender>;
  /** For the waits of retries and of the shutdown. */
  readonly clock?: Clock;
}

export class OtlpReader extends MetricReader {
  readonly #queue: ExportQueue;
  readonly #intervalMs: number;
  readonly #clock: Clock;
  readonly #target: string;
  readonly #holdsChanges: boolean;
  #begun = 0;
  #newest = 0;
  #timer: NodeJS.Timeout | undefined;
  #collecting: Promise<void> | undefined;

  constructor(config: TelemetryConfig, producers: readonly MetricProducer[], options: OtlpReaderOptions) {
    const { otlp, seriesLimit, tickIntervalMs } = config;
    const temporality = temporalitySelector(otlp.temporality);
    super({
      aggregationTemporalitySelector: temporality,
      cardinalitySelector: () => seriesLimit,
      metricProducers: producers.map((producer) => deltasOf(producer, temporality)),
    });
    this.#intervalMs = otlp.intervalMs ?? tickIntervalMs;
    this.#clock = options.clock ?? systemClock;
    this.#target = shownTarget(otlp);
    this.#holdsChanges = otlp.temporality !== 'cumulative';
    this.#queue = new ExportQueue({
      clock: this.#clock,
      open: options.open ?? (() => openSender(otlp, options.env ?? process.env, this.#clock)),
      timeoutMs: otlp.timeoutMs,
      target: this.#target,
      holdsChanges: this.#holdsChanges,
    });
  }

  protected override onInitialized(): void {
    this.#timer = setInterval(() => {
      this.#collect();
    }, this.#intervalMs);
    this.#timer.unref();
  }

  protected override async onForceFlush(): Promise<void> {
    await this.#collecting;
    await this.#collect();
  }

  protected override async onShutdown(): Promise<void> {
    clearInterval(this.#timer);
    const end = this.#clock.monotonic() + SHUTDOWN_TIMEOUT_MS;
    this.#queue.beginClosing(end);
    const before = this.#collecting;
    await this.#within(GRACE_MS, before);
    const last = this.#collectNow(LAST_CALLBACK_TIMEOUT_MS);
    // Totals of a collection before say nothing that the last one does not say.
    const wanted = Promise.all(this.#holdsChanges ? [before, last] : [last]);
    const isWhole = await this.#within(end - LAST_SEND_MS - this.#clock.monotonic(), wanted);
    if (!isWhole) {
      processWarning(
        `Metrics could not be collected in time before the end: the last values did not reach ${this.#target}. Look for callbacks of observable instruments that take long.`,
      );
    }
    await this.#queue.close(end - this.#clock.monotonic());
  }

  /** Whether the work ended in time. */
  async #within(timeoutMs: number, work: Promise<unknown> | undefined): Promise<boolean> {
    if (work === undefined) return true;
    let timer: Timer | undefined;
    const deadline = new Promise<false>((resolve) => {
      timer = this.#clock.setTimeout(() => resolve(false), timeoutMs);
    });
    const isDone = await Promise.race([work.then(() => true), deadline]);
    timer?.cancel();
    return isDone;
  }

  #collect(): Promise<void> {
    if (this.#queue.isFull) return Promise.resolve();
    const timeoutMs = COLLECT_TIMEOUT_MS[this.#holdsChanges ? 'changes' : 'cumulative'];
    this.#collecting ??= this.#collectNow(timeoutMs).finally(() => {
      this.#collecting = undefined;
    });
    return this.#collecting;
  }

  async #collectNow(timeoutMillis: number): Promise<void> {
    const number = ++this.#begun;
    try {
      const { resourceMetrics, errors } = await this.collect({ timeoutMillis });
      if (errors.length > 0) diag.error('Some metrics could not be collected for the OTLP export', ...errors);
      // One that was overtaken by the last one would show old totals after the new ones.
      if (number < this.#newest && !this.#holdsChanges) return;
      this.#newest = number;
      const holdsPoints = resourceMetrics.scopeMetrics.some(({ metrics }) => metrics.length > 0);
      if (holdsPoints) this.#queue.add(resourceMetrics);
    } catch (error) {
      processWarning(`Metrics could not be collected for the OTLP export: ${messageOf(error)}`);
    }
  }
}

/**
 * A reader that pushes what the SDK holds and the producers, which give totals; undefined where nothing is to be pushed.
 *
 * @throws DATAFLOW_ERR_CONFIG_INVALID for headers that cannot be sent and TLS files that cannot be used.
 */
export function createOtlpReader(
  config: TelemetryConfig,
  producers: readonly MetricProducer[] = [],
  options: OtlpReaderOptions = {},
): OtlpReader | undefined {
  const { enabled, otlp } = config;
  if (!enabled || !pushesOtlp(otlp)) return undefined;
  if (options.open === undefined) checkSender(otlp, options.env ?? process.env);
  return new OtlpReader(config, producers, options);
}

function shownTarget(config: OtlpConfig): string {
  const { protocol, host } = new URL(otlpUrl(config));
  return `${protocol}//${host}`;
}
