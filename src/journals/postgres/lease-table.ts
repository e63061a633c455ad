/**
 * Owns: the rows of leases, and which epochs this journal object may write under.
 *
 * L1 An epoch is given once. Taking over raises it, by the same owner as well: an older self is fenced too.
 * L2 Rows are locked in the order of their keys, by leases and appends alike.
 * L3 A key that was leased here is never written without a lease again: what was lost or released is refused at once.
 * L4 Time is the database's.
 */
import type { Lease, Leases, Vacancies } from '../../cluster/leases.ts';
import { MAX_TIMER_MS } from '../../runtime/clock.ts';
import { checkKey, checkSequence } from '../journal-input.ts';
import type { Database, Row, Transaction } from './database.ts';
import { fencedError, journalError } from './postgres-errors.ts';
import { quoted } from './schema.ts';

const LOST = 0;
const MS = "interval '1 millisecond'";

export class LeaseTable implements Leases {
  readonly #database: Database;
  readonly #isRequired: boolean;
  readonly #table: string;
  readonly #streams: string;
  /** LOST for a key that was held once and is not any more. */
  readonly #epochs = new Map<string, number>();

  constructor(database: Database, schema: string, isRequired: boolean) {
    this.#database = database;
    this.#isRequired = isRequired;
    this.#table = `${quoted(schema)}.leases`;
    this.#streams = `${quoted(schema)}.streams`;
  }

  /** What to write the key under; undefined where it was never leased here. @throws DATAFLOW_ERR_JOURNAL_FENCED */
  epochOf(key: string): number | undefined {
    const epoch = this.#epochs.get(key);
    if (epoch === LOST || (epoch === undefined && this.#isRequired)) throw fencedError(key, undefined);
    return epoch;
  }

  /** Holds the lease until the transaction ends. @throws DATAFLOW_ERR_JOURNAL_FENCED */
  async hold({ query }: Transaction, key: string, epoch: number | undefined): Promise<void> {
    if (epoch === undefined) return;
    const sql = `SELECT owner FROM ${this.#table} WHERE key = $1 AND epoch = $2 AND owner IS NOT NULL FOR SHARE`;
    if ((await query(sql, [key, epoch])).length === 0) throw fencedError(key, undefined);
  }

  async acquire(keys: readonly string[], owner: string, ttlMs: number): Promise<readonly Lease[]> {
    check(keys, owner, ttlMs);
    const leases = await this.#run(
      `INSERT INTO ${this.#table} AS l (key, owner, epoch, expires_at)
       SELECT DISTINCT k, $2, 1, clock_timestamp() + $3::float8 * ${MS} FROM unnest($1::text[]) AS k ORDER BY k
       ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, epoch = l.epoch + 1, expires_at = excluded.expires_at,
         takeover_epoch = CASE WHEN l.owner IS NULL THEN l.takeover_epoch ELSE l.epoch + 1 END, is_retired = false
       WHERE l.owner IS NULL OR l.owner = excluded.owner OR l.expires_at <= clock_timestamp()
       RETURNING ${COLUMNS}`,
      [keys, owner, ttlMs],
    );
    for (const { key, epoch } of leases) this.#epochs.set(key, epoch);
    return leases;
  }

  async renew(keys: readonly string[], owner: string, ttlMs: number): Promise<readonly Lease[]> {
    check(keys, owner, ttlMs);
    const held = this.#held(keys);
    const leases = await this.#run(
      `${this.#locked()}
       UPDATE ${this.#table} AS l SET expires_at = clock_timestamp() + $4::float8 * ${MS}
       FROM locked WHERE l.key = locked.key RETURNING ${COLUMNS}`,
      [[...held.keys()], [...held.values()], owner, ttlMs],
    );
    const kept = new Set(leases.map(({ key }) => key));
    for (const [key, epoch] of held) if (!kept.has(key)) this.#lose(key, epoch);
    return leases;
  }

