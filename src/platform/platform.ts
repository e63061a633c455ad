/**
 * The pipelines of a process and what serves them. Owns the order in which parts start and end; the parts own the rest.
 *
 * R1. `spawnPipeline` is idempotent for an equal specification, also when called twice at once.
 * R2. `shutdown` ends pipelines before telemetry, telemetry and the readings of events before the journal, so that
 *     nothing that happened on the way is lost; it is idempotent and ends in bounded time.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Cluster } from '../cluster/cluster.ts';
import type { NodeRecord } from '../cluster/nodes.ts';
import type { Config } from '../config/config.ts';
import { hasSecret, redact } from '../config/redact.ts';
import type { ConnectorRegistry } from '../connectors/registry.ts';
import type { PipelineDefinition } from '../domain/spec.ts';
import type { PipelineState, PipelineStatus } from '../domain/state.ts';
import { parsePipelineSpec, withoutConsequences } from '../domain/validate.ts';
import { DataflowError, describeProblem, type Problem } from '../errors.ts';
import type { EventsOptions, RecordedEvent } from '../runtime/event-tail.ts';
import type { Journal } from '../runtime/journal.ts';
import type { PipelineActor } from '../runtime/pipeline-actor.ts';
import { readState } from '../runtime/read-state.ts';
import type { PipelineRuntime } from '../runtime/runtime.ts';
import { Turns } from '../runtime/turns.ts';
import type { Attachments } from './attachments.ts';
import { type CodeParts, type PipelineSpec, separateCode } from './code-parts.ts';
import type { EventTails } from './event-tails.ts';
import { type Health, healthOf, type PipelineSummary, summarise } from './health.ts';
import { Pipeline } from './pipeline.ts';
import type { PlatformMetrics } from './platform-metrics.ts';
import { type Seat, type Seats, unknownPipeline } from './seats.ts';
import type { StatusPage } from './status-page.ts';

export interface PlatformParts {
  readonly config: Config;
  readonly journal: Journal;
  readonly runtime: PipelineRuntime;
  readonly seats: Seats;
  /** Undefined where this process has all pipelines of its journal. */
  readonly cluster: Cluster | undefined;
  readonly registry: ConnectorRegistry;
  readonly attachments: Attachments;
  readonly tails: EventTails;
  readonly metrics: PlatformMetrics;
  readonly status: StatusPage;
}

interface Specified {
  /** What the journal and its readers see. */
  readonly shown: PipelineDefinition;
  /** The same with literal secrets. */
  readonly full: PipelineDefinition;
  readonly code: CodeParts;
}

/** After `shutdown` every method but `shutdown` itself ends with DATAFLOW_ERR_PLATFORM_SHUT_DOWN. */
export class Platform {
  readonly metrics: PlatformMetrics;
  readonly #parts: PlatformParts;
  /** One change of a pipeline's definition at a time. */
  readonly #changes = new Turns();
  #shutdown: Promise<void> | undefined;

  constructor(parts: PlatformParts) {
    this.metrics = parts.metrics;
    this.#parts = parts;
  }

  /** Parsed, complete, frozen. It may hold secrets, and so it is not shown with what shows the platform. */
  get config(): Config {
    return this.#parts.config;
  }

  /** The address of the `/metrics` endpoint, where one is served. */
  get metricsUrl(): string | undefined {
    return this.metrics.url;
  }

  /** The address of the status page, where one is served. */
  get statusUrl(): string | undefined {
    return this.#parts.status.url;
  }

  registerSource(...args: Parameters<ConnectorRegistry['registerSource']>): void {
    this.#assertOpen();
    this.#parts.registry.registerSource(...args);
  }

  registerTransform(...args: Parameters<ConnectorRegistry['registerTransform']>): void {
    this.#assertOpen();
    this.#parts.registry.registerTransform(...args);
  }

  registerSink(...args: Parameters<ConnectorRegistry['registerSink']>): void {
    this.#assertOpen();
    this.#parts.registry.registerSink(...args);
  }

  /**
   * Creates a pipeline, or gives the one of this id: an equal specification attaches its code again, another one
   * rejects with DATAFLOW_ERR_PIPELINE_CONFLICT. DATAFLOW_ERR_PIPELINE_INVALID lists every problem.
   */
  async spawnPipeline(spec: PipelineSpec): Promise<Pipeline> {
    const specified = this.#specify(spec);
    return this.#changes.take(specified.shown.id, () => this.#spawn(specified));
  }

  /**
   * Where processes share pipelines, this gives a handle of any id, whose methods say who has the pipeline or that nobody
   * has. @throws DATAFLOW_ERR_PIPELINE_UNKNOWN
   */
  pipeline(id: string): Pipeline {
    this.#assertOpen();
    const seat = this.#parts.seats.find(id);
    if (seat === undefined) throw unknownPipeline(id);
    return this.#handle(seat);
  }

