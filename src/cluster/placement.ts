/**
 * Which of the vacant keys this node takes, and which of its own it hands over, so that every key has an owner and all
 * nodes have as many. Owns the choice; does not own how it is done.
 *
 * R1. A node takes vacant keys up to its share; one that nobody has taken for a while is taken by anybody.
 * R2. Nothing is handed over for balance while keys are vacant, nor what came only just now.
 * R3. A pipeline that waits here for code or secrets goes to another node, and is left alone here for a while.
 */
import type { PipelineState } from '../domain/state.ts';
import type { Clock } from '../runtime/clock.ts';
import type { PipelineRuntime } from '../runtime/runtime.ts';
import type { ClusterTiming } from './cluster-timing.ts';
import type { Heartbeat } from './heartbeat.ts';
import type { Holdings } from './holdings.ts';
import type { Leases } from './leases.ts';
import type { Ownership } from './ownership.ts';
import { shareOf } from './share.ts';

const LOOKED_AT = 1000;
/** Handed over in one round: the others need as long to recover them. */
const HANDED_OVER = 100;

export interface PlacementOptions {
  readonly name: string;
  readonly leases: Leases;
  readonly heartbeat: Heartbeat;
  readonly holdings: Holdings;
  readonly ownership: Ownership;
  readonly runtime: PipelineRuntime;
  readonly timing: ClusterTiming;
  readonly clock: Clock;
  /** Recovered at the same time. */
  readonly concurrency: number;
  /** False where a running pipeline waits for what only a caller of this process can give. */
  canRun(key: string, state: PipelineState): boolean;
}

export class Placement {
  readonly #options: PlacementOptions;
  readonly #seed: number;
  /** Since when each key was seen vacant, in ms of the monotonic clock. */
  #vacant = new Map<string, number>();
  readonly #leftAlone = new Map<string, number>();
  #isClosed = false;

  constructor(options: PlacementOptions, seed: number) {
    this.#options = options;
    this.#seed = seed;
  }

  /** The pipeline can run here now. */
  welcome(key: string): void {
    this.#leftAlone.delete(key);
  }

  /** Takes and hands over nothing more. */
  close(): void {
    this.#isClosed = true;
  }

  /** One look and what follows from it; resolves with the number of pipelines that came. */
  async round(): Promise<number> {
    const { leases, heartbeat, clock } = this.#options;
    const { total, keys } = await leases.vacancies(LOOKED_AT, this.#seed);
    const now = clock.monotonic();
    this.#vacant = new Map(keys.map((key) => [key, this.#vacant.get(key) ?? now]));
    for (const [key, until] of this.#leftAlone) if (until <= now) this.#leftAlone.delete(key);
    if (this.#isClosed) return 0;
    if (keys.length === 0) {
      this.#handOver(total, now);
      return 0;
    }
    await heartbeat.refresh();
    return this.#take(total, keys);
  }

  async #take(total: number, vacant: readonly string[]): Promise<number> {
    const { ownership, holdings, timing, clock, concurrency } = this.#options;
    const share = this.#share(total);
    const keys = vacant.filter((key) => !this.#leftAlone.has(key));
    let taken = 0;
    let at = 0;
    while (at < keys.length && holdings.size < share && !this.#isClosed) {
      const chunk = keys.slice(at, at + Math.min(concurrency, share - holdings.size));
      at += chunk.length;
      taken += await ownership.take(chunk);
    }
    const now = clock.monotonic();
    const strays = keys.slice(at).filter((key) => now - (this.#vacant.get(key) ?? now) >= timing.settleMs);
    for (at = 0; at < strays.length && !this.#isClosed; at += concurrency) {
      taken += await ownership.take(strays.slice(at, at + concurrency), now + timing.standMs);
    }
    return taken;
  }

  #handOver(total: number, now: number): void {
    const { holdings, ownership, runtime, timing, canRun } = this.#options;
    if (this.#live().length < 2) return;
    const settled = [...holdings.entries()].filter(
      ([key, { since }]) => now - since >= timing.settleMs && !ownership.isLeaving(key),
    );
    for (const [key] of settled) {
      const actor = runtime.get(key);
      if (actor === undefined || actor.state.status !== 'running' || canRun(key, actor.state)) continue;
      this.#leftAlone.set(key, now + timing.standMs);
      void ownership.handOver(key);
    }
    const excess = holdings.size - ownership.leaving - this.#share(total);
    if (excess <= 0) return;
    const movable = settled.filter(([key, { pinnedUntil }]) => pinnedUntil <= now && !ownership.isLeaving(key));
    for (const [key] of movable.slice(0, Math.min(excess, HANDED_OVER))) void ownership.handOver(key);
  }

  #live(): readonly string[] {
    return this.#options.heartbeat.nodes.filter(({ isExpired }) => !isExpired).map(({ name }) => name);
  }

  #share(total: number): number {
    return shareOf(total, this.#live(), this.#options.name);
  }
}
