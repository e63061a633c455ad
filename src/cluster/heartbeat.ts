/**
 * Keeps this process among the nodes, and its leases from running out. Owns the timers of both; does not own the leases.
 *
 * R1. When no renewal has succeeded for as long as a lease lasts, everything held is given up, whatever the server or a
 *     frozen clock made of it: from then on another node may have it.
 * R2. What a renewal does not confirm was lost, and is told once.
 * R3. After `leave` the others no longer count on this node; its leases are renewed until `stop`.
 */
import { DataflowError } from '../errors.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import type { ClusterTiming } from './cluster-timing.ts';
import type { Holdings } from './holdings.ts';
import type { Lease, Leases } from './leases.ts';
import type { NodeIdentity, NodeRecord, Nodes } from './nodes.ts';

/** Renewed by one statement, which holds their rows against appends meanwhile. */
const RENEWED_AT_ONCE = 1000;
const JOIN_TRY_MS = 250;

export interface HeartbeatOptions {
  readonly nodes: Nodes;
  readonly leases: Leases;
  readonly identity: () => NodeIdentity;
  readonly timing: ClusterTiming;
  readonly clock: Clock;
  readonly holdings: Holdings;
  /** Another node may hold these by now. */
  lost(leases: readonly Lease[]): void;
  warn(message: string, error: unknown): void;
}

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #nodes: readonly NodeRecord[] = [];
  #next: Timer | undefined;
  #lapse: Timer | undefined;
  #beating: Promise<void> = Promise.resolve();
  #hasLeft = false;
  #isStopped = false;
  #isTroubled = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** As they were at the last beat, this one included. */
  get nodes(): readonly NodeRecord[] {
    return this.#nodes;
  }

  /**
   * Joins the nodes. A process of the same name that has ended is waited for until its time has run out; one that lives
   * is DATAFLOW_ERR_CLUSTER_NODE_IN_USE.
   */
  async start(): Promise<void> {
    const { clock, timing, identity } = this.#options;
    const until = clock.monotonic() + 2 * timing.ttlMs;
    while (!(await this.#report())) {
      if (clock.monotonic() >= until) throw nameInUse(identity().name);
      await new Promise<void>((resolve) => {
        clock.setTimeout(resolve, JOIN_TRY_MS);
      });
    }
    this.#armLapse(clock.monotonic());
    this.#schedule(timing.renewMs);
  }

  /** Tells what has changed of this node before the next beat does. */
  async announce(): Promise<void> {
    await this.#report();
  }

  async leave(): Promise<void> {
    this.#hasLeft = true;
    await this.#beating;
    await this.#options.nodes.leave(this.#options.identity());
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#next?.cancel();
    this.#lapse?.cancel();
    await this.#beating;
  }

  /** Reads the nodes anew. */
  async refresh(): Promise<void> {
    this.#nodes = await this.#options.nodes.list();
  }

  /** False where another process has the name. */
  async #report(): Promise<boolean> {
    const { nodes, identity, timing } = this.#options;
    const all = await nodes.report(identity(), timing.ttlMs);
    if (all !== undefined) this.#nodes = all;
    return all !== undefined;
  }

  #schedule(delayMs: number): void {
    if (this.#isStopped) return;
    this.#next = this.#options.clock.setTimeout(() => {
      this.#beating = this.#beat();
    }, delayMs);
  }

  async #beat(): Promise<void> {
    const { clock, timing, warn, identity } = this.#options;
    const startedAt = clock.monotonic();
    let pauseMs = timing.renewMs;
    try {
      if (!this.#hasLeft && !(await this.#report())) throw nameInUse(identity().name);
      await this.#renew();
      this.#armLapse(startedAt);
      this.#isTroubled = false;
    } catch (error) {
      if (!this.#isTroubled) warn('the leases of this node could not be renewed; it is tried again', error);
      this.#isTroubled = true;
      pauseMs = timing.renewMs / 4;
    }
    this.#schedule(pauseMs);
  }

  async #renew(): Promise<void> {
    const { leases, holdings, identity, timing, lost } = this.#options;
    const held = holdings.leases();
    for (let at = 0; at < held.length; at += RENEWED_AT_ONCE) {
      const chunk = held.slice(at, at + RENEWED_AT_ONCE);
      const keys = chunk.map(({ key }) => key);
      const renewed = await leases.renew(keys, identity().name, timing.ttlMs);
      const kept = new Set(renewed.map(({ key, epoch }) => `${epoch} ${key}`));
      lost(chunk.filter(({ key, epoch }) => !kept.has(`${epoch} ${key}`)));
    }
  }

  #armLapse(renewedAt: number): void {
    const { clock, timing, holdings, lost, warn } = this.#options;
    if (this.#isStopped) return;
    this.#lapse?.cancel();
    this.#lapse = clock.setTimeout(
      () => {
        const held = holdings.leases();
        if (held.length === 0) return;
        warn(
          `this node gives up its ${held.length} pipelines until it reaches the journal again`,
          new Error(`no lease could be renewed for ${timing.ttlMs} ms`),
        );
        lost(held);
      },
      renewedAt + timing.ttlMs - clock.monotonic(),
    );
  }
}

function nameInUse(name: string): DataflowError {
  return new DataflowError(
    'DATAFLOW_ERR_CLUSTER_NODE_IN_USE',
    `another process that shares this journal is named ${name}: give each process a cluster.node of its own, or none`,
    { details: { node: name } },
  );
}