  /** Those of this process. */
  listPipelines(status?: PipelineStatus): PipelineSummary[] {
    this.#assertOpen();
    const all = [...this.#parts.seats.actors()].map((actor) => summarise(actor.key, actor.state, actor.ended));
    return all
      .filter((summary) => summary.status !== 'empty' || summary.unavailable !== undefined)
      .filter((summary) => status === undefined || summary.status === status)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  health(): Health {
    return healthOf(this.listPipelines());
  }

  /** The processes that share the pipelines, this one included, as they were some seconds ago; none where nothing is shared. */
  nodes(): readonly NodeRecord[] {
    this.#assertOpen();
    return this.#parts.cluster?.nodes ?? [];
  }

  /**
   * The events of all pipelines in the order in which they became durable, and on with those to come, until the loop
   * is left or the platform shuts down. With `projection` the journal keeps how far they were handled, and the next
   * reading of that name goes on from there: each event comes at least once. One is handled when the next is asked for.
   *
   * Throws DATAFLOW_ERR_PROJECTION_IN_USE when it is iterated while another reading of the name goes on; the iteration
   * rejects with DATAFLOW_ERR_JOURNAL_*, and with DATAFLOW_ERR_RECOVERY_EVENT_UNKNOWN at an event of a newer version.
   */
  events(options: EventsOptions = {}): AsyncIterable<RecordedEvent> {
    this.#assertOpen();
    return this.#parts.tails.events(options);
  }

  /** Stops the pipeline, ends its series; its events stay in the journal, its id may be used again. */
  async removePipeline(id: string): Promise<void> {
    this.#assertOpen();
    await this.#changes.take(id, async () => {
      const { seats, attachments } = this.#parts;
      const actor = await this.#actorOf(id);
      await actor.send({ type: 'RemovePipeline' });
      await seats.retire(id);
      attachments.detach(id);
    });
  }

  /**
   * Lets batches in progress finish for up to `timeoutMs`, then ends everything. Running pipelines stay running in
   * the journal: the next start goes on with them. Default: runtime.shutdownTimeout.
   */
  shutdown(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#shutdown ??= this.#end(options.timeoutMs ?? this.config.runtime.shutdownTimeoutMs);
    return this.#shutdown;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  async #end(timeoutMs: number): Promise<void> {
    const { runtime, cluster, metrics, tails, journal, status } = this.#parts;
    const stop = async (): Promise<void> => {
      try {
        await cluster?.drain(timeoutMs);
      } finally {
        await runtime.stopAll(timeoutMs);
      }
    };
    try {
      const ended = await Promise.allSettled([status.close(), stop()]);
      for (const end of ended) if (end.status === 'rejected') throw end.reason;
    } finally {
      try {
        await metrics.close();
      } finally {
        await tails.close();
        await journal.close();
      }
    }
  }

  async #spawn({ shown, full, code }: Specified): Promise<Pipeline> {
    this.#assertOpen();
    const { seats, journal, attachments } = this.#parts;
    const { id, name, description, config } = shown;
    const { seat, actor } = await seats.claim(id);
    const known = actor === undefined ? (await readState(journal, id)).state : await actor.ready;
    if (actor?.ended !== undefined) throw actor.ended;
    const state = actor?.state ?? known;
    if (known.status === 'empty' && state.status === 'empty') {
      // Where it is elsewhere, its owner is about to create it.
      await actor?.send({ type: 'CreatePipeline', id, name, description, config });
    } else if (!isDeepStrictEqual(definitionOf(state), json({ name, description, config }))) {
      throw new DataflowError(
        'DATAFLOW_ERR_PIPELINE_CONFLICT',
        `pipeline ${id} exists with another specification: use its updateConfig to change it, or another id`,
        { details: { pipelineId: id } },
      );
    }
    attachments.attach(id, { config: full.config, code });
    seats.welcome(id);
    return this.#handle(seat);
  }

  async #updateConfig(id: string, spec: PipelineSpec): Promise<PipelineState> {
    const { shown, full, code } = this.#specify({ ...spec, id });
    const actor = await this.#actorOf(id);
    const { name, description, config } = shown;
    const { state } = await actor.send({ type: 'UpdateConfig', name, description, config });
    this.#parts.attachments.attach(id, { config: full.config, code });
    this.#parts.seats.welcome(id);
    return state;
  }

  #specify(spec: PipelineSpec): Specified {
    this.#assertOpen();
    const { plain, code } = separateCode(spec);
    const parsed = parsePipelineSpec(plain);
    const checked = parsed.ok ? parsed.definition : parsed.partial;
    const problems = checked === undefined ? [] : this.#parts.registry.validate(checked.config);
    if (!parsed.ok) throw invalid(spec, [...parsed.problems, ...withoutConsequences(problems, parsed.problems)]);
    if (problems.length > 0) throw invalid(spec, problems);
    const full = parsed.definition;
    const { description, config } = full;
    const shown = hasSecret({ description, config })
      ? { ...full, ...(redact({ description, config }) as Pick<PipelineDefinition, 'description' | 'config'>) }
      : full;
    return { shown, full, code };
  }

  #handle(seat: Seat): Pipeline {
    return new Pipeline(seat, {
      assertOpen: () => this.#assertOpen(),
      updateConfig: (id, spec) => this.#changes.take(id, () => this.#updateConfig(id, spec)),
    });
  }

  /** The actor here. @throws DATAFLOW_ERR_PIPELINE_ELSEWHERE, DATAFLOW_ERR_PIPELINE_UNKNOWN */
  async #actorOf(id: string): Promise<PipelineActor> {
    const seat = this.#parts.seats.find(id);
    const actor = seat?.actor();
    if (actor === undefined) throw (await seat?.elsewhere?.refusal()) ?? unknownPipeline(id);
    return actor;
  }

  #assertOpen(): void {
    if (this.#shutdown === undefined) return;
    throw new DataflowError('DATAFLOW_ERR_PLATFORM_SHUT_DOWN', 'the platform was shut down: start another one');
  }
}

function definitionOf(state: PipelineState): unknown {
  if (state.status === 'empty') return undefined;
  const { name, description, config } = state;
  return json({ name, description, config });
}

/** As the journal gives it back: without undefined fields and prototypes. */
function json(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function invalid(spec: { readonly id?: unknown }, problems: readonly Problem[]): DataflowError {
  const name = typeof spec?.id === 'string' ? ` ${spec.id}` : '';
  const list = problems.map(describeProblem).join('; ');
  return new DataflowError('DATAFLOW_ERR_PIPELINE_INVALID', `the pipeline${name} was not created: ${list}`, {
    problems,
  });
}
