/**
 * Owns: the rows on their way into `events`, several to a statement, since each call of the engine costs as much as a row.
 *
 * R1 Rows are stored in the order they came; after `flush` all are.
 */
import type { Database } from './driver.ts';

const ROWS = 20;
const COLUMNS = 7;
/** UTF-16 units. A row beyond it is stored at once: its caller hears that it is too large for the engine. */
const LARGE = 1024 * 1024;

export class EventInserts {
  readonly #insertOne;
  readonly #insertMany;
  #waiting: (string | number | null)[] = [];

  constructor(database: Database) {
    const insert = 'INSERT INTO events(ordinal, stream, seq, tag_set, created_at, data, metadata) VALUES';
    const row = `(${Array(COLUMNS).fill('?').join(', ')})`;
    this.#insertOne = database.prepare(`${insert} ${row}`);
    this.#insertMany = database.prepare(`${insert} ${Array(ROWS).fill(row).join(', ')}`);
  }

  /** `metadata` is '' where there is none. */
  add(
    ordinal: number,
    stream: number,
    sequence: number,
    tagSet: number,
    timestamp: number,
    data: string,
    metadata: string,
  ): void {
    const stored = metadata === '' ? null : metadata;
    if (data.length + metadata.length > LARGE) {
      this.flush();
      this.#insertOne.run(ordinal, stream, sequence, tagSet, timestamp, data, stored);
      return;
    }
    const length = this.#waiting.push(ordinal, stream, sequence, tagSet, timestamp, data, stored);
    if (length < ROWS * COLUMNS) return;
    this.#insertMany.run(...this.#waiting);
    this.#waiting.length = 0;
  }

  flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let at = 0; at < waiting.length; at += COLUMNS) this.#insertOne.run(...waiting.slice(at, at + COLUMNS));
  }
}
