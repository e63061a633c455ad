import type { MeterProvider } from '@opentelemetry/api';
import type { Cluster } from '../cluster/cluster.ts';
import { Departures } from '../cluster/departures.ts';
import { Holdings } from '../cluster/holdings.ts';
import type { Config, ConfigOptions } from '../config/config.ts';
import { resolveConfig } from '../config/load-config.ts';
import type { Environment } from '../connectors/environment.ts';
import type { ConnectorRegistry } from '../connectors/registry.ts';
import { redactText } from '../domain/secrets.ts';
import { messageOf } from '../errors.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import type { Journal } from '../runtime/journal.ts';
import { PipelineRuntime } from '../runtime/runtime.ts';
import type { AuditEvent } from '../server/status/ports.ts';
import { Attachments } from './attachments.ts';
import { connectorsOf, createPlatformRegistry } from './connect.ts';
import { EventTails } from './event-tails.ts';
import { checkMeterProvider } from './host-provider.ts';
import { checkShareable, clusterOf } from './join-cluster.ts';
import { openJournal } from './open-journal.ts';
import { packageVersion } from './package-version.ts';
import { Platform } from './platform.ts';
import { startPlatformMetrics } from './platform-metrics.ts';
import { OwnSeats } from './seats.ts';
import { SharedSeats } from './shared-seats.ts';
import { StatusPage } from './status-page.ts';
import { statusPortsOf } from './status-ports.ts';

/** Every setting of the configuration file may be given here too, and wins over it. */
export interface PlatformOptions extends Omit<ConfigOptions, 'journal'> {
  /** Settings, or a journal of your own, which the platform then closes. */
  readonly journal?: NonNullable<ConfigOptions['journal']> | Journal;
  /** Must exist; default: DATAFLOW_CONFIG, config/dataflow.yaml, dataflow.yaml, whichever is there first. False: none. */
  readonly configFile?: string | false;
  /** Default: process.env. */
  readonly env?: Environment;
  /** The host application's provider: metrics go there, and no endpoint is opened. */
  readonly meterProvider?: MeterProvider;
  /** Registers connector types before pipelines are recovered. */
  readonly register?: (registry: ConnectorRegistry) => void;
  /** Where diagnostics go; default: a Node.js process warning. */
  readonly onWarning?: (message: string, error: unknown) => void;
  /** Where each action of the status page is told; default: a line of JSON on the standard error. */
  readonly onAudit?: (event: AuditEvent) => void;
  readonly clock?: Clock;
  /** Uniform in [0, 1); spreads backoffs. Default: Math.random. */
  readonly random?: () => number;
}

/**
 * Loads the configuration, starts telemetry and its endpoint, opens the journal and recovers every pipeline in it: a
 * running one runs on. A pipeline that cannot be recovered is reported and unavailable; the others are not affected.
 *
 * Rejects with DATAFLOW_ERR_CONFIG_*, DATAFLOW_ERR_SERVER_* or DATAFLOW_ERR_JOURNAL_*, with everything released.
 */
