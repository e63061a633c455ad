/**
 * Which pipelines have their actor in this process. Owns the way of a key from a lease to a recovered actor and back;
 * does not own the choice of keys.
 *
 * R1. An actor lives under one lease: it is made after the lease was acquired, so that it recovers all that earlier owners
 *     have written, and it has ended before the lease is let go. An append that is still on its way then is fenced by the
 *     epoch, and the key is not acquired here again before that has settled.
 * R2. What is done to a key here is done one after the other.
 * R3. An actor whose lease was lost is ended at once, its work aborted; an actor that the journal has fenced as well.
 * R4. A pipeline that cannot be recovered keeps its lease: another node would fail on it as well.
 */
import type { PipelineState } from '../domain/state.ts';
import { codeOf } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { PipelineActor } from '../runtime/pipeline-actor.ts';
import type { PipelineRuntime } from '../runtime/runtime.ts';
import { Turns } from '../runtime/turns.ts';
import { leaseLost, movedAway } from './cluster-errors.ts';
import type { Holdings } from './holdings.ts';
import type { Lease, Leases } from './leases.ts';
import { Releases } from './releases.ts';

/** PORT: what is counted of the cluster. No method throws. */
export interface ClusterObserver {
  /** A pipeline came here from an owner that had not let go of it. */
  takenOver(): void;
  /** An append was refused because another node owns the pipeline. */
  fenced(): void;
}

export interface OwnershipOptions {
  readonly leases: Leases;
  readonly owner: string;
  readonly ttlMs: number;
  readonly handOverTimeoutMs: number;
  readonly runtime: PipelineRuntime;
  readonly holdings: Holdings;
  readonly clock: Clock;
  readonly observer: ClusterObserver;
  /** The pipeline has an actor here from now on. */
  adopted(actor: PipelineActor): void;
  warn(message: string, error: unknown): void;
}

export class Ownership {
  readonly #options: OwnershipOptions;
  readonly #releases: Releases;
  readonly #turns = new Turns();
  readonly #leaving = new Set<string>();

  constructor(options: OwnershipOptions) {
    this.#options = options;
    this.#releases = new Releases(options.leases, options.owner);
  }

  /** How many keys are on their way to another node. */
  get leaving(): number {
    return this.#leaving.size;
  }

  isLeaving(key: string): boolean {
    return this.#leaving.has(key);
  }

  /** Acquires the keys that are still vacant and recovers their pipelines. Resolves with how many it got. */
  async take(keys: readonly string[], pinnedUntil = 0): Promise<number> {
    const { leases, owner, ttlMs, runtime } = this.#options;
    const idle = keys.filter((key) => !this.#turns.has(key) && runtime.get(key) === undefined);
    if (idle.length === 0) return 0;
    const acquired = leases.acquire(idle, owner, ttlMs).then((all) => new Map(all.map((lease) => [lease.key, lease])));
    let taken = 0;
    const turns = idle.map((key) =>
      this.#turns.take(key, async () => {
        const lease = (await acquired).get(key);
        if (lease === undefined) return;
        taken += 1;
        const actor = this.#adopt(lease, pinnedUntil);
        const state = await this.#recovered(actor);
        if (state?.status === 'empty') await this.#letGo(key, 0, true);
      }),
    );
    await Promise.all(turns);
    return taken;
  }

  /** The actor of the key, which is acquired where it is free; undefined where another node has it. */
  claim(key: string): Promise<PipelineActor | undefined> {
    const { leases, owner, ttlMs, runtime, holdings } = this.#options;
    return this.#turns.take(key, async () => {
      const actor = runtime.get(key);
      if (actor !== undefined) return holdings.get(key) === undefined ? undefined : actor;
      const [lease] = await leases.acquire([key], owner, ttlMs);
      return lease === undefined ? undefined : this.#adopt(lease, 0);
    });
  }

  /** Lets the pipeline finish its batch, then another node may have it. */
  handOver(key: string, timeoutMs = this.#options.handOverTimeoutMs): Promise<void> {
    this.#leaving.add(key);
    const { warn } = this.#options;
    return this.#turns.take(key, async () => {
      try {
        await this.#letGo(key, timeoutMs, false);
      } catch (error) {
        warn(`the lease of pipeline ${key} could not be released; it runs out by itself`, error);
      } finally {
        this.#leaving.delete(key);
      }
    });
  }

  /** The pipeline was removed: its actor ends, and nobody needs to own it. */
  retire(key: string): Promise<void> {
    return this.#turns.take(key, () => this.#letGo(key, this.#options.handOverTimeoutMs, true));
  }

  /** Leases that another node may hold by now: nothing more is done under them. */
  lose(leases: readonly Lease[]): void {
    const { holdings, runtime, warn } = this.#options;
    for (const lease of leases) {
      if (!holdings.drop(lease)) continue;
      const failed = (error: unknown): void => warn(`pipeline ${lease.key} did not stop in order`, error);
      void runtime.stop(lease.key, 0, leaseLost(lease.key)).catch(failed);
    }
  }

  #adopt(lease: Lease, pinnedUntil: number): PipelineActor {
    const { runtime, holdings, clock, observer, adopted } = this.#options;
    holdings.add({ lease, since: clock.monotonic(), pinnedUntil });
    if (lease.takeoverEpoch === lease.epoch) observer.takenOver();
    const actor = runtime.spawn(lease.key);
    actor.listen({
      ended: (reason) => {
        if (codeOf(reason) !== 'DATAFLOW_ERR_JOURNAL_FENCED') return;
        observer.fenced();
        this.lose([lease]);
      },
    });
    adopted(actor);
    return actor;
  }

  async #recovered(actor: PipelineActor): Promise<PipelineState | undefined> {
    try {
      return await actor.ready;
    } catch (error) {
      this.#options.warn(`pipeline ${actor.key} could not be recovered`, error);
      return undefined;
    }
  }

  async #letGo(key: string, timeoutMs: number, isRetired: boolean): Promise<void> {
    const { runtime, holdings } = this.#options;
    const holding = holdings.get(key);
    if (holding === undefined) return;
    const inTime = await runtime.stop(key, timeoutMs, movedAway(key));
    if (!holdings.drop(holding.lease)) return;
    await this.#releases.release(key, isRetired ? 'retired' : inTime ? 'in order' : 'abandoned');
  }
}
