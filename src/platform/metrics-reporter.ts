/**
 * Owns the documented `MetricsReporter`: one reporter a process, usable without the platform.
 *
 * R1 No method throws. Before `init` and after `shutdown` a record is a no-op; what is recorded right after `init` counts,
 *    awaited or not.
 * R2 A failing `init` that nobody awaits is a process warning, never an unhandled rejection, and leaves nothing behind.
 * R3 It keeps no process alive.
 */
import type { MeterProvider } from '@opentelemetry/api';
import type { Environment } from '../connectors/environment.ts';
import type { PipelineMetrics } from '../domain/state.ts';
import { DataflowError, describeProblem, messageOf } from '../errors.ts';
import { processWarning } from '../metrics/guard.ts';
import { METER_NAME } from '../metrics/names.ts';
import { PipelineMetricsReporter, type StateArgument } from '../metrics/reporter.ts';
import { type PrometheusServer, startPrometheusServer } from '../server/prometheus-server.ts';
import { createTelemetry, type Telemetry } from '../telemetry/start-telemetry.ts';
import {
  DEFAULT_TELEMETRY_CONFIG,
  mergeTelemetryConfig,
  type TelemetryOverrides,
} from '../telemetry/telemetry-config.ts';
import { telemetryConfigFromEnvironment } from '../telemetry/telemetry-environment.ts';
import { packageVersion } from './package-version.ts';

export interface MetricsReporterOptions {
  /** The host application's provider. Then nothing is collected or served here. */
  readonly meterProvider?: MeterProvider;
  /** Settings in code; they win over the environment. */
  readonly metrics?: TelemetryOverrides;
  /** Default: `process.env`. */
  readonly env?: Environment;
}

interface Session {
  readonly telemetry: Telemetry;
  readonly reporter: PipelineMetricsReporter;
  readonly started: Promise<PrometheusServer | undefined>;
}

class MetricsReporterFacade {
  #session: Session | undefined;
  #initialised: Promise<void> | undefined;
  #shutdown: Promise<void> = Promise.resolve();

  /**
   * Starts recording, and unless a provider is given, collecting and serving. Records count from this call on.
   * A second call gives the first one's promise.
   *
   * Rejects with DATAFLOW_ERR_CONFIG_INVALID, DATAFLOW_ERR_SERVER_PORT_IN_USE or DATAFLOW_ERR_SERVER_LISTEN_FAILED;
   * after that `init` may be called again.
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
    const collect = () => telemetry.scrape();
    // A session before this one may still hold the port.
    const started = this.#shutdown.then(() =>
      serves ? startPrometheusServer({ ...config.prometheus, env, collect, keepAlive: false }) : undefined,
    );
    const session: Session = { telemetry, reporter, started };
    this.#session = session;
    try {
      await started;
      await telemetry.ready;
    } catch (error) {
      if (this.#session === session) this.#session = undefined;
      await release(session);
      throw error;
    }
  }
}

async function release({ telemetry, reporter, started }: Session): Promise<void> {
  const server = await started.catch(() => undefined);
  await server?.close();
  // The last values of the gauges belong to what push exporters flush, so the reporter closes after that.
  await telemetry.shutdown();
  reporter.close();
}

function configOf({ metrics, env = process.env }: MetricsReporterOptions) {
  const { overrides, problems } = telemetryConfigFromEnvironment(env);
  if (problems !== undefined) {
    const list = problems.map(describeProblem).join('; ');
    throw new DataflowError('DATAFLOW_ERR_CONFIG_INVALID', `The environment has bad values: ${list}.`, { problems });
  }
  return mergeTelemetryConfig(DEFAULT_TELEMETRY_CONFIG, overrides, metrics);
}

/** The documented API. One for each process; the platform has a reporter of its own. */
export const MetricsReporter = new MetricsReporterFacade();
