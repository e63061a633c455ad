/**
 * Owns: the statements that change a journal, inside a transaction that someone else begins and commits.
 *
 * R1 An append is stored whole or not at all, whatever becomes of its neighbours in the transaction.
 * R2 What is remembered of the file (highest numbers, the last ordinal, what has no position yet) is true as long as
 *    every transaction that begins one of these commits, and nobody else writes: begin anew with another object if not.
 * R3 The primary key of `positions` has the last word: no commit passes that gives a number of a stream twice.
 */
import type { DataflowError } from '../../errors.ts';
import { conflictError, tooLargeError } from '../journal-input.ts';
import type { Database } from './driver.ts';
import { EventInserts } from './event-inserts.ts';
import { type Stream, Streams, TagSets } from './interning.ts';
import { Positions } from './positions.ts';
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
  readonly #positions: Positions;
  readonly #streams: Streams;
  readonly #tagSets: TagSets;
  readonly #rows: EventInserts;
  readonly #selectEvent;
  readonly #deleteEvents;
  readonly #deletePositions;
  readonly #takeBack;
  readonly #setDeletedTo;
  readonly #setOrdinalFloor;
  readonly #putSnapshot;
  readonly #pruneSnapshots;
  readonly #deleteSnapshots;
  readonly #putOffset;
  #lastOrdinal: number;

  constructor(database: Database) {
    this.#positions = new Positions(database);
    this.#streams = new Streams(database, this.#positions);
    this.#tagSets = new TagSets(database);
    this.#rows = new EventInserts(database);
    this.#selectEvent = database.prepare(`
      SELECT data, tags, created_at AS timestamp, coalesce(metadata, '') AS metadata
      FROM events JOIN tag_sets ON tag_sets.id = tag_set
      WHERE ordinal = (SELECT ordinal FROM positions WHERE stream = ? AND seq = ?)`);
    this.#deleteEvents = database.prepare(
      'DELETE FROM events WHERE ordinal IN (SELECT ordinal FROM positions WHERE stream = ? AND seq BETWEEN ? AND ?)',
    );
    this.#deletePositions = database.prepare('DELETE FROM positions WHERE stream = ? AND seq BETWEEN ? AND ?');
    this.#takeBack = database.prepare('DELETE FROM events WHERE ordinal > ?');
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
    this.#lastOrdinal = Math.max(last, this.#positions.end);
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
    const lastOrdinal = this.#lastOrdinal;
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
      this.#undo(key, stream, highest, lastOrdinal);
      return error;
    }
    return undefined;
  }

  #insert(key: string, stream: Stream, sequence: number, event: EventRow): DataflowError | undefined {
    const { data, tags, timestamp, metadata } = event;
    try {
      const tagSet = this.#tagSets.idOf(tags);
      const ordinal = this.#lastOrdinal + 1;
      this.#rows.add(ordinal, stream.id, sequence, tagSet, timestamp, data, metadata);
      this.#positions.added(stream.id, sequence);
      this.#lastOrdinal = ordinal;
      stream.highest = sequence;
      return undefined;
    } catch (error) {
      if (primaryCode(error) === SQLITE_TOOBIG) return tooLargeError(key, sequence, error);
      throw error;
    }
  }

  #compare(key: string, stream: Stream, sequence: number, event: EventRow): DataflowError | undefined {
    if (!this.#positions.has(stream.id)) this.place();
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
  #undo(key: string, stream: Stream, highestBefore: number, lastOrdinal: number): void {
    if (stream.highest > highestBefore) {
      this.#rows.flush();
      this.#takeBack.run(lastOrdinal);
      this.#positions.removed(stream.id, highestBefore);
    }
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
    if (!this.#positions.has(stream.id)) this.place();
    this.#deleteEvents.run(stream.id, stream.deletedTo + 1, upper);
    this.#deletePositions.run(stream.id, stream.deletedTo + 1, upper);
    this.#setDeletedTo.run(upper, stream.id);
    this.#setOrdinalFloor.run(this.#lastOrdinal);
    stream.deletedTo = upper;
    return upper === last;
  }

  /** Whether everything of a key is found by its position. */
  isPlaced(key: string): boolean {
    const stream = this.#streams.find(key);
    return stream === undefined || this.#positions.has(stream.id);
  }

  place(): void {
    this.#rows.flush();
    this.#positions.place(this.#lastOrdinal);
  }

  /** Before a commit. */
  finish(): void {
    if (this.#positions.isDue) this.place();
    else this.#rows.flush();
  }
}
