/**
 * Owns: the reading connection and the queries on it.
 *
 * R1 No statement stays open between two calls: an open one would keep the log from being written back.
 * R2 An answer is bounded in events and in size, whatever is asked for.
 */
import type { Database, Statement } from './driver.ts';
import type { EventRows, SnapshotRow } from './protocol.ts';

const CHUNK_EVENTS = 250;
/** UTF-16 units of event data; the chunk ends after the event that reaches it. */
const CHUNK_SIZE = 1024 * 1024;

type Row = [sequence: number, data: string, tags: string, timestamp: number];

export class Reader {
  readonly #database: Database;
  readonly #events: Statement;
  readonly #stream: Statement;
  readonly #keys: Statement;
  readonly #snapshot: Statement;

  constructor(database: Database) {
    this.#database = database;
    this.#stream = database.prepare(`
      SELECT id, max(deleted_to, coalesce((SELECT max(seq) FROM events WHERE stream = streams.id), 0)) AS highest
      FROM streams WHERE key = ?`);
    this.#events = database.prepare(`
      SELECT seq, data, tags, created_at FROM events JOIN tag_sets ON tag_sets.id = tag_set
      WHERE stream = ? AND seq BETWEEN ? AND ? ORDER BY seq LIMIT ${CHUNK_EVENTS}`);
    this.#events.setReturnArrays(true);
    this.#keys = database.prepare('SELECT key FROM streams ORDER BY id');
    this.#keys.setReturnArrays(true);
    this.#snapshot = database.prepare(`
      SELECT seq AS sequence, state, created_at AS timestamp FROM snapshots
      WHERE key = ? AND seq <= ? ORDER BY seq DESC LIMIT 1`);
  }

  read(key: string, from: number, to: number): EventRows {
    const stream = this.#stream.get(key) as { id: number; highest: number } | undefined;
    if (stream === undefined) return { rows: [], highest: 0 };
    const rows: (string | number)[] = [];
    let size = 0;
    // Leaving the loop early ends the statement.
    for (const row of this.#events.iterate(stream.id, from, to) as Iterable<Row>) {
      rows.push(row[0], row[1], row[2], row[3]);
      size += row[1].length;
      if (size >= CHUNK_SIZE) break;
    }
    return { rows, highest: stream.highest };
  }

  highest(key: string): number {
    return (this.#stream.get(key) as { highest: number } | undefined)?.highest ?? 0;
  }

  keys(): string[] {
    return (this.#keys.all() as [string][]).map(([key]) => key);
  }

  snapshot(key: string, maxSequence: number): SnapshotRow | null {
    const row = this.#snapshot.get(key, maxSequence) as SnapshotRow | undefined;
    return row === undefined ? null : { ...row };
  }

  close(): void {
    this.#database.close();
  }
}
