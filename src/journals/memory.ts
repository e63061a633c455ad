/**
 * Owns: the events and snapshots of one process, in memory. Owns no durability whatsoever: they end with the process.
 *
 * R1 What is appended, and what is read, is a copy, or frozen all the way down: neither the writer nor a reader can change what is stored.
 * R2 An append is checked whole before any of it is stored.
 * R3 The highest sequence number of a key never falls.
 * R4 A read gives the event loop a turn between chunks.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Journal, JournalEvent, ReadOptions, Snapshot, StoredEvent } from '../runtime/journal.ts';
import { copyJson } from './copy-json.ts';
import {
  checkEvent,
  checkKey,
  checkRange,
  checkSequence,
  checkSnapshot,
  closedError,
  conflictError,
  unserialisable,
} from './journal-input.ts';

const CHUNK = 1000;
const DONE = Promise.resolve();

interface Stream {
  /** The sequence number before the first event that is still there. */
  deletedTo: number;
  events: StoredEvent[];
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
  };
}

function sameEvent(a: StoredEvent, b: StoredEvent): boolean {
  return (
    a.timestamp === b.timestamp &&
    JSON.stringify(a.tags) === JSON.stringify(b.tags) &&
    JSON.stringify(a.data) === JSON.stringify(b.data)
  );
}

class MemoryJournal implements Journal {
  readonly #streams = new Map<string, Stream>();
  /** Ascending by sequence number. */
  readonly #snapshots = new Map<string, Snapshot[]>();
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
    for (const copy of copies) if (copy.sequence > highest) stream.events.push(copy);
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
      yield chunk.map((event) => ({ ...event, data: copyJson(event.data), tags: event.tags.slice() }));
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
    stream.events = stream.events.slice(last - stream.deletedTo);
    stream.deletedTo = last;
  }

  async keys(): Promise<readonly string[]> {
    this.#checkOpen();
    return [...this.#streams.keys()];
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

  async latestSnapshot(key: string, maxSequence = Number.POSITIVE_INFINITY): Promise<Snapshot | undefined> {
    this.#checkOpen();
    checkKey(key);
    const found = this.#snapshots.get(key)?.findLast((snapshot) => snapshot.sequence <= maxSequence);
    return found === undefined ? undefined : copyJson(found);
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
