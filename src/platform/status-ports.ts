/** What the status page sees and steers of a platform. */
import { hostname } from 'node:os';
import type { Cluster } from '../cluster/cluster.ts';
import type { Config } from '../config/config.ts';
import { describeConfig, type SettingSource } from '../config/load-config.ts';
import { redact } from '../config/redact.ts';
import { isMapping } from '../domain/problem-collector.ts';
import { HIDDEN } from '../domain/secrets.ts';
import { DataflowError, describeProblem, type Problem } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Journal } from '../runtime/journal.ts';
import type { PipelineActor } from '../runtime/pipeline-actor.ts';
import type { PipelineRuntime } from '../runtime/runtime.ts';
import type {
  AuditEvent,
  NodeView,
  PipelineActions,
  PipelineView,
  SettingView,
  StatusMetrics,
  StatusPorts,
} from '../server/status/ports.ts';
import { instrumentFilter } from '../telemetry/instrument-filter.ts';
import type { Attachments } from './attachments.ts';
import { CODE_TYPE, type PipelineSpec } from './code-parts.ts';
import { instrumentationOf, modulesOf } from './modules.ts';
import type { Platform } from './platform.ts';
import type { PlatformMetrics } from './platform-metrics.ts';
import type { Seats } from './seats.ts';

export interface StatusParts {
  readonly config: Config;
  readonly sourceOf: (key: string) => SettingSource;
  readonly clock: Clock;
  readonly version: string;
  readonly journal: Journal;
  readonly runtime: PipelineRuntime;
  readonly seats: Seats;
  readonly cluster: Cluster | undefined;
  readonly attachments: Attachments;
  readonly metrics: PlatformMetrics;
  readonly audit: (event: AuditEvent) => void;
  readonly warn: (message: string, error: unknown) => void;
}

export function statusPortsOf(platform: Platform, parts: StatusParts): StatusPorts {
  const { config, clock, version, journal, runtime, attachments, metrics, audit, warn } = parts;
  const about = { config, version, metricsUrl: () => metrics.url, statusUrl: () => platform.statusUrl };
  return {
    clock,
    version,
    startedAt: clock.now(),
    *pipelines() {
      for (const actor of parts.seats.actors()) if (isThere(actor)) yield viewOf(actor);
    },
    pipeline(id) {
      const actor = runtime.get(id);
      return actor !== undefined && isThere(actor) ? viewOf(actor) : undefined;
    },
    absence: async (id) => parts.seats.find(id)?.elsewhere?.refusal(),
    isDetached: (id, pipeline) => attachments.isDetached(id, pipeline),
    actions: actionsOf(platform),
    journal,
    metrics: statusMetricsOf(config, metrics),
    settings: () => settingViews(config, parts.sourceOf),
    modules: () => modulesOf(about),
    instrumentation: () => instrumentationOf(about),
    nodes: () => nodeViews(platform, parts),
    redact,
    audit,
    warn,
  };
}

function nodeViews(platform: Platform, { cluster, seats }: StatusParts): NodeView[] {
  const self: NodeView = {
    node: cluster?.name ?? hostname(),
    address: platform.statusUrl ?? null,
    pipelines: [...seats.actors()].filter(isThere).length,
    self: true,
    state: 'up',
  };
  const others = (cluster?.nodes ?? []).filter(({ name }) => name !== self.node);
  const views = others.map(({ name, address, keys, isExpired }): NodeView => {
    return { node: name, address, pipelines: keys, self: false, state: isExpired ? 'gone' : 'up' };
  });
  return [self, ...views].sort((a, b) => (a.node < b.node ? -1 : 1));
}

function isThere({ state, ended }: PipelineActor): boolean {
  return state.status !== 'empty' || ended !== undefined;
}

function viewOf({ key, state, ended }: PipelineActor): PipelineView {
  return { id: key, state, unavailable: ended };
}

function statusMetricsOf({ metrics: config }: Config, metrics: PlatformMetrics): StatusMetrics | undefined {
  const { engine } = metrics;
  if (engine === undefined) return undefined;
  return {
    scrape: () => engine.scrape(),
    families: () => engine.families(),
    throughputOf: (pipelineId) => metrics.throughputOf(pipelineId),
    records: instrumentFilter(config.filter),
  };
}

function settingViews(config: Config, sourceOf: (key: string) => SettingSource): SettingView[] {
  return describeConfig(config).map(({ key, env, default: fallback, meaning, value }) => ({
    path: key,
    value: redact(value ?? null),
    default: fallback,
    source: sourceOf(key),
    environment: env === '' ? [] : env.split(', '),
    description: meaning,
  }));
}

function actionsOf(platform: Platform): PipelineActions {
  return {
    async create(spec) {
      refuseWhatJsonCannotGive(spec);
      const { id } = spec;
      const isKnown = platform.listPipelines().some((known) => known.id === id);
      const pipeline = await platform.spawnPipeline(spec as unknown as PipelineSpec);
      return { id: pipeline.id, created: !isKnown };
    },
    async updateConfig(id, spec) {
      refuseWhatJsonCannotGive(spec);
      await platform.pipeline(id).updateConfig({ ...spec, id } as unknown as PipelineSpec);
    },
    async act(id, action, reason) {
      const pipeline = platform.pipeline(id);
      if (action === 'stop') await pipeline.stop(reason);
      else if (action === 'pause') await pipeline.pause(reason);
      else await pipeline[action]();
    },
    remove: (id) => platform.removePipeline(id),
  };
}

/** JSON holds no code: a list is no source, and the mark for code stands for nothing. Nor is a hidden secret one. */
function refuseWhatJsonCannotGive(spec: Readonly<Record<string, unknown>>): void {
  const { source, sink, deadLetter, transforms } = spec;
  const parts: (readonly [string, unknown])[] = [
    ['source', source],
    ['sink', sink],
    ['deadLetter', deadLetter],
    ...(Array.isArray(transforms) ? transforms.map((part, index) => [`transforms.${index}`, part] as const) : []),
  ];
  const problems: Problem[] = [];
  for (const [path, part] of parts) {
    if (Array.isArray(part) || (isMapping(part) && part.type === CODE_TYPE)) {
      problems.push({
        path,
        expected: 'a part that is no code: spawn that in your own process',
        got: 'code or records',
      });
    } else if (JSON.stringify(part)?.includes(HIDDEN) === true) {
      problems.push({ path, expected: 'the secret itself, or a reference to a variable', got: HIDDEN });
    }
  }
  if (problems.length === 0) return;
  const message = `the pipeline was not taken: ${problems.map(describeProblem).join('; ')}`;
  throw new DataflowError('DATAFLOW_ERR_PIPELINE_INVALID', message, { problems });
}
