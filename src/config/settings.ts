import { OTLP_COMPRESSIONS, OTLP_PROTOCOLS, OTLP_TEMPORALITIES } from '../telemetry/otlp/otlp-config.ts';
import { DEFAULT_TELEMETRY_CONFIG, HOST_METRICS_GROUPS } from '../telemetry/telemetry-config.ts';
import { actorGroups, attributes, buckets, choices, headers, instrumentGlobs, textList } from './collection-kinds.ts';
import {
  boolean,
  choice,
  duration,
  endpoint,
  integer,
  type Kind,
  port,
  secret,
  text,
  textOrFalse,
} from './setting-kinds.ts';

export interface Setting {
  /** Dotted, as it is written in the file and in the options. */
  readonly key: string;
  /** Environment variables, the first one that is set counts. */
  readonly env: readonly string[];
  readonly kind: Kind<unknown>;
  /** In the form that `kind` reads; undefined = none. */
  readonly fallback: unknown;
  readonly meaning: string;
}

const METRICS = DEFAULT_TELEMETRY_CONFIG;
const COUNT = integer(1, 1_000_000_000);

function setting(
  key: string,
  kind: Kind<unknown>,
  fallback: unknown,
  meaning: string,
  env: readonly string[] = [],
): Setting {
  return { key, env, kind, fallback, meaning };
}

