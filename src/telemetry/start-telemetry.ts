/**
 * Owns the providers of the metrics, their readers, runtime and host metrics, and their end: the engine for the scopes
 * of this package, the SDK for all others. Does not own HTTP, nor the pipeline instruments, which only know
 * @opentelemetry/api.
 *
 * R1 Disabled telemetry creates nothing: no provider, no timer, no observer.
 * R2 Nothing here keeps the process alive, and nothing is left after `shutdown`.
 * R3 Concurrent collections are one. A collection that failed or took too long is an error, never old values.
 * R4 A host application's provider is only recorded to: it is neither collected from nor shut down.
 */
import { randomUUID } from 'node:crypto';
import { createNoopMeter, diag, type MeterProvider as MeterProviderApi } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  type CollectionResult,
  type IMetricReader,
  MeterProvider,
  type MetricData,
  type MetricProducer,
  type ResourceMetrics,
  type ScopeMetrics,
  type ViewOptions,
} from '@opentelemetry/sdk-metrics';
import type { Environment } from '../connectors/environment.ts';
import { DataflowError, messageOf } from '../errors.ts';
import { processWarning } from '../metrics/guard.ts';
import { createInstrument } from '../metrics/instruments.ts';
import { MeasurementQueue, NOTHING_WAITS } from '../metrics/measurement-queue.ts';
import { INSTRUMENTS, METER_NAME } from '../metrics/names.ts';
import type { SeriesControl } from '../metrics/reporter.ts';
import type { MetricFamily, Scrape } from './engine/family.ts';
import { MetricsEngine } from './engine/metrics-engine.ts';
import { withEngine } from './engine/reader.ts';
import { startEventLoopMetrics } from './event-loop-metrics.ts';
import { startGcMetrics } from './gc-metrics.ts';
import { createHostMetrics, type HostMetricsProducer } from './host-metrics.ts';
import { instrumentFilter } from './instrument-filter.ts';
import { pushesOtlp } from './otlp/otlp-config.ts';
import { createOtlpReader } from './otlp/otlp-reader.ts';
import { Pulse } from './pulse.ts';
import { startCpuMetrics, startMemoryMetrics, startThreadMetrics } from './runtime-metrics.ts';
import type { TelemetryConfig } from './telemetry-config.ts';
import { seriesLimitFor, viewsFor } from './views.ts';

const COLLECT_TIMEOUT_MS = 8000;
const NOTHING_COLLECTED: CollectionResult = {
  resourceMetrics: { resource: resourceFromAttributes({}), scopeMetrics: [] },
  errors: [],
};

export interface TelemetryOptions {
  readonly config: TelemetryConfig;
  /** A host application's own provider to record to, in place of one that is made and read here. */
  readonly meterProvider?: MeterProviderApi;
  /** Further readers of our own provider, for instance periodic OTLP exporters; they are shut down with it. */
  readonly readers?: readonly IMetricReader[];
  /** For references in the secrets of push exporters; default: `process.env`. */
  readonly env?: Environment;
  /** ms for one collection; default 8,000, below the usual scrape timeout of 10 s. */
  readonly collectTimeoutMs?: number;
}

export interface Telemetry {
  readonly meterProvider: MeterProviderApi;
  /** What a reporter tells of pipelines that come and go; undefined with a host application's provider. */
  readonly series: SeriesControl | undefined;
  /** Where measurements for `meterProvider` may wait; every reader of it brings them in first. */
  readonly queue: MeasurementQueue;
  /** Settles when the host metrics are loaded; records are kept before that. Never rejects. */
  readonly ready: Promise<void>;
  /** @throws DATAFLOW_ERR_METRICS_COLLECTION_FAILED on a failed, slow or impossible collection. */
  collect(): Promise<ResourceMetrics>;
  /**
   * The same for a writer that works in slices: our own families are walked lazily. Same errors.
   *
   * @param reader what stands for who scrapes again and again; absent for a single look.
   */
  scrape(reader?: object): Promise<Scrape>;
  /** Whose collection runs; undefined: a single look. */
  readonly reader: object | undefined;
  /** The instruments of our own scopes as they stand, without a collection: observable ones are as of the last one. */
  families(): Iterable<MetricFamily>;
  /** Flushes push exporters once and releases everything. Idempotent. */
  shutdown(): Promise<void>;
}

/** Starts the telemetry and waits until it is complete. Rejects with what `createTelemetry` throws. */
export async function startTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const telemetry = createTelemetry(options);
  await telemetry.ready;
  return telemetry;
}

/**
 * The same, usable at once: what is recorded before `ready` is kept.
 *
 * @throws DATAFLOW_ERR_CONFIG_INVALID when metrics are to be pushed with headers or TLS files that cannot be used.
 */
