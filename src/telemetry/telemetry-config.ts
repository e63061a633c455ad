import { type ActorMetricsConfig, DEFAULT_ACTOR_METRICS_CONFIG } from '../metrics/actor-metrics-config.ts';
import { DEFAULT_OTLP_CONFIG, type OtlpConfig } from './otlp/otlp-config.ts';

export type HostMetricsGroup = 'system.cpu' | 'system.memory' | 'system.network' | 'process.cpu' | 'process.memory';

export const HOST_METRICS_GROUPS: readonly HostMetricsGroup[] = [
  'system.cpu',
  'system.memory',
  'system.network',
  'process.cpu',
  'process.memory',
];

/** The `/metrics` server. Texts of `auth` may hold `${NAME}`, which is replaced when the server starts. */
export interface PrometheusConfig {
  readonly enabled: boolean;
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** What a scraper must present for `/metrics`; with both, either one. Absent: nothing. */
  readonly auth?: {
    readonly basic?: { readonly username: string; readonly password: string };
    readonly bearer?: { readonly token: string };
  };
  /** PEM files; absent: plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** True adds the `_created` series to OpenMetrics. */
  readonly created: boolean;
}

/** Everything the telemetry needs to know, complete. `metrics.*` of the configuration file has the same shape. */
export interface TelemetryConfig {
  /** False: no provider, no server, no timer. */
  readonly enabled: boolean;
  /** `service.name` of the resource. */
  readonly service: string;
  /** Throughput window, sampling of runtime metrics, export interval of push exporters; ms, ≥ 100. */
  readonly tickIntervalMs: number;
  readonly prometheus: PrometheusConfig;
  readonly otlp: OtlpConfig;
  /** The `jvm_*` and `nodejs_eventloop_*` series. */
  readonly runtime: { readonly enabled: boolean };
  /** `process_cpu_usage` and the `process.*` groups of host. */
  readonly process: { readonly enabled: boolean };
  /** Groups of @opentelemetry/host-metrics. `system.network` runs shell commands at every collection. */
  readonly host: { readonly groups: readonly HostMetricsGroup[] };
  /** Instrument name → upper bounds, ascending, without +Inf. */
  readonly buckets: Readonly<Record<string, readonly number[]>>;
  /**
   * Globs over instrument names: `*` within a dotted segment, `**` across segments. An empty include means all;
   * exclude wins.
   */
  readonly filter: { readonly include: readonly string[]; readonly exclude: readonly string[] };
  /** The `nact.*` series: the actors that run the pipelines. */
  readonly actors: ActorMetricsConfig;
  /** Further resource attributes. */
  readonly resource: Readonly<Record<string, string>>;
  /** Pipelines whose series an instrument holds; what is recorded of further ones shares one overflow series. */
  readonly seriesLimit: number;
}

/** A layer of settings: any subset. `buckets`, `resource` and `otlp.headers` are merged by key, lists are replaced. */
export type TelemetryOverrides = {
  readonly [K in keyof TelemetryConfig]?: TelemetryConfig[K] extends readonly unknown[] | string | number | boolean
    ? TelemetryConfig[K]
    : Partial<TelemetryConfig[K]>;
};

export const DEFAULT_TELEMETRY_CONFIG: TelemetryConfig = {
  enabled: true,
  service: 'dataflow-platform',
  tickIntervalMs: 10_000,
  prometheus: { enabled: true, host: '0.0.0.0', port: 9095, created: false },
  otlp: DEFAULT_OTLP_CONFIG,
  runtime: { enabled: true },
  process: { enabled: true },
  host: { groups: ['system.cpu', 'system.memory', 'process.cpu', 'process.memory'] },
  buckets: {},
  filter: { include: [], exclude: [] },
  actors: DEFAULT_ACTOR_METRICS_CONFIG,
  resource: {},
  seriesLimit: 10_000,
};

/** Later layers win. */
export function mergeTelemetryConfig(
  base: TelemetryConfig,
  ...layers: readonly (TelemetryOverrides | undefined)[]
): TelemetryConfig {
  let merged = base;
  for (const layer of layers) {
    if (layer === undefined) continue;
    merged = {
      enabled: layer.enabled ?? merged.enabled,
      service: layer.service ?? merged.service,
      tickIntervalMs: layer.tickIntervalMs ?? merged.tickIntervalMs,
      prometheus: { ...merged.prometheus, ...layer.prometheus },
      otlp: { ...merged.otlp, ...layer.otlp, headers: withKeys(merged.otlp.headers, layer.otlp?.headers) },
      runtime: { ...merged.runtime, ...layer.runtime },
      process: { ...merged.process, ...layer.process },
      host: { ...merged.host, ...layer.host },
      buckets: withKeys(merged.buckets, layer.buckets),
      filter: { ...merged.filter, ...layer.filter },
      actors: {
        ...merged.actors,
        ...layer.actors,
        groups: withKeys(merged.actors.groups, layer.actors?.groups),
      },
      resource: withKeys(merged.resource, layer.resource),
      seriesLimit: layer.seriesLimit ?? merged.seriesLimit,
    };
  }
  return merged;
}

function withKeys<V>(
  base: Readonly<Record<string, V>>,
  added: Readonly<Record<string, V | undefined>> | undefined,
): Readonly<Record<string, V>> {
  const merged: Record<string, V> = { ...base };
  for (const [key, value] of Object.entries(added ?? {})) if (value !== undefined) merged[key] = value;
  return merged;
}
