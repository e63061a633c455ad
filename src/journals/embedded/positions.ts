/**
 * Owns: the index of events by stream and sequence number, which follows the events in large steps. With an entry for
 * each event at once, appends of a thousand streams would write a thousand of its pages for each commit, ten times
 * what the events take; in a step, a page gets the entries of many commits.
 *
 * R1 `positions` holds every event up to the ordinal `positions_to` of `meta`, and none after it.
 * R2 The streams with events after it are known here. What is known is true while no other connection writes.
 */
import type { Database } from './driver.ts';

/** Events that have no position at most, but for those of one commit: what a reader without this memory looks through. */
const STEP = 10_000;

export class Positions {
  readonly #fill;
  readonly #saveEnd;
  #end: number;
  #unplaced = 0;
  /** The highest sequence number of each stream with events after `#end`. */
  readonly #highest = new Map<number, number>();

  constructor(database: Database) {
    this.#fill = database.prepare(
      'INSERT INTO positions SELECT stream, seq, ordinal FROM events WHERE ordinal > ? ORDER BY stream, seq',
    );
    this.#saveEnd = database.prepare("UPDATE meta SET value = ? WHERE name = 'positions_to'");
    const { end } = database.prepare("SELECT value AS end FROM meta WHERE name = 'positions_to'").get() as {
      end: number;
    };
    this.#end = end;
    const unplaced = database
      .prepare('SELECT stream, max(seq) AS highest, count(*) AS count FROM events WHERE ordinal > ? GROUP BY stream')
      .all(end) as { stream: number; highest: number; count: number }[];
    for (const { stream, highest, count } of unplaced) {
      this.#highest.set(stream, highest);
      this.#unplaced += count;
    }
  }

  /** No ordinal up to this one may be given to an event any more. */
  get end(): number {
    return this.#end;
  }

  get isDue(): boolean {
    return this.#unplaced >= STEP;
  }

  /** Whether every event of a stream has its position. */
  has(stream: number): boolean {
    return !this.#highest.has(stream);
  }

  /** The highest sequence number among the events without a position; 0 where there is none. */
  highest(stream: number): number {
    return this.#highest.get(stream) ?? 0;
  }

  added(stream: number, sequence: number): void {
    this.#highest.set(stream, sequence);
    this.#unplaced++;
  }

  /** The events of a stream after `highest` are no more, and the stream itself where that is 0. */
  removed(stream: number, highest: number): void {
    if (highest === 0) this.#highest.delete(stream);
    else if (this.#highest.has(stream)) this.#highest.set(stream, highest);
  }

  /** Gives the events up to the last ordinal their positions. */
  place(lastOrdinal: number): void {
    if (this.#unplaced === 0) return;
    this.#fill.run(this.#end);
    this.#saveEnd.run(lastOrdinal);
    this.#end = lastOrdinal;
    this.#unplaced = 0;
    this.#highest.clear();
  }
}
