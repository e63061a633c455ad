/**
 * Owns: the call of the function that appends (migrations/0003.sql), and what to make of appends that it did not store. A
 * function, since the server then plans its statement once for each connection and not once for each commit.
 *
 * A1 It stores the runs (one append each, one a key) that continue their stream and whose lease, where there is one,
 *    still has its epoch. The lease's row stays locked until the commit: nobody takes over between check and commit.
 * A2 A run is stored whole or not at all. Where another writer stores one of its sequence numbers between check and
 *    insert, the whole statement fails and is sent again; it then sees what the other stored, and refuses that run alone.
 * A3 PRIMARY KEY (key, sequence) has the last word, whatever anybody believed about leases.
 * A4 Events are equal when their texts are: a retry after an unknown outcome succeeds, another event never does.
 */
import { conflictError } from '../journal-input.ts';
import type { Database, Row } from './database.ts';
import { arrayText, type PendingAppend } from './pending-append.ts';
import { fencedError, isUniqueViolation } from './postgres-errors.ts';
import { quoted } from './schema.ts';

/** Each lost race lets another writer's commit pass: more than a few in a row are something else. */
const MAX_LOST_RACES = 20;

/** `rest`: the events that are not stored yet, where the first ones already are. */
export type Resolution = { readonly rest?: { readonly after: number; readonly skip: number } };

export class AppendStatement {
  readonly #database: Database;
  readonly #writer: string;
  readonly #append: string;
  readonly #lease: string;
  readonly #end: string;
  readonly #stored: string;

  constructor(database: Database, schema: string, writer: string) {
    this.#database = database;
    this.#writer = writer;
    const s = quoted(schema);
    this.#append = `SELECT refused_key AS key FROM ${s}.append_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`;
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
    const values = this.#valuesOf(batch);
    for (let lostRaces = 0; ; lostRaces++) {
      try {
        const rows = await this.#database.append(({ query }) => query(this.#append, values));
        const refused = new Set(rows.map(({ key }) => key));
        return batch.filter(({ key }) => refused.has(key));
      } catch (error) {
        if (!isUniqueViolation(error, 'events_pkey') || lostRaces === MAX_LOST_RACES) throw error;
      }
    }
  }

  #valuesOf(batch: readonly PendingAppend[]): readonly string[] {
    const rows = batch.flatMap(({ key, after, events }) =>
      events.map((event, index) => ({ key, sequence: after + 1 + index, event })),
    );
    return [
      arrayText(batch.map(({ key }) => key)),
      arrayText(batch.map(({ after }) => after)),
      arrayText(batch.map(({ epoch }) => epoch)),
      arrayText(rows.map(({ key }) => key)),
      arrayText(rows.map(({ sequence }) => sequence)),
      arrayText(rows.map(({ event }) => event.tags)),
      arrayText(rows.map(({ event }) => event.timestamp)),
      arrayText(rows.map(({ event }) => event.data)),
      arrayText(rows.map(({ event }) => event.metadata)),
      this.#writer,
    ];
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
      arrayText(JSON.parse(row.tags ?? '[]')) === event.tags;
    if (!isEqual) return after + 1 + index;
  }
  return undefined;
}
