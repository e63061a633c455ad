import type { Json, JsonObject } from '../domain/json.ts';

/** An event to append. `data` must survive JSON.stringify unchanged. */
export interface JournalEvent {
  readonly data: JsonObject;
  readonly tags: readonly string[];
  /** ms since the epoch. */
  readonly timestamp: number;
  /** What belongs to the event but not into it, such as a trace. Read back unchanged; absent stays absent. */
  readonly metadata?: JsonObject;
}

/** An event as it was stored. Sequence numbers of a key start at 1 and are contiguous. */
export interface StoredEvent extends JournalEvent {
  readonly sequence: number;
  /** Who wrote it, where the journal knows. */
  readonly writer?: string;
}

/** An event with its place in the order of the whole journal. */
export interface GlobalEvent extends StoredEvent {
  readonly key: string;
  /** At least 1; grows along the journal, with gaps. A reader that has seen offset n never misses a smaller one. */
  readonly offset: number;
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

export interface ReadAllOptions {
  /** Only events with this tag. */
  readonly tag?: string;
  /** Only events after this offset; default 0, the beginning. */
  readonly after?: number;
  readonly signal?: AbortSignal;
}

/** Which snapshots of a key; both bounds are inclusive, and one that is left out does not count. */
export interface SnapshotSelection {
  readonly maxSequence?: number;
  /** ms since the epoch. */
  readonly maxTimestamp?: number;
}

/**
 * PORT: durable streams of events, one a persistence key. Every implementation passes the contract suite.
 *
 * - `append` is atomic for its events and resolves only when they are as durable as the journal promises. The first
 *   event gets sequence number `after + 1`. Appending the very same events again succeeds (a retry after an unknown
 *   outcome); other events under a taken sequence number, or a gap, are DATAFLOW_ERR_JOURNAL_CONFLICT. The events are
 *   serialised before `append` returns its promise, so later mutation is harmless.
 * - `read` yields the events in order, in chunks of bounded size, and never blocks the event loop for long.
 *   It sees every append that was resolved before it was called. Of one that was rejected it decides, as `highestSequence`
 *   does: what is not there then never comes.
 * - `readAll` yields the events of all keys in one order that never changes and in which every key keeps its own. It
 *   ends with what was durable when it was called. Where several processes append, an event that is still hidden by
 *   an older append in progress comes with a later call, never at an offset that was passed.
 * - Offsets of projections are no part of the events: deleting events leaves them as they are.
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
  /** The events of all keys in the journal's order, in chunks of bounded size; reads on as `read` does. */
  readAll(options?: ReadAllOptions): AsyncIterable<readonly GlobalEvent[]>;
  /**
   * Calls back soon after events became durable through this object; a hint that may come too often, and that does
   * not come for what another process appends. Returns how to stop it.
   */
  onAppend(listener: () => void): () => void;

  /** How far the projection of this name has come; 0 where it has not begun. */
  projectionOffset(name: string): Promise<number>;
  /** Sets it, forward or back. */
  saveProjectionOffset(name: string, offset: number): Promise<void>;

  /** Takes the place of one with the same sequence number. */
  saveSnapshot(key: string, snapshot: Snapshot): Promise<void>;
  /** The one of the highest sequence number among those selected; default: among all. */
  latestSnapshot(key: string, selection?: SnapshotSelection): Promise<Snapshot | undefined>;
  /** Removes those selected; default: all of the key. */
  deleteSnapshots(key: string, selection?: SnapshotSelection): Promise<void>;
  /** Keeps the `keep` newest snapshots of the key. */
  pruneSnapshots(key: string, keep: number): Promise<void>;

  /** Waits for what is in flight, then releases every resource. Idempotent. */
  close(): Promise<void>;
}
