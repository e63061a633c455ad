/**
 * Owns: the reading connection and the queries on it.
 *
 * R1 No statement stays open between two calls: an open one would keep the log from being written back.
 * R2 An answer is bounded in events and in size, whatever is asked for.
 */
import { copyDatabase } from './copy-file.ts';
import type { Database, Statement } from './driver.ts';
import { inspect } from './inspection.ts';
import type { EventRows, GlobalRows, Inspection, SnapshotRow } from './protocol.ts';

const CHUNK_EVENTS = 250;
/** UTF-16 units of event data; the chunk ends after the event that reaches it. */
const CHUNK_SIZE = 1024 * 1024;

/** Offsets looked at for a tag at once, to begin with and after stretches without it, and how often in one answer. */
const FIRST_WINDOW = CHUNK_EVENTS;
const WIDEST_WINDOW = 100_000;
const WINDOWS = 50;

type Row = [sequence: number, data: string, tags: string, timestamp: number, metadata: string];
type GlobalRow = [...Row, key: string, offset: number];

/** The queries of a stream's events that have no position yet; they look through all such events. */
interface Unplaced {
  readonly events: Statement;
  readonly highest: Statement;
}

export class Reader {
  readonly #database: Database;
  readonly #events: Statement;
  readonly #stream: Statement;
  readonly #unplaced: Unplaced | undefined;
  readonly #keys: Statement;
  readonly #snapshot: Statement;
  readonly #all: Statement;
  readonly #tagged: Statement;
  readonly #highestOrdinal: Statement;
  readonly #offset: Statement | undefined;

