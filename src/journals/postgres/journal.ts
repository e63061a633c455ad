/**
 * Owns: the journal's face: checks what comes in, turns it into text, and text into events.
 * Does not own: connections (database.ts), batches (append-queue.ts), leases (lease-table.ts).
 *
 * J1 Events and snapshots are text before the call returns, and belong to the lease that was held then.
 * J2 After `close` has begun nothing is accepted, and what was accepted before is settled.
 */
import type { Leases } from '../../cluster/leases.ts';
import type { Nodes } from '../../cluster/nodes.ts';
import { DataflowError } from '../../errors.ts';
import type {
  GlobalEvent,
  JournalEvent,
  ReadAllOptions,
  ReadOptions,
  Snapshot,
  SnapshotSelection,
  StoredEvent,
} from '../../runtime/journal.ts';
import { AppendListeners } from '../append-listeners.ts';
import {
  checkKey,
  checkProjection,
  checkSelection,
  checkSequence,
  checkSnapshot,
  closedError,
  serialise,
} from '../journal-input.ts';
import { AppendQueue } from './append-queue.ts';
import { AppendStatement } from './append-statement.ts';
import type { Database, Row } from './database.ts';
import { Doubt } from './doubt.ts';
import { EventReader, parsed } from './event-reader.ts';
import { GlobalOrder } from './global-order.ts';
import { LeaseTable } from './lease-table.ts';
import { NodeTable } from './node-table.ts';
import type { Settings } from './options.ts';
import { eventText, sizeOf } from './pending-append.ts';
import { type FailureCode, journalError } from './postgres-errors.ts';
import type { PostgresJournal } from './postgres-journal.ts';
import { quoted } from './schema.ts';

export class PostgresJournalConnection implements PostgresJournal {
  readonly leases: Leases;
  readonly nodes: Nodes;
  readonly #leases: LeaseTable;
  readonly #database: Database;
  readonly #schema: string;
  readonly #reader: EventReader;
  readonly #appends: AppendQueue;
  readonly #listeners = new AppendListeners();
  readonly #readOnly: boolean;
  #closing: Promise<void> | undefined;

