/**
 * When a state is saved, and how it looks then. Owns: the count of events since the last snapshot, pruning, deletion
 * of events where asked for. Does not own: the journal.
 *
 * R1. One snapshot is in flight at a time; a state is encoded at once, so a later one cannot slip under its number.
 * R2. A snapshot that fails to be saved costs nothing but a longer recovery: it is reported, and tried again later.
 * R3. Under load the interval grows with the number of events that arrive while one is written, so that snapshots
 *     never take more than their share of the time.
 * R4. Events are deleted only up to the oldest snapshot that is kept.
 */
import type { Json } from '../domain/json.ts';
import { type RecentBatch, RecentBatches } from '../domain/recent-batches.ts';
import type { DefinedState, PipelineState } from '../domain/state.ts';
import type { Clock } from './clock.ts';
import type { Journal, Snapshot } from './journal.ts';

/** Raised when the shape of a state changes; a snapshot of another version is passed over and the events replayed. */
const SNAPSHOT_VERSION = 1;

export interface SnapshotPolicy {
  /** Events between two snapshots; 0 = never. */
  readonly every: number;
  readonly keep: number;
  readonly deleteEvents: boolean;
}

export function encodeSnapshot(state: PipelineState): Json {
  const plain = state.status === 'empty' ? state : { ...state, recentBatches: state.recentBatches.toArray() };
  return { version: SNAPSHOT_VERSION, state: plain as unknown as Json };
}

/** The state of a snapshot, or undefined where it is not one that this version of the product wrote. */
export function decodeSnapshot(snapshot: Snapshot): PipelineState | undefined {
  const { version, state } = (snapshot.state ?? {}) as { version?: unknown; state?: unknown };
  if (version !== SNAPSHOT_VERSION || typeof state !== 'object' || state === null) return undefined;
  if ((state as PipelineState).status === 'empty') return { status: 'empty' };
  const plain = state as Omit<DefinedState, 'recentBatches'> & { recentBatches: readonly RecentBatch[] };
  if (!Array.isArray(plain.recentBatches)) return undefined;
  return { ...plain, recentBatches: RecentBatches.from(plain.recentBatches) } as DefinedState;
}

export class Snapshots {
  readonly #key: string;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #policy: SnapshotPolicy;
  readonly #warn: (message: string, error: unknown) => void;
  #last = 0;
  /** Sequence numbers of the snapshots saved by this process, oldest first, at most as many as are kept. */
  #kept: number[] = [];
  #eventsWhileWriting = 0;
  #inFlight: Promise<void> | undefined;

  constructor(
    key: string,
    journal: Journal,
    clock: Clock,
    policy: SnapshotPolicy,
    warn: (message: string, error: unknown) => void,
  ) {
    this.#key = key;
    this.#journal = journal;
    this.#clock = clock;
    this.#policy = policy;
    this.#warn = warn;
  }

  async load(): Promise<{ state: PipelineState; sequence: number } | undefined> {
    const snapshot = await this.#journal.latestSnapshot(this.#key);
    const state = snapshot && decodeSnapshot(snapshot);
    if (snapshot === undefined || state === undefined) return undefined;
    this.#last = snapshot.sequence;
    return { state, sequence: snapshot.sequence };
  }

  /** Tells that `state` is durable with the event of this sequence number. */
  reached(state: PipelineState, sequence: number): void {
    if (this.#policy.every === 0) return;
    if (this.#inFlight !== undefined) {
      this.#eventsWhileWriting = sequence - this.#last;
      return;
    }
    const interval = Math.max(this.#policy.every, 10 * this.#eventsWhileWriting);
    if (sequence - this.#last < interval) return;
    this.#inFlight = this.#save(state, sequence).finally(() => {
      this.#inFlight = undefined;
    });
  }

  async settled(): Promise<void> {
    await this.#inFlight;
  }

  async #save(state: PipelineState, sequence: number): Promise<void> {
    this.#eventsWhileWriting = 0;
    const snapshot = { sequence, state: encodeSnapshot(state), timestamp: this.#clock.now() };
    this.#last = sequence;
    try {
      await this.#journal.saveSnapshot(this.#key, snapshot);
      await this.#journal.pruneSnapshots(this.#key, this.#policy.keep);
      this.#kept = [...this.#kept, sequence].slice(-this.#policy.keep);
      const [oldest] = this.#kept;
      const known = this.#kept.length === this.#policy.keep;
      if (this.#policy.deleteEvents && known && oldest !== undefined) {
        await this.#journal.deleteEvents(this.#key, oldest);
      }
    } catch (error) {
      this.#warn(`the snapshot of pipeline ${this.#key} at ${sequence} was not saved`, error);
    }
  }
}