export function createTelemetry(options: TelemetryOptions): Telemetry {
  const { config, meterProvider } = options;
  if (!config.enabled) return disabledTelemetry();
  return meterProvider === undefined ? ownTelemetry(options) : hostTelemetry(config, meterProvider);
}

function disabledTelemetry(): Telemetry {
  const meter = createNoopMeter();
  return {
    meterProvider: { getMeter: () => meter },
    series: undefined,
    queue: NOTHING_WAITS,
    ready: Promise.resolve(),
    collect: async () => NOTHING_COLLECTED.resourceMetrics,
    scrape: async () => ({ ...NOTHING_COLLECTED.resourceMetrics, families: [] }),
    reader: undefined,
    families: () => [],
    shutdown: async () => {},
  };
}

function hostTelemetry(config: TelemetryConfig, meterProvider: MeterProviderApi): Telemetry {
  const refuse = async () => {
    throw failed('the metrics go to the MeterProvider of the host application, whose own readers collect them');
  };
  const stop = startRuntime(config, meterProvider);
  return {
    meterProvider,
    // Its readers cannot be told apart.
    reader: meterProvider,
    series: undefined,
    queue: NOTHING_WAITS,
    ready: Promise.resolve(),
    collect: refuse,
    scrape: refuse,
    families: () => [],
    shutdown: async () => stop(),
  };
}

/** The official reader; only its limit of 2,000 attribute sets an instrument is ours. */
class PullReader extends PrometheusExporter {
  readonly #seriesLimit: number;

  constructor(seriesLimit: number, hostMetrics: MetricProducer) {
    super({ preventServerStart: true, metricProducers: [hostMetrics] });
    this.#seriesLimit = seriesLimit;
  }

  override selectCardinalityLimit(): number {
    return this.#seriesLimit;
  }
}

function ownTelemetry(options: TelemetryOptions): Telemetry {
  const { config, readers = [], collectTimeoutMs = COLLECT_TIMEOUT_MS, env = process.env } = options;
  const wanted = instrumentFilter(config.filter);
  const views = viewsFor(config, wanted);
  const engine = createEngine(config, views, wanted);
  const queue = new MeasurementQueue(() => engine.ignoresContext);
  engine.beforeReading(() => queue.drain());
  let hostMetrics: HostMetricsProducer | undefined;
  // Loading host metrics takes a while; the reader asks for them at each collection, and gets them once they are there.
  const host: MetricProducer = {
    collect: async (collection) => {
      const { resourceMetrics, errors } = (await hostMetrics?.collect(collection)) ?? NOTHING_COLLECTED;
      return { resourceMetrics: withWanted(resourceMetrics, wanted), errors };
    },
  };
  const reader = new PullReader(config.seriesLimit, host);
  const otlp = createOtlpReader(config, [host], { env });
  const pushing = otlp === undefined ? readers : [otlp, ...readers];
  const provider = new MeterProvider({
    resource: resourceOf(config),
    views,
    readers: [reader, ...pushing.map((other) => withEngine(other, engine, (sdk) => withWanted(sdk, wanted)))],
  });
  const meterProvider: MeterProviderApi = {
    getMeter: (name, version, meterOptions) =>
      (isOwnScope(name) ? engine : provider).getMeter(name, version, meterOptions),
  };
  const stopRuntime = startRuntime(config, meterProvider);

  let collectedSeries: number | undefined;
  createInstrument(engine.getMeter(METER_NAME), 'metricsSeries').addCallback((result) => {
    if (collectedSeries !== undefined) result.observe(collectedSeries);
  });

  let closed: Promise<void> | undefined;
  const ready = startHost(config).then((producer) => {
    hostMetrics = producer;
  });

  const scrapeNow = async (by: object | undefined): Promise<Scrape> => {
    const [{ resourceMetrics, errors }, ownErrors] = await Promise.all([
      reader.collect({ timeoutMillis: collectTimeoutMs }),
      engine.observe(collectTimeoutMs, by),
    ]);
    const failures = [...errors, ...ownErrors];
    if (failures.length > 0) throw failures[0];
    const { resource, scopeMetrics } = withWanted(resourceMetrics, wanted);
    collectedSeries = countSeries(scopeMetrics) + engine.size;
    return { resource, scopeMetrics, families: engine.families() };
  };
  const scrape = oneAtATime((by?: object) => within(scrapeNow(by), collectTimeoutMs));
  const collect = oneAtATime(async () => {
    const { resource, scopeMetrics } = await scrape();
    return { resource, scopeMetrics: [...(await engine.snapshot()), ...scopeMetrics] };
  });
  const unlessClosed = async <T>(work: () => Promise<T>): Promise<T> => {
    if (closed !== undefined) throw failed('the telemetry was shut down');
    return await work();
  };
  return {
    meterProvider,
    series: {
      remove: (pipelineId) => {
        engine.remove({ pipeline_id: pipelineId });
      },
      removeSeries: (attributes) => {
        engine.removeExactly(attributes);
      },
    },
    queue,
    ready,
    collect: () => unlessClosed(collect),
    scrape: (by) => unlessClosed(() => scrape(by)),
    get reader() {
      return engine.reader;
    },
    families: () => engine.families(),
    shutdown() {
      closed ??= (async () => {
        await ready;
        try {
          // Shutting the provider down flushes every push exporter; a forceFlush before it would send all twice.
          await provider.shutdown();
        } finally {
          // Not before: the last export holds the runtime metrics too.
          stopRuntime();
          await hostMetrics?.shutdown();
        }
      })();
      return closed;
    },
  };
}