  constructor(database: Database, settings: Settings, writer: string) {
    const { schema, requireLeases, maxQueuedBytes } = settings;
    this.#database = database;
    this.#schema = quoted(schema);
    this.#readOnly = settings.readOnly;
    this.#leases = new LeaseTable(database, schema, requireLeases);
    this.leases = this.#leases;
    this.nodes = new NodeTable(database, schema);
    const order = new GlobalOrder(database, schema);
    const doubt = new Doubt(order, settings.retryForMs);
    if (!settings.readOnly) doubt.arise();
    this.#reader = new EventReader(database, order, doubt, schema);
    const statement = new AppendStatement(database, schema, writer);
    this.#appends = new AppendQueue(statement, database, maxQueuedBytes, {
      stored: () => this.#listeners.appended(),
      leftInDoubt: () => doubt.arise(),
    });
  }

  async append(key: string, after: number, events: readonly JournalEvent[]): Promise<void> {
    this.#checkWritable();
    checkKey(key);
    checkSequence('The sequence number to append after', after, 0);
    if (events.length === 0) return;
    const epoch = this.#leases.epochOf(key);
    const texts = events.map(eventText);
    const size = texts.reduce((sum, text) => sum + sizeOf(text), key.length);
    await this.#appends.add({ key, after, events: texts, epoch, size });
  }

  read(key: string, options: ReadOptions = {}): AsyncGenerator<readonly StoredEvent[]> {
    return this.#reader.read(key, options);
  }

  readAll(options: ReadAllOptions = {}): AsyncGenerator<readonly GlobalEvent[]> {
    return this.#reader.readAll(options);
  }

  onAppend(listener: () => void): () => void {
    this.#checkOpen();
    return this.#listeners.add(listener);
  }

  async highestSequence(key: string): Promise<number> {
    this.#checkOpen();
    checkKey(key);
    return this.#reader.highest(key);
  }

  async deleteEvents(key: string, to: number): Promise<void> {
    checkSequence('The sequence number to delete to', to, 0);
    await this.#change(
      key,
      `WITH last AS (SELECT max(sequence) AS sequence FROM ${this.#schema}.events WHERE key = $1),
       marked AS (
         UPDATE ${this.#schema}.streams AS s SET deleted_to = greatest(s.deleted_to, least($2, last.sequence))
         FROM last WHERE s.key = $1
       )
       DELETE FROM ${this.#schema}.events WHERE key = $1 AND sequence <= $2`,
      [to],
    );
  }

  async keys(): Promise<readonly string[]> {
    this.#checkOpen();
    await this.#reader.settled();
    const rows = await this.#query(`SELECT key FROM ${this.#schema}.streams ORDER BY ordinal`, []);
    return rows.map(({ key }) => key ?? '');
  }

  async projectionOffset(name: string): Promise<number> {
    this.#checkOpen();
    checkProjection(name);
    const sql = `SELECT projected_to FROM ${this.#schema}.projections WHERE name = $1`;
    const [row] = await this.#query(sql, [name]);
    return Number(row?.projected_to ?? 0);
  }

  async saveProjectionOffset(name: string, offset: number): Promise<void> {
    this.#checkWritable();
    checkProjection(name, offset);
    const sql = `INSERT INTO ${this.#schema}.projections (name, projected_to) VALUES ($1, $2)
      ON CONFLICT (name) DO UPDATE SET projected_to = excluded.projected_to`;
    await this.#query(sql, [name, offset], 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED');
  }

  async saveSnapshot(key: string, snapshot: Snapshot): Promise<void> {
    checkSnapshot(key, snapshot);
    const state = serialise('A snapshot', snapshot.state);
    await this.#change(
      key,
      `INSERT INTO ${this.#schema}.snapshots (key, sequence, created_at, state) VALUES ($1, $2, $3, $4)
       ON CONFLICT (key, sequence) DO UPDATE SET created_at = excluded.created_at, state = excluded.state`,
      [snapshot.sequence, snapshot.timestamp, state],
    );
  }

  async latestSnapshot(key: string, selection?: SnapshotSelection): Promise<Snapshot | undefined> {
    this.#checkOpen();
    const { maxSequence, maxTimestamp } = checkSelection(key, selection);
    const [row] = await this.#query(
      `SELECT sequence, created_at, state FROM ${this.#schema}.snapshots
       WHERE key = $1 AND sequence <= $2 AND created_at <= $3 ORDER BY sequence DESC LIMIT 1`,
      [key, maxSequence, maxTimestamp],
    );
    if (row === undefined) return undefined;
    const state = parsed(`the snapshot of ${JSON.stringify(key)}`, row.state);
    return { sequence: Number(row.sequence), state, timestamp: Number(row.created_at) };
  }

  async deleteSnapshots(key: string, selection?: SnapshotSelection): Promise<void> {
    const { maxSequence, maxTimestamp } = checkSelection(key, selection);
    const sql = `DELETE FROM ${this.#schema}.snapshots WHERE key = $1 AND sequence <= $2 AND created_at <= $3`;
    await this.#change(key, sql, [maxSequence, maxTimestamp]);
  }

  async pruneSnapshots(key: string, keep: number): Promise<void> {
    checkSequence('The number of snapshots to keep', keep, 0);
    await this.#change(
      key,
      `DELETE FROM ${this.#schema}.snapshots WHERE key = $1 AND sequence IN (
         SELECT sequence FROM ${this.#schema}.snapshots WHERE key = $1 ORDER BY sequence DESC OFFSET $2
       )`,
      [keep],
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#appends.idle();
    await this.#database.close();
  }

  /** Changes something of the key, under its lease where there is one; `$1` is the key. */
  async #change(key: string, sql: string, values: readonly unknown[]): Promise<void> {
    this.#checkWritable();
    checkKey(key);
    const epoch = this.#leases.epochOf(key);
    const changed = this.#database.run(async (transaction) => {
      await this.#leases.hold(transaction, key, epoch);
      return transaction.query(sql, [key, ...values]);
    });
    await this.#named('DATAFLOW_ERR_JOURNAL_APPEND_FAILED', changed);
  }

  async #query(
    sql: string,
    values: readonly unknown[],
    otherwise: FailureCode = 'DATAFLOW_ERR_JOURNAL_READ_FAILED',
  ): Promise<Row[]> {
    this.#checkOpen();
    return this.#named(
      otherwise,
      this.#database.read(({ query }) => query(sql, values)),
    );
  }

  async #named(otherwise: FailureCode, rows: Promise<Row[]>): Promise<Row[]> {
    try {
      return await rows;
    } catch (error) {
      throw journalError(error, otherwise);
    }
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw closedError();
  }

  #checkWritable(): void {
    this.#checkOpen();
    if (!this.#readOnly) return;
    throw new DataflowError(
      'DATAFLOW_ERR_JOURNAL_READ_ONLY',
      'The PostgreSQL journal was opened for reading only; open it without readOnly to write',
    );
  }
}
