/**
 * Owns the rhythm of pushing metrics: a timer, and the last export at shutdown. What waits for the backend is the
 * queue's.
 *
 * R1 Nothing of a protocol is loaded before the first export.
 * R2 One collection at a time; a tick that finds one in progress, or no room for changes, is left out, and what it would
 *    have brought comes with the next one.
 * R3 `shutdown` collects and sends once more and ends within five seconds, whatever callbacks and backend do.
 * R4 The timer does not keep the process alive.
 */
import { diag } from '@opentelemetry/api';
import { type MetricProducer, MetricReader } from '@opentelemetry/sdk-metrics';
import type { Environment } from '../../connectors/environment.ts';
import { processWarning } from '../../metrics/guard.ts';
import { type Clock, systemClock, type Timer } from '../../runtime/clock.ts';
import type { TelemetryConfig } from '../telemetry-config.ts';
import { ExportQueue } from './export-queue.ts';
import { openSender } from './open-sender.ts';
import { type OtlpConfig, otlpUrl, pushesOtlp } from './otlp-config.ts';
import type { OtlpSender } from './otlp-sender.ts';
import { temporalitySelector } from './temporality.ts';

const COLLECT_TIMEOUT_MS = 8000;
/** Of the five seconds a part is left to the rest of the shutdown. */
const SHUTDOWN_TIMEOUT_MS = 4500;
const LAST_COLLECT_TIMEOUT_MS = 1000;

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
  #timer: NodeJS.Timeout | undefined;
  #collecting: Promise<void> | undefined;

  constructor(config: TelemetryConfig, producers: readonly MetricProducer[], options: OtlpReaderOptions) {
    const { otlp, seriesLimit, tickIntervalMs } = config;
    super({
      aggregationTemporalitySelector: temporalitySelector(otlp.temporality),
      cardinalitySelector: () => seriesLimit,
      metricProducers: [...producers],
    });
    this.#intervalMs = otlp.intervalMs ?? tickIntervalMs;
    this.#clock = options.clock ?? systemClock;
    this.#queue = new ExportQueue({
      clock: this.#clock,
      open: options.open ?? (() => openSender(otlp, options.env ?? process.env, this.#clock)),
      timeoutMs: otlp.timeoutMs,
      target: shownTarget(otlp),
      holdsChanges: otlp.temporality !== 'cumulative',
    });
  }

  protected override onInitialized(): void {
    this.#timer = setInterval(() => {
      this.#collect(COLLECT_TIMEOUT_MS);
    }, this.#intervalMs);
    this.#timer.unref();
  }

  protected override async onForceFlush(): Promise<void> {
    await this.#collecting;
    await this.#collect(COLLECT_TIMEOUT_MS);
  }

  protected override async onShutdown(): Promise<void> {
    clearInterval(this.#timer);
    const end = this.#clock.monotonic() + SHUTDOWN_TIMEOUT_MS;
    this.#queue.beginClosing(SHUTDOWN_TIMEOUT_MS - 2 * LAST_COLLECT_TIMEOUT_MS);
    await this.#before(LAST_COLLECT_TIMEOUT_MS, this.#collecting);
    await this.#before(LAST_COLLECT_TIMEOUT_MS, this.#collect(LAST_COLLECT_TIMEOUT_MS));
    await this.#queue.close(end - this.#clock.monotonic());
  }

  async #before(timeoutMs: number, work: Promise<void> | undefined): Promise<void> {
    if (work === undefined) return;
    let timer: Timer | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = this.#clock.setTimeout(resolve, timeoutMs);
    });
    await Promise.race([work, deadline]);
    timer?.cancel();
  }

  #collect(timeoutMillis: number): Promise<void> {
    this.#collecting ??= this.#collectNow(timeoutMillis).finally(() => {
      this.#collecting = undefined;
    });
    return this.#collecting;
  }

  async #collectNow(timeoutMillis: number): Promise<void> {
    if (this.#queue.isFull) return;
    try {
      const { resourceMetrics, errors } = await this.collect({ timeoutMillis });
      if (errors.length > 0) diag.error('Some metrics could not be collected for the OTLP export', ...errors);
      const holdsPoints = resourceMetrics.scopeMetrics.some(({ metrics }) => metrics.length > 0);
      if (holdsPoints) this.#queue.add(resourceMetrics);
    } catch (error) {
      processWarning(`Metrics could not be collected for the OTLP export: ${String(error)}`);
    }
  }
}

/** A reader that pushes what the SDK and the producers hold; undefined where nothing is to be pushed. */
export function createOtlpReader(
  config: TelemetryConfig,
  producers: readonly MetricProducer[] = [],
  options: OtlpReaderOptions = {},
): OtlpReader | undefined {
  const { enabled, otlp } = config;
  return enabled && pushesOtlp(otlp) ? new OtlpReader(config, producers, options) : undefined;
}

function shownTarget(config: OtlpConfig): string {
  const { protocol, host } = new URL(otlpUrl(config));
  return `${protocol}//${host}`;
}
