import type { MeterProvider } from '@opentelemetry/api';
import type { Environment } from '../connectors/environment.ts';
import { ActorMetrics } from '../metrics/actor-metrics.ts';
import { ClusterMetrics, type ClusterNumbers } from '../metrics/cluster-metrics.ts';
import { INSTRUMENT_LIST, METER_NAME } from '../metrics/names.ts';
import { createPipelineRecorder } from '../metrics/record-event.ts';
import { NO_RECORDER, type PipelineRecorder } from '../metrics/recorder.ts';
import { PipelineMetricsReporter } from '../metrics/reporter.ts';
import type { ActorObserver } from '../runtime/actor-observer.ts';
import type { Clock } from '../runtime/clock.ts';
import { type PrometheusServer, startPrometheusServer } from '../server/prometheus-server.ts';
import { instrumentFilter } from '../telemetry/instrument-filter.ts';
import { startTelemetry, type Telemetry } from '../telemetry/start-telemetry.ts';
import type { TelemetryConfig } from '../telemetry/telemetry-config.ts';
import { type MetricPoint, snapshotOf } from './metric-snapshot.ts';
import { packageVersion } from './package-version.ts';

/** The metrics of a platform: what its runtime tells, a snapshot of every value, and the endpoint. */
export interface PlatformMetrics {
  readonly recorder: PipelineRecorder;
  /** Undefined where nothing of the actors is wanted: the runtime then takes no times. */
  readonly actors: ActorObserver | undefined;
  /** Where Prometheus scrapes; undefined where nothing is served. */
  readonly url: string | undefined;
  /** What the endpoint reads; undefined where nothing is measured here. */
  readonly engine: Pick<Telemetry, 'scrape' | 'families'> | undefined;
  /** Counts what happens among the processes that share pipelines; the gauges show `numbers`. */
  observeCluster(numbers: () => ClusterNumbers): Pick<ClusterMetrics, 'takenOver' | 'fenced'>;
  /** Records per second over the recent window; undefined for an unknown pipeline. */
  throughputOf(pipelineId: string): number | undefined;
  /** Every series with its value now. */
  snapshot(): Promise<readonly MetricPoint[]>;
  /** Recovery is done: the endpoint may say that it is ready. */
  ready(): void;
  close(): Promise<void>;
}

export interface PlatformMetricsOptions {
  readonly config: TelemetryConfig;
  readonly clock: Clock;
  readonly meterProvider: MeterProvider | undefined;
  /** For references in secrets; default: `process.env`. */
  readonly env?: Environment;
}

export async function startPlatformMetrics(options: PlatformMetricsOptions): Promise<PlatformMetrics> {
  const { config, clock, meterProvider, env = process.env } = options;
  const telemetry = await startTelemetry({ config, env, ...(meterProvider !== undefined && { meterProvider }) });
  const version = packageVersion();
  const reporter = new PipelineMetricsReporter(telemetry.meterProvider.getMeter(METER_NAME, version), {
    windowMs: config.tickIntervalMs,
    clock,
    version,
    ...(telemetry.series !== undefined && { series: telemetry.series }),
  });
  const actors = wantsActors(config) ? actorMetrics(config, telemetry) : undefined;
  let cluster: ClusterMetrics | undefined;
  let isReady = false;
  const serves = config.enabled && config.prometheus.enabled && meterProvider === undefined;
  const release = async (server?: PrometheusServer): Promise<void> => {
    // Both at once: a stuck scraper takes a second, a silent backend four and a half, and there are five. The last values
    // of the gauges belong to what push exporters flush and to a scrape in progress, so the reporter closes after that.
    await Promise.all([server?.close(), telemetry.shutdown()]);
    reporter.close();
    actors?.close();
    cluster?.close();
  };
  try {
    const scraper = {};
    const collect = () => telemetry.scrape(scraper);
    const server = serves
      ? await startPrometheusServer({ ...config.prometheus, env, collect, ready: () => isReady })
      : undefined;
    return {
      recorder: config.enabled ? createPipelineRecorder(reporter, telemetry.queue) : NO_RECORDER,
      actors,
      url: server?.url,
      engine: config.enabled && meterProvider === undefined ? telemetry : undefined,
      observeCluster(numbers) {
        cluster = new ClusterMetrics(telemetry.meterProvider.getMeter(METER_NAME, version), numbers);
        return cluster;
      },
      throughputOf: (pipelineId) => {
        telemetry.queue.drain();
        return reporter.throughputOf(pipelineId);
      },
      snapshot: async () => snapshotOf(await telemetry.collect()),
      ready: () => {
        isReady = true;
      },
      close: async () => {
        isReady = false;
        await release(server);
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
}

function wantsActors({ enabled, actors, filter }: TelemetryConfig): boolean {
  const wanted = instrumentFilter(filter);
  return enabled && actors.enabled && INSTRUMENT_LIST.some(({ group, name }) => group === 'actor' && wanted(name));
}

function actorMetrics({ actors, service }: TelemetryConfig, telemetry: Telemetry): ActorMetrics {
  const { meterProvider, series, queue } = telemetry;
  const meter = meterProvider.getMeter(METER_NAME, packageVersion());
  return new ActorMetrics(meter, { config: actors, system: service, series, queue, reader: () => telemetry.reader });
}
