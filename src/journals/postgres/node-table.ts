/** Owns: the rows of nodes. Time is the database's. */
import type { NodeIdentity, NodeRecord, Nodes } from '../../cluster/nodes.ts';
import { checkKey } from '../journal-input.ts';
import type { Database, Row } from './database.ts';
import { type FailureCode, journalError } from './postgres-errors.ts';
import { quoted } from './schema.ts';

export class NodeTable implements Nodes {
  readonly #database: Database;
  readonly #report: string;
  readonly #leave: string;
  readonly #list: string;

  constructor(database: Database, schema: string) {
    this.#database = database;
    const s = quoted(schema);
    // Who ended without leaving is shown for an hour.
    this.#report = `
      WITH forgotten AS (DELETE FROM ${s}.nodes WHERE expires_at < clock_timestamp() - interval '1 hour' AND name <> $1)
      INSERT INTO ${s}.nodes AS n (name, incarnation, address, version, expires_at)
      VALUES ($1, $2, $3, $4, clock_timestamp() + $5::float8 * interval '1 millisecond')
      ON CONFLICT (name) DO UPDATE SET
        incarnation = excluded.incarnation, address = excluded.address, version = excluded.version,
        started_at = CASE WHEN n.incarnation = excluded.incarnation THEN n.started_at ELSE clock_timestamp() END,
        seen_at = clock_timestamp(), expires_at = excluded.expires_at
      WHERE n.incarnation = excluded.incarnation OR n.expires_at <= clock_timestamp()
      RETURNING n.name`;
    this.#leave = `DELETE FROM ${s}.nodes WHERE name = $1 AND incarnation = $2`;
    this.#list = `
      SELECT n.name, n.address, n.version, n.expires_at <= clock_timestamp() AS is_expired,
        extract(epoch FROM n.started_at)::float8 * 1000 AS started_at, extract(epoch FROM n.seen_at)::float8 * 1000 AS seen_at,
        coalesce(held.keys, 0) AS keys
      FROM ${s}.nodes AS n LEFT JOIN (
        SELECT owner, count(*) AS keys FROM ${s}.leases WHERE expires_at > clock_timestamp() GROUP BY owner
      ) AS held ON held.owner = n.name
      ORDER BY n.name`;
  }

  async report(node: NodeIdentity, ttlMs: number): Promise<readonly NodeRecord[] | undefined> {
    const { name, incarnation, address, version } = node;
    checkKey(name);
    const [row] = await this.#query(this.#report, [name, incarnation, address, version, ttlMs]);
    return row === undefined ? undefined : this.list();
  }

  async leave({ name, incarnation }: NodeIdentity): Promise<void> {
    await this.#query(this.#leave, [name, incarnation]);
  }

  async list(): Promise<readonly NodeRecord[]> {
    const rows = await this.#query(this.#list, [], 'DATAFLOW_ERR_JOURNAL_READ_FAILED');
    return rows.map(toNode);
  }

  async #query(
    sql: string,
    values: readonly unknown[],
    otherwise: FailureCode = 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED',
  ): Promise<Row[]> {
    try {
      return await this.#database.coordinate(({ query }) => query(sql, values));
    } catch (error) {
      throw journalError(error, otherwise);
    }
  }
}

function toNode(row: Row): NodeRecord {
  return {
    name: row.name ?? '',
    address: row.address ?? null,
    version: row.version ?? '',
    startedAt: Number(row.started_at),
    seenAt: Number(row.seen_at),
    isExpired: row.is_expired === 't',
    keys: Number(row.keys),
  };
}
