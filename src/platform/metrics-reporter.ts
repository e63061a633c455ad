/**
 * Owns the documented `MetricsReporter`: one reporter a process, usable without the platform.
 *
 * R1 No method throws. Before `init` and after `shutdown` a record is a no-op; what is recorded right after `init` counts,
 *    awaited or not.
 * R2 A failing `init` that nobody awaits is a process warning, never an unhandled rejection, and leaves nothing behind.
 * R3 It keeps no process alive.
 */
import type { MeterProvider } from '@opentelemetry/api';
import type { ConfigOptions } from '../config/config.ts';
import { metricsConfigOf } from '../config/load-config.ts';
import type { Environment } from '../connectors/environment.ts';
import { ProblemCollector } from '../domain/problem-collector.ts';
import type { PipelineMetrics } from '../domain/state.ts';
import { messageOf } from '../errors.ts';
import { processWarning } from '../metrics/guard.ts';
import { METER_NAME } from '../metrics/names.ts';
import { PipelineMetricsReporter } from '../metrics/reporter.ts';
import type { StateArgument } from '../metrics/state-labels.ts';
import { type PrometheusServer, startPrometheusServer } from '../server/prometheus-server.ts';
import { createTelemetry, type Telemetry } from '../telemetry/start-telemetry.ts';
import type { TelemetryConfig } from '../telemetry/telemetry-config.ts';
import { checkMeterProvider } from './host-provider.ts';
import { packageVersion } from './package-version.ts';

export interface MetricsReporterOptions {
  /** The host application's provider. Then nothing is collected or served here. */
  readonly meterProvider?: MeterProvider;
  /** Settings, as `startPlatform` takes them; they win over the environment. No configuration file is read. */
  readonly metrics?: ConfigOptions['metrics'];
  /** Default: `process.env`. */
  readonly env?: Environment;
}

interface Session {
  readonly telemetry: Telemetry;
  readonly reporter: PipelineMetricsReporter;
  readonly started: Promise<PrometheusServer | undefined>;
  url: string | undefined;
}

const OPTIONS: readonly (keyof MetricsReporterOptions)[] = ['meterProvider', 'metrics', 'env'];

class MetricsReporterFacade {
  #session: Session | undefined;
  #initialised: Promise<void> | undefined;
  #shutdown: Promise<void> = Promise.resolve();

  /** Where `/metrics` is served; undefined until `init` has resolved, after `shutdown`, and where nothing is served. */
  get url(): string | undefined {
    return this.#session?.url;
  }

  /**
   * Starts recording, and unless a provider is given, collecting and serving. Records count from this call on.
   * A second call gives the first one's promise.
   *
   * Rejects with DATAFLOW_ERR_CONFIG_INVALID, which lists every problem of options and environment, or with
   * DATAFLOW_ERR_SERVER_*; after that `init` may be called again.
   */
  init(options: MetricsReporterOptions = {}): Promise<void> {
    if (this.#initialised !== undefined) return this.#initialised;
    const initialised = this.#start(options);
    this.#initialised = initialised;
    initialised.catch((error: unknown) => {
      if (this.#initialised === initialised) this.#initialised = undefined;
      processWarning(`MetricsReporter.init failed: ${messageOf(error)}`);
    });
    return initialised;
  }

  /** Flushes push exporters once, closes the server and stops recording. Idempotent; never rejects. */
  shutdown(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    this.#initialised = undefined;
    if (session !== undefined) {
      this.#shutdown = this.#shutdown
        .then(() => release(session))
        .catch((error: unknown) => {
          processWarning(`MetricsReporter.shutdown: ${messageOf(error)}`);
        });
    }
    return this.#shutdown;
  }

  /** A state is a pipeline state or its label. */
  recordStateTransition(pipelineId: string, fromState: StateArgument, toState: StateArgument): void {
    this.#session?.reporter.recordStateTransition(pipelineId, fromState, toState);
  }

  recordBatchProcessed(pipelineId: string, successCount: number, failureCount: number, processingTimeMs: number): void {
    this.#session?.reporter.recordBatchProcessed(pipelineId, successCount, failureCount, processingTimeMs);
  }

  recordBatchFailed(pipelineId: string, errorCode: string): void {
    this.#session?.reporter.recordBatchFailed(pipelineId, errorCode);
  }

  recordRetryScheduled(pipelineId: string, errorCode: string, retryCount: number): void {
    this.#session?.reporter.recordRetryScheduled(pipelineId, errorCode, retryCount);
  }

  recordBatchTimeout(pipelineId: string, batchId: string): void {
    this.#session?.reporter.recordBatchTimeout(pipelineId, batchId);
  }

  recordCheckpointUpdate(pipelineId: string, offset: number | string): void {
    this.#session?.reporter.recordCheckpointUpdate(pipelineId, offset);
  }

  updatePipelineMetrics(pipelineId: string, metrics: PipelineMetrics): void {
    this.#session?.reporter.updatePipelineMetrics(pipelineId, metrics);
  }

  removePipeline(pipelineId: string): void {
    this.#session?.reporter.removePipeline(pipelineId);
  }

  /** Everything that records is made before the first await, so that an init nobody awaits records all the same. */
  async #start(options: MetricsReporterOptions): Promise<void> {
    const config = configOf(options);
    if (!config.enabled) return;
    const { meterProvider, env = process.env } = options;
    const telemetry = createTelemetry({ config, env, ...(meterProvider === undefined ? {} : { meterProvider }) });
    const version = packageVersion();
    const reporter = new PipelineMetricsReporter(telemetry.meterProvider.getMeter(METER_NAME, version), {
      windowMs: config.tickIntervalMs,
      version,
      ...(telemetry.series === undefined ? {} : { series: telemetry.series }),
    });
    const serves = meterProvider === undefined && config.prometheus.enabled;
    const scraper = {};
    const collect = () => telemetry.scrape(scraper);
    // A session before this one may still hold the port.
    const started = this.#shutdown.then(() =>
      serves ? startPrometheusServer({ ...config.prometheus, env, collect, keepAlive: false }) : undefined,
    );
    const session: Session = { telemetry, reporter, started, url: undefined };
    this.#session = session;
    try {
      const server = await started;
      await telemetry.ready;
      session.url = server?.url;
    } catch (error) {
      if (this.#session === session) this.#session = undefined;
      await release(session);
      throw error;
    }
  }
}

async function release({ telemetry, reporter, started }: Session): Promise<void> {
  const server = await started.catch(() => undefined);
  // Both at once: a stuck scraper takes a second, a silent backend four and a half, and there are five. The last values of
  // the gauges belong to what push exporters flush and to a scrape in progress, so the reporter closes after that.
  await Promise.all([server?.close(), telemetry.shutdown()]);
  reporter.close();
}

/** Callers without types may give anything. */
function configOf(options: MetricsReporterOptions): TelemetryConfig {
  const check = new ProblemCollector();
  const given = check.mapping(options, '', OPTIONS) ?? {};
  const { meterProvider, metrics, env = process.env } = given;
  if (typeof env !== 'object' || env === null) check.refuse('env', 'a mapping of variables', env);
  const provider = checkMeterProvider(meterProvider);
  return metricsConfigOf(metrics, typeof env === 'object' && env !== null ? (env as Environment) : {}, {
    ...provider,
    problems: [...check.problems, ...provider.problems],
  });
}

/** The documented API. One for each process; the platform has a reporter of its own. */
export const MetricsReporter = new MetricsReporterFacade();
