import type { Config } from '../config/config.ts';
import type { InstrumentationView, ModuleView } from '../server/status/ports.ts';

export interface About {
  readonly config: Config;
  readonly version: string;
  readonly metricsUrl: () => string | undefined;
  readonly statusUrl: () => string | undefined;
}

/** The parts of a platform, as they are configured. */
export function modulesOf({ config, metricsUrl, statusUrl }: About): ModuleView[] {
  const { metrics, journal, statusPage } = config;
  const { otlp } = metrics;
  const pushes = metrics.enabled && (otlp.enabled ?? otlp.endpoint !== undefined);
  const isOn = (enabled: boolean): string => (enabled ? 'on' : 'off');
  return [
    {
      name: 'journal',
      kind: 'journal',
      enabled: true,
      description: journal.kind === 'memory' ? 'Events in memory' : 'Events in SQLite',
      state: journal.kind === 'memory' ? 'memory' : `${journal.path} (${journal.durability})`,
    },
    {
      name: 'prometheus',
      kind: 'reader',
      enabled: metricsUrl() !== undefined,
      description: 'Serves the metrics to Prometheus',
      state: metricsUrl() ?? 'off',
    },
    {
      name: 'otlp',
      kind: 'reporter',
      enabled: pushes,
      description: 'Pushes the metrics to an OpenTelemetry receiver',
      state: pushes ? `${otlp.protocol} to ${otlp.endpoint ?? 'localhost'}` : 'off',
    },
    {
      name: 'status page',
      kind: 'server',
      enabled: statusPage.enabled,
      description: 'This page and its API',
      state: statusUrl() ?? 'off',
    },
    {
      name: 'pipelines',
      kind: 'instrumentation',
      enabled: metrics.enabled,
      description: 'The metrics of the pipelines',
      state: isOn(metrics.enabled),
    },
    {
      name: 'actors',
      kind: 'instrumentation',
      enabled: metrics.enabled && metrics.actors.enabled,
      description: 'Mailboxes, processing times and faults of the actors',
      state: isOn(metrics.enabled && metrics.actors.enabled),
    },
    {
      name: 'runtime',
      kind: 'instrumentation',
      enabled: metrics.enabled && metrics.runtime.enabled,
      description: 'Heap, garbage collection, threads and event loop',
      state: isOn(metrics.enabled && metrics.runtime.enabled),
    },
    {
      name: 'process',
      kind: 'instrumentation',
      enabled: metrics.enabled && metrics.process.enabled,
      description: 'CPU and memory of the process',
      state: isOn(metrics.enabled && metrics.process.enabled),
    },
    {
      name: 'host',
      kind: 'instrumentation',
      enabled: metrics.enabled && metrics.host.groups.length > 0,
      description: 'CPU, memory and network of the machine',
      state: metrics.enabled && metrics.host.groups.length > 0 ? metrics.host.groups.join(', ') : 'off',
    },
  ];
}

/** Who measures what. */
export function instrumentationOf({ config, version }: About): InstrumentationView[] {
  const { metrics } = config;
  const node = process.versions.node;
  const views = [
    ['dataflow-platform', version, true, 'Pipelines: states, batches, records, retries, checkpoints'],
    ['dataflow-platform/actors', version, metrics.actors.enabled, 'Actors: mailboxes, processing times, faults'],
    ['node:v8', node, metrics.runtime.enabled, 'Heap and garbage collection'],
    ['node:perf_hooks', node, metrics.runtime.enabled, 'Delay and utilization of the event loop'],
    ['node:process', node, metrics.process.enabled, 'CPU of the process'],
    ['@opentelemetry/host-metrics', '', metrics.host.groups.length > 0, 'CPU, memory and network of the machine'],
  ] as const;
  return views.map(([name, itsVersion, active, description]) => ({
    name,
    version: itsVersion,
    active: metrics.enabled && active,
    description,
  }));
}
