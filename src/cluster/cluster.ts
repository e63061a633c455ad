/**
 * This process among those that share the pipelines of a journal. Owns the order in which its parts start and end, and
 * the timer of the looks; the parts own the rest.
 *
 * R1. The looks go on whatever one of them meets.
 * R2. `drain` first takes the node off the list, so that the others have room for what it lets go, and each pipeline is
 *     released as soon as it has stopped.
 */
import type { PipelineState } from '../domain/state.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import type { PipelineActor } from '../runtime/pipeline-actor.ts';
import type { PipelineRuntime } from '../runtime/runtime.ts';
import { elsewhere } from './cluster-errors.ts';
import { timingOf } from './cluster-timing.ts';
import type { Departures } from './departures.ts';
import { Heartbeat } from './heartbeat.ts';
import type { Holdings } from './holdings.ts';
import type { Leases } from './leases.ts';
import type { NodeIdentity, NodeRecord, Nodes } from './nodes.ts';
import { type ClusterObserver, Ownership } from './ownership.ts';
import { Placement } from './placement.ts';

export interface ClusterOptions {
  readonly leases: Leases;
  readonly nodes: Nodes;
  readonly identity: () => NodeIdentity;
  readonly leaseTimeMs: number;
  readonly handOverTimeoutMs: number;
  readonly recoveryConcurrency: number;
  readonly runtime: PipelineRuntime;
  readonly holdings: Holdings;
  readonly departures: Departures;
  readonly clock: Clock;
  readonly observer: ClusterObserver;
  canRun(key: string, state: PipelineState): boolean;
  warn(message: string, error: unknown): void;
}

export class Cluster {
  readonly #options: ClusterOptions;
  readonly #name: string;
  readonly #heartbeat: Heartbeat;
  readonly #ownership: Ownership;
  readonly #placement: Placement;
  readonly #lookMs: number;
  readonly #adopted = new Set<(actor: PipelineActor) => void>();
  #next: Timer | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isDraining = false;
  #isTroubled = false;

  constructor(options: ClusterOptions) {
    this.#options = options;
    const { leases, nodes, identity, runtime, holdings, clock, observer, warn } = options;
    const timing = timingOf(options.leaseTimeMs);
    this.#lookMs = timing.lookMs;
    this.#name = identity().name;
    this.#ownership = new Ownership({
      leases,
      owner: this.#name,
      ttlMs: timing.ttlMs,
      handOverTimeoutMs: options.handOverTimeoutMs,
      runtime,
      holdings,
      clock,
      observer,
      adopted: (actor) => {
        for (const listener of this.#adopted) listener(actor);
      },
      warn,
    });
    const lost = (all: Parameters<Ownership['lose']>[0]): void => this.#ownership.lose(all);
    this.#heartbeat = new Heartbeat({ leases, nodes, identity, timing, clock, holdings, lost, warn });
    this.#placement = new Placement(
      {
        name: this.#name,
        leases,
        heartbeat: this.#heartbeat,
        holdings,
        ownership: this.#ownership,
        runtime,
        timing,
        clock,
        concurrency: options.recoveryConcurrency,
        canRun: options.canRun,
      },
      seedOf(identity().incarnation),
    );
  }

  get name(): string {
    return this.#name;
  }

  /** The nodes as they were at the last beat, expired ones included. */
  get nodes(): readonly NodeRecord[] {
    return this.#heartbeat.nodes;
  }

  get liveNodes(): number {
    return this.nodes.filter(({ isExpired }) => !isExpired).length;
  }

  /** How many pipelines this process owns. */
  get held(): number {
    return this.#options.holdings.size;
  }

  holds(key: string): boolean {
    return this.#options.holdings.get(key) !== undefined;
  }

  /** Joins, and recovers this node's share of what is vacant. */
  async start(): Promise<void> {
    await this.#heartbeat.start();
    while ((await this.#placement.round()) > 0);
    this.#schedule();
  }

  /** Tells the other nodes of an address that is known only now. */
  announce(): Promise<void> {
    return this.#heartbeat.announce();
  }

  /** The actor of the pipeline, which comes here where nobody has it; undefined where another node does. */
  claim(key: string): Promise<PipelineActor | undefined> {
    return this.#ownership.claim(key);
  }

  /** The pipeline was removed. */
  retire(key: string): Promise<void> {
    return this.#ownership.retire(key);
  }

  /** The pipeline can run here now, since its code and secrets were given. */
  welcome(key: string): void {
    this.#placement.welcome(key);
  }

  /** DATAFLOW_ERR_PIPELINE_ELSEWHERE with the owner's name, where there is one. */
  async refusal(key: string): Promise<Error> {
    const owner = await this.#options.leases.ownerOf(key);
    await this.#heartbeat.refresh();
    const address = this.nodes.find(({ name }) => name === owner)?.address;
    return elsewhere(key, owner === this.#name ? undefined : owner, address);
  }

  /** Told of each actor that is made here, before it has recovered. The function returned ends it. */
  onAdopted(listener: (actor: PipelineActor) => void): () => void {
    this.#adopted.add(listener);
    return () => this.#adopted.delete(listener);
  }

  /** Hands everything over. Batches in progress may finish for up to `timeoutMs`. */
  async drain(timeoutMs: number): Promise<void> {
    const { holdings, warn } = this.#options;
    this.#isDraining = true;
    this.#next?.cancel();
    this.#placement.close();
    try {
      await this.#heartbeat.leave();
    } catch (error) {
      warn('this node could not be taken off the list of nodes; it runs out by itself', error);
    }
    const handOver = () => Promise.all(holdings.keys().map((key) => this.#ownership.handOver(key, timeoutMs)));
    await handOver();
    await this.#looking;
    // What a look that was under way has brought.
    await handOver();
    await this.#heartbeat.stop();
  }

  #schedule(): void {
    if (this.#isDraining) return;
    this.#next = this.#options.clock.setTimeout(() => {
      this.#looking = this.#look();
    }, this.#lookMs);
  }

  async #look(): Promise<void> {
    const { departures, leases, runtime, warn } = this.#options;
    try {
      await this.#placement.round();
      // Nobody waits for it as for the owner of a vacant key.
      await departures.look(leases, (key) => runtime.get(key) !== undefined);
      this.#isTroubled = false;
    } catch (error) {
      if (!this.#isTroubled)
        warn('this node could not look for vacant and removed pipelines; it is tried again', error);
      this.#isTroubled = true;
    }
    this.#schedule();
  }
}

/** Nodes look at the same keys in different orders. */
function seedOf(incarnation: string): number {
  return Number.parseInt(incarnation.replaceAll('-', '').slice(0, 8), 16);
}
