/**
 * Owns: the one statement that appends, and what to make of appends that it did not store.
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
    // Nothing here may be planned as a loop over a loop, since the planner takes a batch for a hundred rows: what is
    // kept from being a join is looked up by a hash table, and what a table holds by its index.
    const append = (inPart: string): string => `
      WITH runs AS MATERIALIZED (
        SELECT * FROM json_to_recordset($1::json) AS r (k text COLLATE "C", a bigint, e bigint, n bigint)
      ), owned AS MATERIALIZED (
        SELECT l.key AS k, r.a FROM runs r JOIN ${s}.leases l ON l.key = r.k AND l.epoch = r.e
        WHERE l.owner IS NOT NULL ORDER BY l.key FOR SHARE OF l
      ), allowed AS MATERIALIZED (
        SELECT k, a FROM owned
        UNION ALL
        SELECT k, a FROM runs r WHERE r.e IS NULL AND NOT EXISTS (
          SELECT FROM ${s}.leases l WHERE l.key = r.k AND l.owner IS NOT NULL AND l.expires_at > clock_timestamp()
        )
      ), fitting AS MATERIALIZED (
        SELECT k FROM allowed WHERE a = greatest(
          (SELECT max(e.sequence) FROM ${s}.events e WHERE e.key = k),
          (SELECT t.deleted_to FROM ${s}.streams t WHERE t.key = k),
          0
        )
      ), stored AS (
        INSERT INTO ${s}.events (key, sequence, writer, tags, created_at, data, metadata)
        SELECT i.k, i.s, $3::uuid, i.t, i.c, i.d, i.m
        FROM json_to_recordset($2::json)
          AS i (k text COLLATE "C", s bigint, t text[], c double precision, d text, m text)
        WHERE (i.k IN (SELECT k FROM fitting)) IS TRUE ORDER BY i.k, i.s
        ON CONFLICT (key, sequence) DO NOTHING
        RETURNING key, sequence
      ), begun AS (
        INSERT INTO ${s}.streams (key) SELECT key FROM stored WHERE sequence = 1 ORDER BY key ON CONFLICT DO NOTHING
      )
      SELECT r.k AS key, CASE WHEN (r.k IN (SELECT key FROM stored)) IS TRUE THEN ${inPart} END AS in_part FROM runs r
      WHERE ((r.k, r.n) IN (SELECT key, count(*) FROM stored GROUP BY key)) IS NOT TRUE`;
    this.#append = append('1');
    this.#appendOrFail = append('1 / (r.n - r.n)');
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
      const inPart = found.filter(({ in_part }) => in_part !== null);
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
