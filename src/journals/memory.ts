/**
 * Owns: the events and snapshots of one process, in memory. Owns no durability whatsoever: they end with the process.
 *
 * R1 What is appended, and what is read, is a copy, or frozen all the way down: neither the writer nor a reader can change what is stored.
 * R2 An append is checked whole before any of it is stored.
 * R3 The highest sequence number of a key never falls.
 * R4 A read gives the event loop a turn between chunks.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type {
  GlobalEvent,
  Journal,
  JournalEvent,
  ReadAllOptions,
  ReadOptions,
  Snapshot,
  SnapshotSelection,
  StoredEvent,
} from '../runtime/journal.ts';
import { AppendListeners } from './append-listeners.ts';
import { copyJson } from './copy-json.ts';
import {
  checkEvent,
  checkKey,
  checkProjection,
  checkRange,
  checkReadAll,
  checkSelection,
  checkSequence,
  checkSnapshot,
  closedError,
  conflictError,
  unserialisable,
} from './journal-input.ts';
import { MemoryLog } from './memory-log.ts';

const CHUNK = 1000;
const DONE = Promise.resolve();

interface Stream {
  /** The sequence number before the first event that is still there. */
  deletedTo: number;
  events: GlobalEvent[];
}

function highestOf(stream: Stream | undefined): number {
  return stream === undefined ? 0 : stream.deletedTo + stream.events.length;
}

function copyOf<T>(what: string, value: T): T {
  try {
    const copy = copyJson(value);
    if (copy !== undefined) return copy;
  } catch (error) {
    throw unserialisable(what, error);
  }
  throw unserialisable(what);
}

function copyEvent(event: JournalEvent, sequence: number): StoredEvent {
  checkEvent(event);
  return {
    sequence,
    data: copyOf('An event', event.data),
    tags: Object.isFrozen(event.tags) ? event.tags : event.tags.slice(),
    timestamp: event.timestamp,
    ...(event.metadata !== undefined && { metadata: copyOf('The metadata of an event', event.metadata) }),
  };
}

/** For a reader, who may change it. */
function copyOut({ sequence, data, tags, timestamp, metadata }: StoredEvent): StoredEvent {
  const copy = { sequence, data: copyJson(data), tags: tags.slice(), timestamp };
  return metadata === undefined ? copy : { ...copy, metadata: copyJson(metadata) };
}

function sameEvent(a: StoredEvent, b: StoredEvent): boolean {
  return (
    a.timestamp === b.timestamp &&
    JSON.stringify(a.tags) === JSON.stringify(b.tags) &&
    JSON.stringify(a.metadata) === JSON.stringify(b.metadata) &&
    JSON.stringify(a.data) === JSON.stringify(b.data)
  );
}

function selects(key: string, selection?: SnapshotSelection): (snapshot: Snapshot) => boolean {
  const { maxSequence, maxTimestamp } = checkSelection(key, selection);
  return ({ sequence, timestamp }) => sequence <= maxSequence && timestamp <= maxTimestamp;
}

class MemoryJournal implements Journal {
  readonly #streams = new Map<string, Stream>();
  /** Ascending by sequence number. */
  readonly #snapshots = new Map<string, Snapshot[]>();
  readonly #log = new MemoryLog();
  readonly #offsets = new Map<string, number>();
  readonly #listeners = new AppendListeners();
  #closed = false;

