/**
 * The tables: made and brought up to date by numbered files, each once, by one process at a time. In them `{schema}` stands
 * for the schema where a name is looked up later than now, as in a function.
 */
import { readdir, readFile } from 'node:fs/promises';
import { DataflowError } from '../../errors.ts';
import type { Database, Transaction } from './database.ts';
import type { Settings } from './options.ts';

const FOLDER = new URL('./migrations/', import.meta.url);
const FILE = /^(\d{4})\.sql$/;
const OLDEST_SERVER = 130_000;

interface Migration {
  readonly version: number;
  readonly sql: string;
}

async function migrations(): Promise<Migration[]> {
  const files = (await readdir(FOLDER)).filter((name) => FILE.test(name)).sort();
  return Promise.all(
    files.map(async (name) => ({
      version: Number(FILE.exec(name)?.[1]),
      sql: await readFile(new URL(name, FOLDER), 'utf8'),
    })),
  );
}

export function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

function refuse(message: string): never {
  throw new DataflowError('DATAFLOW_ERR_JOURNAL_OPEN_FAILED', message);
}

async function checkServer({ query }: Transaction, readOnly: boolean): Promise<void> {
  const [server] = await query(
    `SELECT current_setting('server_version_num') AS number, current_setting('server_version') AS version,
       current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS is_standby`,
  );
  if (Number(server?.number) < OLDEST_SERVER) {
    refuse(`The server is PostgreSQL ${server?.version}; use version 13 or a newer one`);
  }
  if (server?.encoding !== 'UTF8') {
    refuse(`The database is encoded as ${server?.encoding}; use one that is created with encoding UTF8`);
  }
  if (server?.is_standby === 't' && !readOnly)
    refuse('The server is a standby, which takes no events; name the primary');
}

/** Asked of the catalogue's tables: to_regclass may answer from a cache that knows nothing of a commit just waited for. */
async function hasTable({ query }: Transaction, schema: string, table: string): Promise<boolean> {
  const rows = await query(
    `SELECT 1 AS one FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2`,
    [schema, table],
  );
  return rows.length > 0;
}

/** Undefined where the schema, or its table of versions, is missing. */
async function storedVersion(transaction: Transaction, schema: string): Promise<number | undefined> {
  if (!(await hasTable(transaction, schema, 'schema_versions'))) return undefined;
  const [row] = await transaction.query(`SELECT max(version) AS version FROM ${quoted(schema)}.schema_versions`);
  return Number(row?.version ?? 0);
}

function checkVersion(version: number, newest: number, schema: string): void {
  if (version <= newest) return;
  throw new DataflowError(
    'DATAFLOW_ERR_JOURNAL_FOREIGN',
    `The journal in the schema ${schema} has version ${version}, this version of dataflow-platform knows ${newest}; use a newer version`,
    { details: { schema, version, newest } },
  );
}

async function migrate(transaction: Transaction, schema: string, all: readonly Migration[]): Promise<void> {
  const { query } = transaction;
  const newest = all.at(-1)?.version ?? 0;
  await query("SELECT pg_advisory_xact_lock(hashtextextended('dataflow-platform journal ' || $1, 0))", [schema]);
  let version = await storedVersion(transaction, schema);
  checkVersion(version ?? 0, newest, schema);
  if (version === undefined) {
    const [present] = await query('SELECT 1 AS one FROM pg_namespace WHERE nspname = $1', [schema]);
    if (present === undefined) await query(`CREATE SCHEMA ${quoted(schema)}`);
    if (await hasTable(transaction, schema, 'events')) {
      throw new DataflowError(
        'DATAFLOW_ERR_JOURNAL_FOREIGN',
        `The schema ${schema} holds tables of another program; name another schema for the journal`,
        { details: { schema } },
      );
    }
    await query(
      `CREATE TABLE ${quoted(schema)}.schema_versions (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`,
    );
    version = 0;
  }
  await query(`SET LOCAL search_path TO ${quoted(schema)}`);
  for (const migration of all) {
    if (migration.version <= version) continue;
    await query(migration.sql.replaceAll('{schema}', () => quoted(schema)));
    await query('INSERT INTO schema_versions (version) VALUES ($1)', [migration.version]);
  }
}

/**
 * The schema is there and current afterwards. One that is current already needs no right to change it; `readOnly`
 * changes none.
 *
 * Throws DATAFLOW_ERR_JOURNAL_FOREIGN for a newer schema or another program's, _OPEN_FAILED for a server that will not do.
 */
export async function ensureSchema(database: Database, settings: Settings): Promise<void> {
  const { schema, readOnly, connectTimeoutMs: retryForMs } = settings;
  const all = await migrations();
  const newest = all.at(-1)?.version ?? 0;
  const version = await database.run(async (transaction) => {
    await checkServer(transaction, readOnly);
    return storedVersion(transaction, schema);
  }, retryForMs);
  if (version !== undefined) checkVersion(version, newest, schema);
  if (version === newest) return;
  if (readOnly) {
    const found =
      version === undefined ? `There is no journal in the schema ${schema}` : `The journal has version ${version}`;
    refuse(`${found}; let a process that may write open it first`);
  }
  await database.run((transaction) => migrate(transaction, schema, all), retryForMs);
}
