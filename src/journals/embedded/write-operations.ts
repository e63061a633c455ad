/**
 * Owns: the statements that change a journal, inside a transaction that someone else begins and commits.
 *
 * R1 An append is stored whole or not at all, whatever becomes of its neighbours in the transaction.
 * R2 The unique index has the last word: what the memory of highest numbers lets pass by mistake is refused by it.
 */
import type { DataflowError } from '../../errors.ts';
import { conflictError, tooLargeError } from '../journal-input.ts';
import type { Database } from './driver.ts';
import { type Stream, Streams, TagSets } from './interning.ts';
import type { FlatOperations } from './protocol.ts';
import { primaryCode, SQLITE_TOOBIG } from './sqlite-errors.ts';

/** Events a commit deletes of one key, so that a long deletion does not hold up the appends. */
const DELETE_SLICE = 10_000;

interface EventRow {
  readonly data: string;
  readonly tags: string;
  readonly timestamp: number;
  /** '' where there is none. */
  readonly metadata: string;
}

export class WriteOperations {
  readonly #streams: Streams;
  readonly #tagSets: TagSets;
  readonly #insertEvent;
  readonly #selectEvent;
  readonly #deleteRange;
  readonly #setDeletedTo;
  readonly #setOrdinalFloor;
  readonly #putSnapshot;
  readonly #pruneSnapshots;
  readonly #deleteSnapshots;
  readonly #putOffset;
  #lastOrdinal: number;

  constructor(database: Database) {
    this.#streams = new Streams(database);
    this.#tagSets = new TagSets(database);
    this.#insertEvent = database.prepare(
      "INSERT INTO events(ordinal, stream, seq, tag_set, created_at, data, metadata) VALUES (?, ?, ?, ?, ?, ?, nullif(?, '')) ON CONFLICT DO NOTHING",
    );
    this.#selectEvent = database.prepare(`
      SELECT data, tags, created_at AS timestamp, coalesce(metadata, '') AS metadata
      FROM events JOIN tag_sets ON tag_sets.id = tag_set WHERE stream = ? AND seq = ?`);
    this.#deleteRange = database.prepare('DELETE FROM events WHERE stream = ? AND seq BETWEEN ? AND ?');
    this.#setDeletedTo = database.prepare('UPDATE streams SET deleted_to = ? WHERE id = ?');
    this.#setOrdinalFloor = database.prepare(
      "INSERT INTO meta VALUES ('ordinal_floor', ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value",
    );
    this.#putSnapshot = database.prepare(`
      INSERT INTO snapshots(key, seq, state, created_at) VALUES (?, ?, ?, ?)
      ON CONFLICT(key, seq) DO UPDATE SET state = excluded.state, created_at = excluded.created_at`);
    this.#pruneSnapshots = database.prepare(`
      DELETE FROM snapshots WHERE key = ?1
      AND seq NOT IN (SELECT seq FROM snapshots WHERE key = ?1 ORDER BY seq DESC LIMIT ?2)`);
    this.#deleteSnapshots = database.prepare('DELETE FROM snapshots WHERE key = ? AND seq <= ? AND created_at <= ?');
    this.#putOffset = database.prepare(`
      INSERT INTO offsets(projection, ordinal) VALUES (?, ?)
      ON CONFLICT(projection) DO UPDATE SET ordinal = excluded.ordinal`);
    const { last } = database
      .prepare(`
        SELECT max(coalesce((SELECT max(ordinal) FROM events), 0),
          coalesce((SELECT value FROM meta WHERE name = 'ordinal_floor'), 0)) AS last`)
      .get() as { last: number };
    this.#lastOrdinal = last;
  }

  /** The events are `count` times data, tags, timestamp and metadata, from `start` on. Returns why the append is refused. */
  append(
    key: string,
    after: number,
    operations: FlatOperations,
    start: number,
    count: number,
  ): DataflowError | undefined {
    const known = this.#streams.find(key);
    const highest = known?.highest ?? 0;
    if (after > highest) return conflictError(key, after + 1, highest);
    const stream = known ?? this.#streams.create(key);
    for (let index = 0; index < count; index++) {
      const at = start + index * 4;
      const sequence = after + 1 + index;
      const event: EventRow = {
        data: operations[at] as string,
        tags: operations[at + 1] as string,
        timestamp: operations[at + 2] as number,
        metadata: operations[at + 3] as string,
      };
      const error =
        sequence <= highest ? this.#compare(key, stream, sequence, event) : this.#insert(key, stream, sequence, event);
      if (error === undefined) continue;
      this.#undo(key, stream, highest);
      return error;
    }
    return undefined;
  }

  #insert(key: string, stream: Stream, sequence: number, event: EventRow): DataflowError | undefined {
    const { data, tags, timestamp, metadata } = event;
    try {
      const tagSet = this.#tagSets.idOf(tags);
      const ordinal = this.#lastOrdinal + 1;
      const { changes } = this.#insertEvent.run(ordinal, stream.id, sequence, tagSet, timestamp, data, metadata);
      if (Number(changes) !== 1) return conflictError(key, sequence, sequence);
      this.#lastOrdinal = ordinal;
      stream.highest = sequence;
      return undefined;
    } catch (error) {
      if (primaryCode(error) === SQLITE_TOOBIG) return tooLargeError(key, sequence, error);
      throw error;
    }
  }

  #compare(key: string, stream: Stream, sequence: number, event: EventRow): DataflowError | undefined {
    const stored = this.#selectEvent.get(stream.id, sequence) as EventRow | undefined;
    const equal =
      stored !== undefined &&
      stored.data === event.data &&
      stored.tags === event.tags &&
      stored.timestamp === event.timestamp &&
      stored.metadata === event.metadata;
    return equal ? undefined : conflictError(key, sequence, stream.highest);
  }

  /** Takes back what a refused append has stored, and forgets what it believed about the stream. */
  #undo(key: string, stream: Stream, highestBefore: number): void {
    if (stream.highest > highestBefore) this.#deleteRange.run(stream.id, highestBefore + 1, stream.highest);
    if (highestBefore === 0) this.#streams.remove(key, stream);
    else this.#streams.forget(key);
  }

  saveSnapshot(key: string, sequence: number, state: string, timestamp: number): void {
    this.#putSnapshot.run(key, sequence, state, timestamp);
  }

  pruneSnapshots(key: string, keep: number): void {
    this.#pruneSnapshots.run(key, keep);
  }

  deleteSnapshots(key: string, maxSequence: number, maxTimestamp: number): void {
    this.#deleteSnapshots.run(key, maxSequence, maxTimestamp);
  }

  saveOffset(projection: string, offset: number): void {
    this.#putOffset.run(projection, offset);
  }

  /** Returns false while a part is left for another commit. */
  deleteEvents(key: string, to: number): boolean {
    const stream = this.#streams.find(key);
    if (stream === undefined) return true;
    const last = Math.min(to, stream.highest);
    if (last <= stream.deletedTo) return true;
    const upper = Math.min(last, stream.deletedTo + DELETE_SLICE);
    this.#deleteRange.run(stream.id, stream.deletedTo + 1, upper);
    this.#setDeletedTo.run(upper, stream.id);
    this.#setOrdinalFloor.run(this.#lastOrdinal);
    stream.deletedTo = upper;
    return upper === last;
  }
}
