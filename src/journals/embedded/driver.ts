/**
 * Owns: the choice of the SQLite engine, and what differs between the two. `node:sqlite` is taken where it is new
 * enough, else the engine that @photostructure/sqlite carries, which has the same interface.
 *
 * R1 No engine older than 3.51.3 ever opens a journal: those can lose commits when a WAL is reset.
 * R2 A database refers to its statements and they to it until it is closed: in @photostructure/sqlite a statement
 *    dies with a collected database.
 * R3 A closed database has no transaction, and its files are closed by the next turn of the event loop. That engine
 *    has no call that ends a statement, and keeps files and locks open as long as one lives: they are collected.
 * R4 No engine is loaded on the main thread, and none prints a warning of being experimental.
 */
import { collectGarbage } from './collect-garbage.ts';

type SqlValue = string | number | null;

export interface Statement {
  run(...values: SqlValue[]): { changes: number | bigint; lastInsertRowid: number | bigint };
  get(...values: SqlValue[]): unknown;
  all(...values: SqlValue[]): unknown[];
  iterate(...values: SqlValue[]): IterableIterator<unknown>;
  setReturnArrays(on: boolean): void;
}

export interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

export type OpenDatabase = (
  file: string,
  options: { readonly readOnly?: boolean; readonly timeout?: number },
) => Database;

interface EngineDatabase {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

interface Engine {
  readonly DatabaseSync: new (file: string, options: object) => EngineDatabase;
}

class TrackedStatement implements Statement {
  readonly #database: TrackedDatabase;
  #statement: Statement | undefined;

  constructor(database: TrackedDatabase, statement: Statement) {
    this.#database = database;
    this.#statement = statement;
  }

  get #open(): Statement {
    if (this.#statement === undefined || !this.#database.isOpen) throw new Error('the database is closed');
    return this.#statement;
  }

  run(...values: SqlValue[]) {
    return this.#open.run(...values);
  }

  get(...values: SqlValue[]): unknown {
    return this.#open.get(...values);
  }

  all(...values: SqlValue[]): unknown[] {
    return this.#open.all(...values);
  }

  iterate(...values: SqlValue[]): IterableIterator<unknown> {
    return this.#open.iterate(...values);
  }

  setReturnArrays(on: boolean): void {
    this.#open.setReturnArrays(on);
  }

  release(): void {
    this.#statement = undefined;
  }
}

class TrackedDatabase implements Database {
  readonly #database: EngineDatabase;
  readonly #mustCollect: boolean;
  readonly #statements: TrackedStatement[] = [];
  isOpen = true;

  constructor(database: EngineDatabase, mustCollect: boolean) {
    this.#database = database;
    this.#mustCollect = mustCollect;
  }

  exec(sql: string): void {
    this.#database.exec(sql);
  }

  prepare(sql: string): Statement {
    const statement = new TrackedStatement(this, this.#database.prepare(sql));
    this.#statements.push(statement);
    return statement;
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    try {
      this.#database.exec('ROLLBACK');
    } catch {
      // There was no transaction, or the failure that leads here has ended it.
    }
    const statements = this.#statements.splice(0);
    for (const statement of statements) statement.release();
    this.#database.close();
    if (this.#mustCollect && statements.length > 0) collectGarbage();
  }
}

const OLDEST_SAFE = [3, 51, 3];

export function isSafeVersion(version: string | undefined): boolean {
  if (version === undefined) return false;
  const parts = version.split('.').map(Number);
  for (const [index, wanted] of OLDEST_SAFE.entries()) {
    const part = parts[index] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}

export async function loadDriver(): Promise<OpenDatabase> {
  const own = isSafeVersion(process.versions.sqlite) ? loadNodeSqlite() : undefined;
  const { DatabaseSync } = own ?? ((await import('@photostructure/sqlite')) as unknown as Engine);
  return (file, options) => new TrackedDatabase(new DatabaseSync(file, options), own === undefined);
}

/** Undefined where the runtime was started with --no-experimental-sqlite, or needs a flag to have it. */
function loadNodeSqlite(): Engine | undefined {
  const emitWarning = process.emitWarning;
  process.emitWarning = () => {};
  try {
    const engine = process.getBuiltinModule('node:sqlite') as unknown as Partial<Engine> | undefined;
    return engine?.DatabaseSync === undefined ? undefined : (engine as Engine);
  } finally {
    process.emitWarning = emitWarning;
  }
}