  append(key: string, after: number, events: readonly JournalEvent[]): Promise<void> {
    try {
      this.#append(key, after, events);
      return DONE;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #append(key: string, after: number, events: readonly JournalEvent[]): void {
    this.#checkOpen();
    checkSequence('The sequence number to append after', after, 0);
    let stream = this.#streams.get(key);
    if (stream === undefined) checkKey(key);
    if (events.length === 0) return;
    const highest = highestOf(stream);
    if (after > highest) throw conflictError(key, after + 1, highest);
    const copies: StoredEvent[] = [];
    for (const event of events) {
      const copy = copyEvent(event, after + 1 + copies.length);
      if (copy.sequence <= highest) {
        const stored = stream?.events[copy.sequence - 1 - stream.deletedTo];
        if (stored === undefined || !sameEvent(stored, copy)) throw conflictError(key, copy.sequence, highest);
      }
      copies.push(copy);
    }
    if (stream === undefined) {
      stream = { deletedTo: 0, events: [] };
      this.#streams.set(key, stream);
    }
    for (const copy of copies) if (copy.sequence > highest) stream.events.push(this.#log.add(key, copy));
    this.#listeners.appended();
  }

  async *read(key: string, options: ReadOptions = {}): AsyncGenerator<readonly StoredEvent[]> {
    this.#checkOpen();
    checkKey(key);
    const { signal } = options;
    signal?.throwIfAborted();
    const range = checkRange(options.from, options.to);
    const stream = this.#streams.get(key);
    if (stream === undefined) return;
    const to = Math.min(range.to, highestOf(stream));
    let next = range.from;
    while (next <= to) {
      const start = Math.max(0, next - 1 - stream.deletedTo);
      const chunk = stream.events.slice(start, Math.min(start + CHUNK, to - stream.deletedTo));
      const last = chunk.at(-1);
      if (last === undefined) return;
      yield chunk.map(copyOut);
      next = last.sequence + 1;
      await nextTurn();
      signal?.throwIfAborted();
      this.#checkOpen();
    }
  }

  async highestSequence(key: string): Promise<number> {
    this.#checkOpen();
    checkKey(key);
    return highestOf(this.#streams.get(key));
  }

  async deleteEvents(key: string, to: number): Promise<void> {
    this.#checkOpen();
    checkKey(key);
    checkSequence('The sequence number to delete to', to, 0);
    const stream = this.#streams.get(key);
    if (stream === undefined) return;
    const last = Math.min(to, highestOf(stream));
    if (last <= stream.deletedTo) return;
    for (const event of stream.events.slice(0, last - stream.deletedTo)) this.#log.remove(event);
    stream.events = stream.events.slice(last - stream.deletedTo);
    stream.deletedTo = last;
  }

  async keys(): Promise<readonly string[]> {
    this.#checkOpen();
    return [...this.#streams.keys()];
  }

  async *readAll(options: ReadAllOptions = {}): AsyncGenerator<readonly GlobalEvent[]> {
    this.#checkOpen();
    const { after, tag } = checkReadAll(options);
    options.signal?.throwIfAborted();
    const to = this.#log.highest;
    let next = after;
    while (next < to) {
      const { events, reached } = this.#log.chunk(next, to, CHUNK, tag);
      if (events.length > 0) yield events.map((event) => ({ ...copyOut(event), key: event.key, offset: event.offset }));
      next = reached;
      await nextTurn();
      options.signal?.throwIfAborted();
      this.#checkOpen();
    }
  }

  onAppend(listener: () => void): () => void {
    this.#checkOpen();
    return this.#listeners.add(listener);
  }

  async projectionOffset(name: string): Promise<number> {
    this.#checkOpen();
    checkProjection(name);
    return this.#offsets.get(name) ?? 0;
  }

  async saveProjectionOffset(name: string, offset: number): Promise<void> {
    this.#checkOpen();
    checkProjection(name, offset);
    this.#offsets.set(name, offset);
  }

  async saveSnapshot(key: string, snapshot: Snapshot): Promise<void> {
    this.#checkOpen();
    checkSnapshot(key, snapshot);
    const { sequence, timestamp } = snapshot;
    const copy: Snapshot = { sequence, timestamp, state: copyOf('A snapshot', snapshot.state) };
    const others = (this.#snapshots.get(key) ?? []).filter((other) => other.sequence !== sequence);
    this.#snapshots.set(
      key,
      [...others, copy].sort((a, b) => a.sequence - b.sequence),
    );
  }

  async latestSnapshot(key: string, selection?: SnapshotSelection): Promise<Snapshot | undefined> {
    this.#checkOpen();
    const selected = selects(key, selection);
    const found = this.#snapshots.get(key)?.findLast(selected);
    return found === undefined ? undefined : copyJson(found);
  }

  async deleteSnapshots(key: string, selection?: SnapshotSelection): Promise<void> {
    this.#checkOpen();
    const selected = selects(key, selection);
    const snapshots = this.#snapshots.get(key) ?? [];
    this.#snapshots.set(
      key,
      snapshots.filter((snapshot) => !selected(snapshot)),
    );
  }

  async pruneSnapshots(key: string, keep: number): Promise<void> {
    this.#checkOpen();
    checkKey(key);
    checkSequence('The number of snapshots to keep', keep, 0);
    const snapshots = this.#snapshots.get(key);
    if (snapshots === undefined || snapshots.length <= keep) return;
    this.#snapshots.set(key, snapshots.slice(snapshots.length - keep));
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #checkOpen(): void {
    if (this.#closed) throw closedError();
  }
}

/** A journal for tests and for pipelines that may be forgotten: nothing outlives the process. */
export function createMemoryJournal(): Journal {
  return new MemoryJournal();
}