  async release(
    keys: readonly string[],
    owner: string,
    how: 'in order' | 'abandoned' | 'retired' = 'in order',
  ): Promise<void> {
    check(keys, owner, 1);
    const held = this.#held(keys);
    for (const [key, epoch] of held) this.#lose(key, epoch);
    await this.#run(
      `${this.#locked()}
       UPDATE ${this.#table} AS l
       SET owner = CASE WHEN $4 THEN l.owner END, expires_at = clock_timestamp(), is_retired = $5
       FROM locked WHERE l.key = locked.key RETURNING ${COLUMNS}`,
      [[...held.keys()], [...held.values()], owner, how === 'abandoned', how === 'retired'],
    );
  }

  async vacancies(limit: number, seed: number): Promise<Vacancies> {
    checkSequence('The number of vacant keys wanted', limit, 0);
    const [row] = await this.#query(
      `WITH wanted AS MATERIALIZED (
         SELECT s.key, l.owner IS NULL OR l.expires_at <= clock_timestamp() AS is_vacant
         FROM ${this.#streams} AS s LEFT JOIN ${this.#table} AS l ON l.key = s.key WHERE l.is_retired IS NOT TRUE
       ), vacant AS (
         SELECT key FROM wanted WHERE is_vacant ORDER BY hashtextextended(key, $2) LIMIT $1
       )
       SELECT (SELECT count(*) FROM wanted) AS total, (SELECT json_agg(key) FROM vacant)::text AS keys`,
      [limit, seed],
    );
    return { total: Number(row?.total ?? 0), keys: JSON.parse(row?.keys ?? '[]') as string[] };
  }

  async retired(keys: readonly string[]): Promise<readonly string[]> {
    for (const key of keys) checkKey(key);
    const rows = await this.#query(`SELECT key FROM ${this.#table} WHERE key = ANY($1::text[]) AND is_retired`, [keys]);
    return rows.map((row) => row.key ?? '');
  }

  async ownerOf(key: string): Promise<string | undefined> {
    checkKey(key);
    const sql = `SELECT owner FROM ${this.#table} WHERE key = $1 AND owner IS NOT NULL AND expires_at > clock_timestamp()`;
    return (await this.#query(sql, [key]))[0]?.owner ?? undefined;
  }

  async list(): Promise<readonly Lease[]> {
    return this.#run(`SELECT ${COLUMNS} FROM ${this.#table} AS l WHERE owner IS NOT NULL ORDER BY key`, []);
  }

  #locked(): string {
    return `WITH locked AS (
      SELECT l.key FROM ${this.#table} AS l
      JOIN unnest($1::text[], $2::bigint[]) AS mine (key, epoch) ON l.key = mine.key AND l.epoch = mine.epoch
      WHERE l.owner = $3 ORDER BY l.key FOR UPDATE OF l)`;
  }

  #held(keys: readonly string[]): Map<string, number> {
    const held = new Map<string, number>();
    for (const key of keys) {
      const epoch = this.#epochs.get(key);
      if (epoch !== undefined && epoch !== LOST) held.set(key, epoch);
    }
    return held;
  }

  /** Unless it was acquired anew meanwhile. */
  #lose(key: string, epoch: number): void {
    if (this.#epochs.get(key) === epoch) this.#epochs.set(key, LOST);
  }

  async #run(sql: string, values: readonly unknown[]): Promise<Lease[]> {
    return (await this.#query(sql, values)).map(toLease);
  }

  async #query(sql: string, values: readonly unknown[]): Promise<Row[]> {
    try {
      return await this.#database.coordinate(({ query }) => query(sql, values));
    } catch (error) {
      throw journalError(error, 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED');
    }
  }
}

const COLUMNS = `l.key, l.owner, l.epoch, l.takeover_epoch, extract(epoch FROM l.expires_at)::float8 * 1000 AS expires_at,
  l.expires_at <= clock_timestamp() AS is_expired`;

function toLease(row: Row): Lease {
  return {
    key: row.key ?? '',
    owner: row.owner ?? '',
    epoch: Number(row.epoch),
    takeoverEpoch: Number(row.takeover_epoch),
    expiresAt: Number(row.expires_at),
    isExpired: row.is_expired === 't',
  };
}

function check(keys: readonly string[], owner: string, ttlMs: number): void {
  for (const key of keys) checkKey(key);
  checkKey(owner);
  checkSequence('The time that a lease lasts, in ms,', ttlMs, 1);
  checkSequence('The time up to the longest lease, in ms,', MAX_TIMER_MS - ttlMs, 0);
}
