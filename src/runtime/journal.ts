import type { Json, JsonObject } from '../domain/json.ts';

/** An event to append. `data` must survive JSON.stringify unchanged. */
export interface JournalEvent {
  readonly data: JsonObject;
  readonly tags: readonly string[];
  /** ms since the epoch. */
  readonly timestamp: number;
}

/** An event as it was stored. Sequence numbers of a key start at 1 and are contiguous. */
export interface StoredEvent extends JournalEvent {
  readonly sequence: number;
}

export interface Snapshot {
  /** The sequence number of the last event that the state includes. */
  readonly sequence: number;
  readonly state: Json;
  /** ms since the epoch. */
  readonly timestamp: number;
}

export interface ReadOptions {
  /** First sequence number wanted, default 1. */
  readonly from?: number;
  /** Last sequence number wanted, inclusive; default: the highest. */
  readonly to?: number;
  readonly signal?: AbortSignal;
}

/**
 * PORT: durable streams of events, one a persistence key. Every implementation passes the contract suite.
 *
 * - `append` is atomic for its events and resolves only when they are as durable as the journal promises. The first
 *   event gets sequence number `after + 1`. Appending the very same events again succeeds (a retry after an unknown
 *   outcome); other events under a taken sequence number, or a gap, are DATAFLOW_ERR_JOURNAL_CONFLICT. The events are
 *   serialised before `append` returns its promise, so later mutation is harmless.
 * - `read` yields the events in order, in chunks of bounded size, and never blocks the event loop for long.
 *   It sees every append that was resolved before it was called.
 */
export interface Journal {
  append(key: string, after: number, events: readonly JournalEvent[]): Promise<void>;
  read(key: string, options?: ReadOptions): AsyncIterable<readonly StoredEvent[]>;
  /** 0 when the key has no events. Deletion does not lower it. */
  highestSequence(key: string): Promise<number>;
  /** Removes the events up to and including `to`. */
  deleteEvents(key: string, to: number): Promise<void>;
  /** Every key that has ever had an event, in order of first append. */
  keys(): Promise<readonly string[]>;

  saveSnapshot(key: string, snapshot: Snapshot): Promise<void>;
  /** The newest snapshot, at most at `maxSequence`. */
  latestSnapshot(key: string, maxSequence?: number): Promise<Snapshot | undefined>;
  /** Keeps the `keep` newest snapshots of the key. */
  pruneSnapshots(key: string, keep: number): Promise<void>;

  /** Waits for what is in flight, then releases every resource. Idempotent. */
  close(): Promise<void>;
}