/** Every setting there is: the loader, the documentation's table and its test read this list. */
export const SETTINGS: readonly Setting[] = [
  setting(
    'journal.kind',
    choice('embedded', 'memory', 'postgres'),
    'embedded',
    'Where events are kept: `embedded` is SQLite in a directory; `postgres` is a database; `memory` forgets everything when the process ends.',
    ['DATAFLOW_JOURNAL_KIND'],
  ),
  setting('journal.path', text, './data', 'Directory of the embedded journal, relative to the working directory.', [
    'DATAFLOW_JOURNAL_PATH',
  ]),
  setting(
    'journal.durability',
    choice('full', 'relaxed'),
    'full',
    '`full` syncs each commit to the disk; `relaxed` may lose the last commits on power loss but never corrupts.',
  ),
  setting(
    'journal.maxBytes',
    integer(1_048_576, Number.MAX_SAFE_INTEGER),
    undefined,
    'Size in bytes above which the journal refuses appends as if the disk were full.',
  ),
  setting(
    'journal.url',
    secret,
    undefined,
    'postgres://user:password@host:5432/database of the PostgreSQL journal, best as a reference to a variable.',
    ['DATAFLOW_JOURNAL_URL'],
  ),
  setting('journal.schema', text, 'dataflow', 'Schema that holds the tables of the PostgreSQL journal.'),
  setting(
    'journal.maxReadConnections',
    integer(1, 1_000),
    4,
    'Connections of the PostgreSQL journal for reading; two more are for writing.',
  ),
  setting(
    'journal.statementTimeout',
    duration,
    30_000,
    'How long the server may work on one statement of the PostgreSQL journal.',
  ),

  setting('metrics.enabled', boolean, METRICS.enabled, 'false: no provider, no server, no timers.', [
    'KAMON_ENABLED',
    'OTEL_SDK_DISABLED',
  ]),
  setting(
    'metrics.service',
    text,
    METRICS.service,
    'Service name in the exported resource; `service.name` in `metrics.resource` is the same.',
    ['KAMON_SERVICE_NAME', 'OTEL_SERVICE_NAME'],
  ),
  setting(
    'metrics.tickInterval',
    duration,
    METRICS.tickIntervalMs,
    'Throughput window, sampling interval of runtime metrics, interval of pushes.',
  ),
  setting('metrics.prometheus.enabled', boolean, METRICS.prometheus.enabled, 'Serve `/metrics` over HTTP.'),
  setting('metrics.prometheus.host', text, METRICS.prometheus.host, 'Address that `/metrics` listens on.', [
    'OTEL_EXPORTER_PROMETHEUS_HOST',
  ]),
  setting('metrics.prometheus.port', port, METRICS.prometheus.port, 'Port of `/metrics`; 0 takes a free one.', [
    'KAMON_PROMETHEUS_PORT',
    'OTEL_EXPORTER_PROMETHEUS_PORT',
  ]),
  setting(
    'metrics.prometheus.created',
    boolean,
    METRICS.prometheus.created,
    'Add the `_created` series to OpenMetrics: when each counter and histogram began.',
  ),
  setting(
    'metrics.prometheus.auth.basic.username',
    text,
    undefined,
    'User name that `/metrics` asks for; health endpoints stay open.',
  ),
  setting(
    'metrics.prometheus.auth.basic.password',
    secret,
    undefined,
    'Its password, best as a reference to a variable.',
  ),
  setting(
    'metrics.prometheus.auth.bearer.token',
    secret,
    undefined,
    'Bearer token that `/metrics` asks for, best as a reference to a variable; with basic as well, either will do.',
  ),
  setting('metrics.prometheus.tls.cert', text, undefined, 'PEM file of the certificate chain: `/metrics` over HTTPS.'),
  setting('metrics.prometheus.tls.key', text, undefined, 'PEM file of its private key.'),
  setting(
    'metrics.otlp.enabled',
    boolean,
    undefined,
    'Push metrics to an OTLP receiver; when absent, it is done if there is an endpoint.',
    ['OTEL_METRICS_EXPORTER'],
  ),
  setting('metrics.otlp.protocol', choice(...OTLP_PROTOCOLS), METRICS.otlp.protocol, 'How they are sent.', [
    'OTEL_EXPORTER_OTLP_METRICS_PROTOCOL',
    'OTEL_EXPORTER_OTLP_PROTOCOL',
  ]),
  setting(
    'metrics.otlp.endpoint',
    endpoint,
    undefined,
    'Where to: a URL, to which `v1/metrics` is added over http when it ends with its host or port; localhost on port 4318 or 4317 when pushing is enabled without one.',
    ['OTEL_EXPORTER_OTLP_METRICS_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'],
  ),
  setting(
    'metrics.otlp.headers',
    headers,
    METRICS.otlp.headers,
    'Sent with every export; secrets best as references to variables.',
    ['OTEL_EXPORTER_OTLP_METRICS_HEADERS', 'OTEL_EXPORTER_OTLP_HEADERS'],
  ),
  setting('metrics.otlp.interval', duration, undefined, 'Time between two exports; the tick interval when absent.', [
    'OTEL_METRIC_EXPORT_INTERVAL',
  ]),
  setting('metrics.otlp.timeout', duration, METRICS.otlp.timeoutMs, 'How long one try at an export may take.', [
    'OTEL_EXPORTER_OTLP_METRICS_TIMEOUT',
    'OTEL_EXPORTER_OTLP_TIMEOUT',
    'OTEL_METRIC_EXPORT_TIMEOUT',
  ]),
  setting(
    'metrics.otlp.compression',
    choice(...OTLP_COMPRESSIONS),
    METRICS.otlp.compression,
    'Whether exports are compressed.',
    ['OTEL_EXPORTER_OTLP_METRICS_COMPRESSION', 'OTEL_EXPORTER_OTLP_COMPRESSION'],
  ),
  setting(
    'metrics.otlp.temporality',
    choice(...OTLP_TEMPORALITIES),
    METRICS.otlp.temporality,
    '`cumulative`: totals since the start; `delta`: what was added since the last export; `lowmemory`: delta but for observed totals.',
    ['OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE'],
  ),
  setting(
    'metrics.runtime.enabled',
    boolean,
    METRICS.runtime.enabled,
    'The `jvm_*`, `v8js_*` and `nodejs_eventloop_*` series: heap, garbage collection, threads, event loop.',
  ),
  setting(
    'metrics.process.enabled',
    boolean,
    METRICS.process.enabled,
    '`process_cpu_usage` and the `process.*` groups of the host metrics.',
  ),
  setting(
    'metrics.host.groups',
    choices(...HOST_METRICS_GROUPS),
    METRICS.host.groups,
    'Groups of host metrics; `system.network` runs shell commands at every collection.',
  ),
  setting(
    'metrics.buckets',
    buckets,
    METRICS.buckets,
    'Name of a histogram, without wildcards, to boundaries in place of the documented ones.',
  ),
  setting(
    'metrics.filter.include',
    instrumentGlobs,
    METRICS.filter.include,
    'Globs of instrument names to record; empty = all.',
  ),
  setting(
    'metrics.filter.exclude',
    instrumentGlobs,
    METRICS.filter.exclude,
    'Globs of instrument names to leave out, stronger than include.',
  ),
  setting(
    'metrics.actors.enabled',
    boolean,
    METRICS.actors.enabled,
    'The `nact.*` series: mailboxes, processing times and faults of the actors that run the pipelines.',
  ),
  setting(
    'metrics.actors.track.include',
    textList,
    METRICS.actors.track.include,
    'Globs of actor paths (`dataflow/<pipeline id>`) that get series of their own; empty = none.',
  ),
  setting(
    'metrics.actors.track.exclude',
    textList,
    METRICS.actors.track.exclude,
    'Globs of actor paths that get none, stronger than include.',
  ),
  setting(
    'metrics.actors.groups',
    actorGroups,
    METRICS.actors.groups,
    'Group name to the globs (`include`, `exclude`) of the actors that share its series.',
  ),
  setting(
    'metrics.actors.defaultGroup',
    textOrFalse,
    METRICS.actors.defaultGroup,
    'Group of the actors that are neither tracked nor in a group; false: none.',
  ),
  setting(
    'metrics.resource',
    attributes,
    METRICS.resource,
    'Further resource attributes, such as `deployment.environment`. Where metrics are pushed, `service.instance.id` is a random UUID of each process unless it is given here.',
    ['OTEL_RESOURCE_ATTRIBUTES'],
  ),
  setting(
    'metrics.seriesLimit',
    COUNT,
    METRICS.seriesLimit,
    'Pipelines whose series an instrument holds; what is recorded of further ones shares one overflow series.',
  ),

  setting('runtime.mailboxLimit', COUNT, 1_000, 'Commands that may wait for one pipeline; more are refused.'),
  setting('runtime.snapshotEvery', COUNT, 100, 'Events of a pipeline between two snapshots.'),
  setting('runtime.keepSnapshots', COUNT, 2, 'Snapshots kept of each pipeline.'),
  setting(
    'runtime.deleteEventsOnSnapshot',
    boolean,
    false,
    'true: events before the oldest kept snapshot are deleted.',
  ),
  setting('runtime.prefetchBatches', integer(1, 1_000), 2, 'Batches read ahead of the one that is processed.'),
  setting('runtime.shutdownTimeout', duration, 30_000, 'How long a shutdown waits for batches in progress.'),
  setting('runtime.recoveryConcurrency', integer(1, 1_000), 16, 'Pipelines recovered at the same time at start-up.'),

  setting('statusPage.enabled', boolean, true, 'Serve the status page and its API.', ['KAMON_STATUS_PAGE_ENABLED']),
  setting(
    'statusPage.host',
    text,
    '127.0.0.1',
    'Address that the status page listens on; any other than loopback needs a token.',
    ['DATAFLOW_STATUS_PAGE_HOST'],
  ),
  setting('statusPage.port', port, 5266, 'Port of the status page; 0 takes a free one.', ['DATAFLOW_STATUS_PAGE_PORT']),
  setting(
    'statusPage.retryOnRandomPort',
    boolean,
    true,
    'true: a busy port is a warning, and the next free one is taken; false: it is an error at start-up.',
  ),
  setting(
    'statusPage.token',
    secret,
    undefined,
    'Bearer token that the status page asks for, best as a reference to a variable; without one, loopback needs none.',
    ['DATAFLOW_STATUS_PAGE_TOKEN'],
  ),
  setting('statusPage.publicRead', boolean, false, 'true: only actions need the token, everybody may look.'),

  setting(
    'cluster.enabled',
    boolean,
    false,
    'true: processes share the pipelines of a PostgreSQL journal; each pipeline runs in one of them.',
    ['DATAFLOW_CLUSTER_ENABLED'],
  ),
  setting(
    'cluster.node',
    text,
    undefined,
    'Name of this process among them, of no other at the same time; when absent, it is made of host name, process id and a random part.',
    ['DATAFLOW_CLUSTER_NODE'],
  ),
  setting(
    'cluster.leaseTime',
    duration,
    10_000,
    'After a crash another process goes on with the pipelines within this time; at least 1 s.',
    ['DATAFLOW_CLUSTER_LEASE_TIME'],
  ),
];

export interface SettingRow {
  readonly key: string;
  /** Comma-separated; '' when there is none. */
  readonly env: string;
  readonly default: string;
  readonly meaning: string;
}

/** The rows of the documented configuration table. */
export function settingRows(): SettingRow[] {
  return SETTINGS.map((row) => ({
    key: row.key,
    env: row.env.join(', '),
    default: describeDefault(row),
    meaning: row.meaning,
  }));
}

function describeDefault({ kind, fallback }: Setting): string {
  if (fallback === undefined) return 'none';
  if (kind === duration) return `${Number(fallback) / 1_000}s`;
  if (!Array.isArray(fallback)) return typeof fallback === 'object' ? JSON.stringify(fallback) : String(fallback);
  return fallback.length === 0 ? '[]' : fallback.join(', ');
}
