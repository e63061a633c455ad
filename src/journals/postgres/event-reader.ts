/** Reads events in chunks that are bounded in number and in bytes; each chunk is a transaction of its own. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Json, JsonObject } from '../../domain/json.ts';
import type { GlobalEvent, ReadAllOptions, ReadOptions, StoredEvent } from '../../runtime/journal.ts';
import { checkKey, checkRange, checkReadAll, closedError } from '../journal-input.ts';
import type { Database, Row, Transaction } from './database.ts';
import type { Doubt } from './doubt.ts';
import type { GlobalOrder } from './global-order.ts';
import { corruptError, journalError, shownCause } from './postgres-errors.ts';
import { quoted } from './schema.ts';

const CHUNK = 1000;
const CHUNK_BYTES = 4 * 1024 * 1024;

const COLUMNS = 'key, sequence, ordinal, created_at, array_to_json(tags)::text AS tags, data, metadata';

/** The rows of a page up to the size of a chunk, and at least one; lengths are known without reading what is large. */
function page(table: string, where: string, order: 'sequence' | 'ordinal'): string {
  return `
    SELECT ${COLUMNS} FROM (
      SELECT *, sum(octet_length(data)) OVER (ORDER BY ${order}) - octet_length(data) AS bytes_before FROM (
        SELECT * FROM ${table} WHERE ${where} ORDER BY ${order} LIMIT ${CHUNK}
      ) AS candidates
    ) AS sized WHERE bytes_before < ${CHUNK_BYTES} ORDER BY ${order}`;
}

export class EventReader {
  readonly #database: Database;
  readonly #order: GlobalOrder;
  readonly #doubt: Doubt;
  readonly #highest: string;
  readonly #ofKey: string;
  readonly #ofAll: string;
  readonly #ofTag: string;

  constructor(database: Database, order: GlobalOrder, doubt: Doubt, schema: string) {
    const s = quoted(schema);
    this.#database = database;
    this.#order = order;
    this.#doubt = doubt;
    this.#highest = `
      SELECT coalesce((SELECT deleted_to FROM ${s}.streams WHERE key = $1), 0) AS deleted_to,
        coalesce((SELECT max(sequence) FROM ${s}.events WHERE key = $1), 0) AS last`;
    this.#ofKey = page(`${s}.events`, 'key = $1 AND sequence BETWEEN $2 AND $3', 'sequence');
    this.#ofAll = page(`${s}.events`, 'ordinal > $1 AND ordinal <= $2', 'ordinal');
    this.#ofTag = page(`${s}.events`, 'ordinal > $1 AND ordinal <= $2 AND tags @> ARRAY[$3]::text[]', 'ordinal');
  }

  async highest(key: string): Promise<number> {
    await this.settled();
    const [row] = await this.#query(this.#highest, [key]);
    return Math.max(Number(row?.deleted_to), Number(row?.last));
  }

  /** Resolves when every append before has ended, whoever was told of it. */
  async settled(): Promise<void> {
    try {
      await this.#doubt.settle();
    } catch (error) {
      throw journalError(error, 'DATAFLOW_ERR_JOURNAL_READ_FAILED');
    }
  }

  async *read(key: string, options: ReadOptions): AsyncGenerator<readonly StoredEvent[]> {
    this.#checkOpen();
    checkKey(key);
    options.signal?.throwIfAborted();
    const range = checkRange(options.from, options.to);
    if (range.from > range.to) return;
    // Where a journal of many keys is read, most have one page: its transaction tells where they end as well.
    const [first, last] = await this.#firstPage(key, range.from, range.to);
    const to = Math.min(range.to, last);
    // What was appended between the two statements is for a later read.
    let rows = first.filter(({ sequence }) => Number(sequence) <= to);
    while (rows.length > 0) {
      await this.#turn(options.signal);
      yield rows.map(toEvent);
      const next = Number(rows.at(-1)?.sequence) + 1;
      if (next > to) break;
      await this.#turn(options.signal);
      rows = await this.#query(this.#ofKey, [key, next, to]);
    }
    await this.#turn(options.signal);
  }

  async #firstPage(key: string, from: number, to: number): Promise<[Row[], number]> {
    await this.settled();
    return this.#run(async ({ query }) => {
      // Sent at once; a failure of the first is the transaction's, so the second has nobody to tell.
      const ends = query(this.#highest, [key]);
      const rows = query(this.#ofKey, [key, from, to]);
      rows.catch(() => {});
      const [row] = await ends;
      return [await rows, Number(row?.last)];
    });
  }

  async *readAll(options: ReadAllOptions): AsyncGenerator<readonly GlobalEvent[]> {
    this.#checkOpen();
    const { after, tag } = checkReadAll(options);
    options.signal?.throwIfAborted();
    const to = await this.#completeTo(after, options.signal);
    let next = after;
    while (next < to) {
      await this.#turn(options.signal);
      const rows =
        tag === undefined
          ? await this.#query(this.#ofAll, [next, to])
          : await this.#query(this.#ofTag, [next, to, tag]);
      await this.#turn(options.signal);
      if (rows.length === 0) return;
      yield rows.map((row) => ({ ...toEvent(row), key: row.key ?? '', offset: Number(row.ordinal) }));
      next = Number(rows.at(-1)?.ordinal);
    }
    await this.#turn(options.signal);
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    await nextTurn();
    signal?.throwIfAborted();
    this.#checkOpen();
  }

  async #completeTo(after: number, signal: AbortSignal | undefined): Promise<number> {
    try {
      return await this.#order.completeTo(after, signal);
    } catch (error) {
      if (signal?.aborted === true && error === signal.reason) throw error;
      throw journalError(error, 'DATAFLOW_ERR_JOURNAL_READ_FAILED');
    }
  }

  #query(sql: string, values: readonly unknown[]): Promise<Row[]> {
    return this.#run(({ query }) => query(sql, values));
  }

  async #run<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    try {
      return await this.#database.read(work);
    } catch (error) {
      throw journalError(error, 'DATAFLOW_ERR_JOURNAL_READ_FAILED');
    }
  }

  #checkOpen(): void {
    if (this.#database.isClosed) throw closedError();
  }
}

export function parsed(what: string, text: string | null | undefined): Json {
  try {
    return JSON.parse(text ?? '');
  } catch (error) {
    throw corruptError(what, shownCause(error));
  }
}

function toEvent(row: Row): StoredEvent {
  const sequence = Number(row.sequence);
  const what = `event ${sequence} of ${JSON.stringify(row.key)}`;
  const event = {
    sequence,
    data: parsed(what, row.data) as JsonObject,
    tags: parsed(`the tags of ${what}`, row.tags) as string[],
    timestamp: Number(row.created_at),
  };
  return row.metadata === null
    ? event
    : { ...event, metadata: parsed(`the metadata of ${what}`, row.metadata) as JsonObject };
}