export async function startPlatform(options: PlatformOptions = {}): Promise<Platform> {
  const env = options.env ?? process.env;
  const { config, sourceOf } = await configOf(options, env);
  const version = packageVersion();
  const warn = warningsTo(options.onWarning);
  const clock = options.clock ?? systemClock;
  const given = options.journal;
  const journal = given !== undefined && isJournal(given) ? given : await openJournal(config, env, clock);
  const status = new StatusPage(config.statusPage, env);
  let metrics: Awaited<ReturnType<typeof startPlatformMetrics>> | undefined;
  let runtime: PipelineRuntime | undefined;
  let cluster: Cluster | undefined;
  try {
    metrics = await startPlatformMetrics({ config: config.metrics, clock, meterProvider: options.meterProvider, env });
    const registry = createPlatformRegistry({ env, clock });
    options.register?.(registry);
    const attachments = new Attachments();
    const holdings = new Holdings();
    const { recoveryConcurrency, shutdownTimeoutMs } = config.runtime;
    const recorder = status.recorderFor(metrics.recorder);
    const departures = new Departures(recorder, clock);
    runtime = new PipelineRuntime({
      journal,
      clock,
      random: options.random ?? Math.random,
      // Where no engine of ours holds series, none can be taken away.
      recorder: config.cluster.enabled && metrics.engine !== undefined ? departures : recorder,
      observer: metrics.actors,
      limits: limitsOf(config),
      ...(config.cluster.enabled && { leaseOf: (pipelineId) => holdings.get(pipelineId)?.lease }),
      connect: async (pipelineId, journaled, signal) =>
        connectorsOf(registry, await attachments.get(pipelineId, journaled, signal), clock),
      warn,
    });
    if (config.cluster.enabled) {
      const joined: Cluster = clusterOf({
        journal,
        config: config.cluster,
        version,
        address: () => status.url,
        handOverTimeoutMs: shutdownTimeoutMs,
        recoveryConcurrency,
        runtime,
        holdings,
        departures,
        clock,
        observer: metrics.observeCluster(() => ({ held: joined.held, liveNodes: joined.liveNodes })),
        canRun: (id, state) => state.status === 'empty' || !attachments.isDetached(id, state.config),
        warn,
      });
      cluster = joined;
      await cluster.start();
    } else await recoverAll(runtime, journal, recoveryConcurrency, warn);
    metrics.ready();
    const tails = new EventTails(journal, clock, warn);
    const seats =
      cluster === undefined
        ? new OwnSeats(runtime, shutdownTimeoutMs)
        : new SharedSeats(cluster, runtime, journal, clock);
    const parts = { config, sourceOf, clock, version, journal, runtime, seats, cluster, attachments, metrics, warn };
    const platform = new Platform({ ...parts, registry, tails, status });
    const audit = options.onAudit ?? toStandardError;
    await status.start(statusPortsOf(platform, { ...parts, audit }));
    await cluster?.announce();
    return platform;
  } catch (error) {
    await Promise.allSettled([status.close(), cluster?.drain(0)]);
    await Promise.allSettled([runtime?.stopAll(0), metrics?.close()]);
    await journal.close().catch(() => {});
    throw error;
  }
}

/** A journal that was given belongs to the platform from the call on, so it is closed here as well. */
async function configOf(options: PlatformOptions, env: Environment) {
  try {
    const found = checkMeterProvider(options.meterProvider);
    const resolved = await resolveConfig({ options: settingsOf(options), env, file: options.configFile, found });
    const { journal } = options;
    checkShareable(resolved.config, journal !== undefined && isJournal(journal) ? journal : undefined);
    return resolved;
  } catch (error) {
    if (options.journal !== undefined && isJournal(options.journal)) await options.journal.close().catch(() => {});
    throw error;
  }
}

function settingsOf(options: PlatformOptions): ConfigOptions {
  const { journal, metrics, runtime, statusPage, cluster } = options;
  return {
    ...(journal !== undefined && !isJournal(journal) && { journal }),
    ...(metrics !== undefined && { metrics }),
    ...(runtime !== undefined && { runtime }),
    ...(statusPage !== undefined && { statusPage }),
    ...(cluster !== undefined && { cluster }),
  };
}

function isJournal(value: object): value is Journal {
  return 'append' in value && typeof value.append === 'function';
}

function limitsOf({ runtime }: Config) {
  return {
    mailboxLimit: runtime.mailboxLimit,
    prefetchBatches: runtime.prefetchBatches,
    snapshots: {
      every: runtime.snapshotEvery,
      keep: runtime.keepSnapshots,
      deleteEvents: runtime.deleteEventsOnSnapshot,
    },
  };
}

type Warn = (message: string, error: unknown) => void;

function warningsTo(onWarning: Warn = toProcess): Warn {
  return (message, error) => onWarning(redactText(message), error);
}

function toProcess(message: string, error: unknown): void {
  process.emitWarning(redactText(`${message}: ${messageOf(error)}`), 'DataflowWarning');
}

function toStandardError(event: AuditEvent): void {
  process.stderr.write(`${JSON.stringify(event)}\n`);
}

/** Recovers what the journal holds, some pipelines at a time; keys whose pipeline was removed are let go again. */
async function recoverAll(runtime: PipelineRuntime, journal: Journal, concurrency: number, warn: Warn): Promise<void> {
  const keys = [...(await journal.keys())];
  const recoverNext = async (): Promise<void> => {
    for (let key = keys.pop(); key !== undefined; key = keys.pop()) {
      try {
        const state = await runtime.spawn(key).ready;
        if (state.status === 'empty') await runtime.stop(key, 0);
      } catch (error) {
        warn(`pipeline ${key} could not be recovered`, error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, keys.length) }, recoverNext));
}