/**
 * A backend that is pushed to tells the processes of a service apart by the instance's id alone, and where two had the same
 * it would mix their counters; who scrapes names the instance itself.
 */
function resourceOf({ resource, service, otlp }: TelemetryConfig): Resource {
  const own = pushesOtlp(otlp) ? { 'service.instance.id': randomUUID() } : {};
  return resourceFromAttributes({ ...own, ...resource, 'service.name': service });
}

function isOwnScope(name: string): boolean {
  return name === METER_NAME || name.startsWith(`${METER_NAME}/`);
}

function createEngine(config: TelemetryConfig, views: ViewOptions[], wanted: (name: string) => boolean): MetricsEngine {
  const engine: MetricsEngine = new MetricsEngine({
    views,
    wanted,
    seriesLimit: seriesLimitFor(config.seriesLimit),
    // Its own single series would count for ever.
    onOverflow: (instrument) => instrument === INSTRUMENTS.metricsOverflow.name || overflow.add(1),
    warn: processWarning,
  });
  const overflow = createInstrument(engine.getMeter(METER_NAME), 'metricsOverflow');
  return engine;
}

/** Callers that come while one is at work share its result. */
function oneAtATime<A extends readonly unknown[], T>(work: (...given: A) => Promise<T>): (...given: A) => Promise<T> {
  let inFlight: Promise<T> | undefined;
  return (...given) => {
    inFlight ??= work(...given).finally(() => {
      inFlight = undefined;
    });
    return inFlight;
  };
}

function withWanted({ resource, scopeMetrics }: ResourceMetrics, wanted: (name: string) => boolean): ResourceMetrics {
  const isShown = ({ descriptor, dataPoints }: MetricData): boolean => dataPoints.length > 0 && wanted(descriptor.name);
  return {
    resource,
    scopeMetrics: scopeMetrics.map((scope) => ({ ...scope, metrics: scope.metrics.filter(isShown) })),
  };
}

function startRuntime(config: TelemetryConfig, provider: MeterProviderApi): () => void {
  const meter = provider.getMeter(`${METER_NAME}/runtime`);
  const stops: (() => void)[] = [];
  if (config.runtime.enabled) {
    const pulse = new Pulse();
    // The first to look at the clock: what others do on a beat is no delay.
    stops.push(startEventLoopMetrics(meter, config.tickIntervalMs, pulse));
    stops.push(startMemoryMetrics(meter), startThreadMetrics(meter), startGcMetrics(meter, pulse), () => pulse.stop());
  }
  if (config.process.enabled) stops.push(startCpuMetrics(meter, config.tickIntervalMs));
  return () => {
    for (const stop of stops.splice(0)) stop();
  };
}

async function startHost(config: TelemetryConfig): Promise<HostMetricsProducer | undefined> {
  const groups = config.host.groups.filter((group) => config.process.enabled || !group.startsWith('process.'));
  if (groups.length === 0) return undefined;
  try {
    return await createHostMetrics(groups);
  } catch (error) {
    diag.error('Host metrics could not be started', error);
    return undefined;
  }
}

function countSeries(scopes: readonly ScopeMetrics[]): number {
  let count = 0;
  for (const { metrics } of scopes) for (const { dataPoints } of metrics) count += dataPoints.length;
  return count;
}

async function within<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${timeoutMs} ms`)), timeoutMs);
    timer.unref();
  });
  try {
    return await Promise.race([work, timeout]);
  } catch (error) {
    throw failed(messageOf(error), error);
  } finally {
    clearTimeout(timer);
  }
}

function failed(reason: string, cause?: unknown): DataflowError {
  return new DataflowError('DATAFLOW_ERR_METRICS_COLLECTION_FAILED', `The metrics could not be collected: ${reason}.`, {
    cause,
  });
}