  /** `version`: a journal opened for reading only keeps the schema it has. */
  constructor(database: Database, version: number) {
    const metadata = version > 1 ? "coalesce(events.metadata, '')" : "''";
    // Until schema 3 the events had an index of their own for it.
    const positions = version > 2 ? 'positions' : 'events';
    this.#database = database;
    this.#stream = database.prepare(`
      SELECT id, max(deleted_to, coalesce((SELECT max(seq) FROM ${positions} WHERE stream = streams.id), 0)) AS highest
      FROM streams WHERE key = ?`);
    this.#events = database.prepare(`
      SELECT p.seq, events.data, tags, events.created_at, ${metadata}
      FROM ${positions} AS p CROSS JOIN events USING (ordinal) CROSS JOIN tag_sets ON tag_sets.id = events.tag_set
      WHERE p.stream = ? AND p.seq BETWEEN ? AND ? ORDER BY p.seq LIMIT ${CHUNK_EVENTS}`);
    this.#events.setReturnArrays(true);
    if (version > 2) {
      const unplaced = "ordinal > (SELECT value FROM meta WHERE name = 'positions_to') AND stream = ?";
      const events = database.prepare(`
        SELECT seq, data, tags, created_at, ${metadata} FROM events CROSS JOIN tag_sets ON tag_sets.id = tag_set
        WHERE ${unplaced} AND seq BETWEEN ? AND ? ORDER BY ordinal LIMIT ${CHUNK_EVENTS}`);
      events.setReturnArrays(true);
      const highest = database.prepare(`SELECT coalesce(max(seq), 0) AS highest FROM events WHERE ${unplaced}`);
      this.#unplaced = { events, highest };
    }
    this.#keys = database.prepare('SELECT key FROM streams ORDER BY id');
    this.#keys.setReturnArrays(true);
    this.#snapshot = database.prepare(`
      SELECT seq AS sequence, state, created_at AS timestamp FROM snapshots
      WHERE key = ? AND seq <= ? AND created_at <= ? ORDER BY seq DESC LIMIT 1`);
    const inOrder = (condition: string) => {
      const statement = database.prepare(`
        SELECT seq, data, tags, created_at, ${metadata}, key, ordinal
        FROM events CROSS JOIN tag_sets ON tag_sets.id = tag_set CROSS JOIN streams ON streams.id = stream
        WHERE ${condition} ORDER BY ordinal LIMIT ${CHUNK_EVENTS}`);
      statement.setReturnArrays(true);
      return statement;
    };
    this.#all = inOrder('ordinal > ? AND ordinal <= ?');
    this.#tagged = inOrder(`ordinal IN (
      SELECT ordinal FROM events INDEXED BY events_by_tag_set
      WHERE ordinal > ? AND ordinal <= ? AND tag_set IN (
        SELECT tag_set FROM tag_set_members JOIN tags ON tags.id = tag_set_members.tag WHERE tags.tag = ?))`);
    this.#highestOrdinal = database.prepare('SELECT coalesce(max(ordinal), 0) AS highest FROM events');
    if (version > 1) this.#offset = database.prepare('SELECT ordinal FROM offsets WHERE projection = ?');
  }

  /** `isPlaced`: the writer of this thread says that every event of the key has its position. */
  read(key: string, from: number, to: number, isPlaced: boolean): EventRows {
    return this.#inOneState(isPlaced, (unplaced) => {
      const stream = this.#find(key, unplaced);
      if (stream === undefined) return { rows: [], highest: 0 };
      const rows: (string | number)[] = [];
      let size = 0;
      // Those with a position come first: a step gives one to every event there is.
      for (const events of unplaced === undefined ? [this.#events] : [this.#events, unplaced.events]) {
        // Leaving the loop early ends the statement.
        for (const row of events.iterate(stream.id, from, to) as Iterable<Row>) {
          rows.push(row[0], row[1], row[2], row[3], row[4]);
          size += row[1].length;
          if (size >= CHUNK_SIZE || rows.length >= CHUNK_EVENTS * row.length) return { rows, highest: stream.highest };
        }
      }
      return { rows, highest: stream.highest };
    });
  }

  highest(key: string, isPlaced: boolean): number {
    return this.#inOneState(isPlaced, (unplaced) => this.#find(key, unplaced)?.highest ?? 0);
  }

  #find(key: string, unplaced: Unplaced | undefined): { id: number; highest: number } | undefined {
    const stream = this.#stream.get(key) as { id: number; highest: number } | undefined;
    if (stream === undefined || unplaced === undefined) return stream;
    const { highest } = unplaced.highest.get(stream.id) as { highest: number };
    return { id: stream.id, highest: Math.max(stream.highest, highest) };
  }

  /** Another process may give positions between two queries; those of the query see the file before or after it. */
  #inOneState<T>(isPlaced: boolean, query: (unplaced: Unplaced | undefined) => T): T {
    if (isPlaced || this.#unplaced === undefined) return query(undefined);
    this.#database.exec('BEGIN');
    try {
      return query(this.#unplaced);
    } finally {
      this.#database.exec('ROLLBACK');
    }
  }

  keys(): string[] {
    return (this.#keys.all() as [string][]).map(([key]) => key);
  }

  /** Ends early, with what was looked at, rather than keep others waiting for a tag that is rare. */
  readAll(after: number, to: number, tag: string | null): GlobalRows {
    const { highest } = this.#highestOrdinal.get() as { highest: number };
    const end = Math.min(to, highest);
    if (tag === null) {
      const { rows, last } = this.#collect(this.#all.iterate(after, end));
      return { rows, reached: last ?? end, end };
    }
    let reached = after;
    let width = FIRST_WINDOW;
    for (let windows = 0; reached < end && windows < WINDOWS; windows++) {
      const upper = Math.min(end, reached + width);
      const { rows, last } = this.#collect(this.#tagged.iterate(reached, upper, tag));
      if (rows.length > 0) return { rows, reached: last ?? upper, end };
      reached = upper;
      width = Math.min(WIDEST_WINDOW, width * 4);
    }
    return { rows: [], reached, end };
  }

  /** `last`: the offset of the last row, where there may be more after it. */
  #collect(found: Iterable<unknown>): { rows: (string | number)[]; last: number | undefined } {
    const rows: (string | number)[] = [];
    let size = 0;
    let count = 0;
    for (const row of found as Iterable<GlobalRow>) {
      rows.push(...row);
      size += row[1].length;
      if (++count >= CHUNK_EVENTS || size >= CHUNK_SIZE) return { rows, last: row[6] };
    }
    return { rows, last: undefined };
  }

  offset(projection: string): number {
    return (this.#offset?.get(projection) as { ordinal: number } | undefined)?.ordinal ?? 0;
  }

  snapshot(key: string, maxSequence: number, maxTimestamp: number): SnapshotRow | null {
    const row = this.#snapshot.get(key, maxSequence, maxTimestamp) as SnapshotRow | undefined;
    return row === undefined ? null : { ...row };
  }

  inspect(): Inspection {
    return inspect(this.#database, this.#unplaced === undefined);
  }

  copyTo(file: string): Promise<number> {
    return copyDatabase(this.#database, file);
  }

  close(): void {
    this.#database.close();
  }
}
