/**
 * Owns: the call of the function that appends (migrations/0002.sql), and what to make of appends that it did not store. A
 * function, since the server then plans its statement once for each connection and not once for each commit.
 *
 * A1 It stores the runs (one append each, one a key) that continue their stream and whose lease, where there is one,
 *    still has its epoch. The lease's row stays locked until the commit: nobody takes over between check and commit.
 * A2 A run is stored whole or not at all: one that lost a race for part of its sequence numbers is rolled back, and
 *    the others are stored without it. Since that is rare, the statement is first sent together with its COMMIT, and fails
 *    by itself where a run would be stored in part; only then it is asked which one.
 * A3 PRIMARY KEY (key, sequence) has the last word, whatever anybody believed about leases.
 * A4 Events are equal when their texts are: a retry after an unknown outcome succeeds, another event never does.
 */
import { conflictError } from '../journal-input.ts';
import type { Database, Row } from './database.ts';
import { type PendingAppend, rowOf } from './pending-append.ts';
import { fencedError, stateOf } from './postgres-errors.ts';
import { quoted } from './schema.ts';

/** How the statement that is sent with its COMMIT says that a run would be stored in part. */
const DIVISION_BY_ZERO = '22012';

/** Aborts the transaction of a batch in which a run was stored in part. */
class StoredInPart extends Error {
  readonly keys: ReadonlySet<string>;

  constructor(keys: ReadonlySet<string>) {
    super('A run was stored in part');
    this.keys = keys;
  }
}

/** `rest`: the events that are not stored yet, where the first ones already are. */
export type Resolution = { readonly rest?: { readonly after: number; readonly skip: number } };

export class AppendStatement {
  readonly #database: Database;
  readonly #writer: string;
  readonly #append: string;
  readonly #appendOrFail: string;
  readonly #lease: string;
  readonly #end: string;
  readonly #stored: string;

  constructor(database: Database, schema: string, writer: string) {
    this.#database = database;
    this.#writer = writer;
    const s = quoted(schema);
    const columns = 'refused_key AS key, is_in_part';
    this.#append = `SELECT ${columns} FROM ${s}.append_events($1, $2, $3, false)`;
    this.#appendOrFail = `SELECT ${columns} FROM ${s}.append_events($1, $2, $3, true)`;
    this.#lease = `
      SELECT owner, epoch, expires_at > clock_timestamp() AS is_active FROM ${s}.leases
      WHERE key = $1 AND owner IS NOT NULL`;
    this.#end = `
      SELECT greatest(
        (SELECT max(sequence) FROM ${s}.events WHERE key = $1),
        (SELECT deleted_to FROM ${s}.streams WHERE key = $1), 0) AS highest`;
    this.#stored = `
      SELECT sequence, writer, array_to_json(tags)::text AS tags, created_at, data, metadata FROM ${s}.events
      WHERE key = $1 AND sequence BETWEEN $2 AND $3 ORDER BY sequence`;
  }

  /** Stores what can be stored, durably; returns the appends that were not. */
  async store(batch: readonly PendingAppend[]): Promise<PendingAppend[]> {
    let refused: ReadonlySet<string> = new Set();
    for (;;) {
      const runs = batch.filter(({ key }) => !refused.has(key));
      if (runs.length === 0) return [...batch];
      try {
        const others = await this.#insertAll(runs);
        return batch.filter(({ key }) => refused.has(key) || others.has(key));
      } catch (error) {
        if (!(error instanceof StoredInPart)) throw error;
        refused = new Set([...refused, ...error.keys]);
      }
    }
  }

  async #insertAll(runs: readonly PendingAppend[]): Promise<ReadonlySet<string>> {
    const values = this.#valuesOf(runs);
    try {
      return keysOf(await this.#database.writeAtOnce(({ query }) => query(this.#appendOrFail, values)));
    } catch (error) {
      if (stateOf(error) !== DIVISION_BY_ZERO) throw error;
    }
    return this.#database.write(async ({ query }) => {
      const found = await query(this.#append, values);
      const inPart = found.filter(({ is_in_part }) => is_in_part === 't');
      if (inPart.length > 0) throw new StoredInPart(keysOf(inPart));
      return keysOf(found);
    });
  }

  #valuesOf(runs: readonly PendingAppend[]): readonly unknown[] {
    const heads: string[] = [];
    const rows: string[] = [];
    for (const { key, after, epoch, events } of runs) {
      const keyText = JSON.stringify(key);
      heads.push(`{"k":${keyText},"a":${after},"e":${epoch ?? 'null'},"n":${events.length}}`);
      for (const [index, event] of events.entries()) rows.push(rowOf(keyText, after + 1 + index, event));
    }
    return [`[${heads.join(',')}]`, `[${rows.join(',')}]`, this.#writer];
  }

  /**
   * Why an append was not stored: because its events are there already, all or the first of them, or
   * DATAFLOW_ERR_JOURNAL_FENCED, or DATAFLOW_ERR_JOURNAL_CONFLICT. What this journal itself stored before the answer was
   * lost counts, whoever holds the lease by now.
   */
  resolve(append: PendingAppend): Promise<Resolution> {
    const { key, after, events, epoch } = append;
    return this.#database.run(async ({ query }) => {
      const [lease] = await query(this.#lease, [key]);
      const isFenced = epoch === undefined ? lease?.is_active === 't' : Number(lease?.epoch) !== epoch;
      const [end] = await query(this.#end, [key]);
      const highest = Number(end?.highest);
      const known = await query(this.#stored, [key, after + 1, after + events.length]);
      const expected = Math.min(events.length, highest - after);
      const different = firstDifference(append, known, expected);
      const isOurs = !isFenced || known.every(({ writer }) => writer === this.#writer);
      if (isOurs && different === undefined && expected === events.length) return {};
      if (isFenced) throw fencedError(key, lease?.owner ?? undefined);
      if (different !== undefined) throw conflictError(key, different, highest);
      if (expected < 0) throw conflictError(key, after + 1, highest);
      return { rest: { after: highest, skip: expected } };
    });
  }
}

function keysOf(rows: readonly Row[]): ReadonlySet<string> {
  return new Set(rows.map(({ key }) => key ?? ''));
}

/** The first of `count` sequence numbers under which something else is stored than the append holds. */
function firstDifference({ after, events }: PendingAppend, stored: readonly Row[], count: number): number | undefined {
  for (let index = 0; index < count; index++) {
    const row = stored[index];
    const event = events[index];
    const isEqual =
      row !== undefined &&
      event !== undefined &&
      Number(row.sequence) === after + 1 + index &&
      row.data === event.data &&
      row.metadata === event.metadata &&
      Number(row.created_at) === event.timestamp &&
      JSON.stringify(JSON.parse(row.tags ?? 'null')) === event.tags;
    if (!isEqual) return after + 1 + index;
  }
  return undefined;
}
