/**
 * Owns: the writing connection and its transactions: one commit for everything that is handed over at a time.
 *
 * R1 When `write` returns, what it does not name as refused is as durable as the journal promises; when it throws,
 *    nothing of it was acknowledged.
 * R2 After a commit that failed, its outcome and the connection's memory are unknown: the file is opened anew and its
 *    log written back before anything else is accepted.
 * R3 What is remembered of the file is forgotten once another connection has written to it, lock or no lock.
 */
import { statSync } from 'node:fs';
import type { DataflowError } from '../../errors.ts';
import { openWriter } from './connections.ts';
import type { Database, OpenDatabase, Statement } from './driver.ts';
import { journalFiles } from './files.ts';
import {
  APPEND,
  type Compaction,
  DELETE,
  DROP,
  type ErrorData,
  type FlatOperations,
  OFFSET,
  PRUNE,
  SNAPSHOT,
  toErrorData,
  type WorkerSettings,
  type WriteOutcome,
} from './protocol.ts';
import { journalError } from './sqlite-errors.ts';
import { WriteOperations } from './write-operations.ts';

interface Session {
  readonly database: Database;
  readonly dataVersion: Statement;
  /** It changes when another connection writes. */
  version: number;
  operations: WriteOperations;
}

function versionOf(dataVersion: Statement): number {
  return (dataVersion.get() as { data_version: number }).data_version;
}

export class Writer {
  readonly #open: OpenDatabase;
  readonly #settings: WorkerSettings;
  #session: Session | undefined;

  constructor(open: OpenDatabase, settings: WorkerSettings) {
    this.#open = open;
    this.#settings = settings;
    this.#session = this.#connect();
  }

  #connect(): Session {
    const database = openWriter(this.#open, this.#settings);
    try {
      const dataVersion = database.prepare('PRAGMA data_version');
      return { database, dataVersion, version: versionOf(dataVersion), operations: new WriteOperations(database) };
    } catch (error) {
      database.close();
      throw error;
    }
  }

  write(operations: FlatOperations): WriteOutcome {
    try {
      this.#session ??= this.#reconnect();
      const begunAt = performance.now();
      const target = this.#begin(this.#session);
      const outcome = this.#apply(target, operations);
      target.finish();
      const madeAt = performance.now();
      this.#session.database.exec('COMMIT');
      return { ...outcome, isSyncBound: performance.now() - madeAt > madeAt - begunAt };
    } catch (error) {
      this.#disconnect();
      throw journalError(error, this.#settings.directory, 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED');
    }
  }

  #begin(session: Session): WriteOperations {
    session.database.exec('BEGIN IMMEDIATE');
    const version = versionOf(session.dataVersion);
    if (version !== session.version) {
      session.operations = new WriteOperations(session.database);
      session.version = version;
    }
    return session.operations;
  }

  /**
   * Sees to it that the events of a key are found by their positions. Returns false where that cannot be, as on a
   * full disk: they are there, and a reader must look for them.
   */
  place(key: string): boolean {
    const session = this.#session;
    if (session === undefined) return false;
    return session.operations.isPlaced(key) || this.#placeAll();
  }

  #placeAll(): boolean {
    const session = this.#session;
    if (session === undefined) return false;
    try {
      this.#begin(session).place();
      session.database.exec('COMMIT');
      return true;
    } catch {
      this.#disconnect();
      return false;
    }
  }

  #apply(target: WriteOperations, operations: FlatOperations): Pick<WriteOutcome, 'refused' | 'unfinished'> {
    const refused: { index: number; error: ErrorData }[] = [];
    const unfinished: number[] = [];
    let index = 0;
    for (let at = 0; at < operations.length; index++) {
      const [kind, key] = [operations[at], operations[at + 1] as string];
      const number = operations[at + 2] as number;
      if (kind === APPEND) {
        const count = operations[at + 3] as number;
        const error: DataflowError | undefined = target.append(key, number, operations, at + 4, count);
        if (error !== undefined) refused.push({ index, error: toErrorData(error) });
        at += 4 + count * 4;
      } else if (kind === SNAPSHOT) {
        target.saveSnapshot(key, number, operations[at + 3] as string, operations[at + 4] as number);
        at += 5;
      } else if (kind === DELETE) {
        if (!target.deleteEvents(key, number)) unfinished.push(index);
        at += 3;
      } else if (kind === PRUNE) {
        target.pruneSnapshots(key, number);
        at += 3;
      } else if (kind === DROP) {
        target.deleteSnapshots(key, number, operations[at + 3] as number);
        at += 4;
      } else if (kind === OFFSET) {
        target.saveOffset(key, number);
        at += 3;
      } else {
        throw new TypeError(`Unknown journal operation ${String(kind)}`);
      }
    }
    return { refused, unfinished };
  }

  #disconnect(): void {
    const session = this.#session;
    this.#session = undefined;
    try {
      session?.database.close();
    } catch {
      // It is not used again, whatever it says.
    }
  }

  #reconnect(): Session {
    const session = this.#connect();
    // After a failed sync the page cache may hold log pages that the disk does not, and no later sync would write
    // them: what the log holds is copied into the database and synced there, and the log begins anew.
    try {
      session.database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch (error) {
      session.database.close();
      throw error;
    }
    return session;
  }

  /** Gives the room of deleted events back to the disk. Needs as much room again while it runs; nothing is appended then. */
  compact(): Compaction {
    const file = journalFiles(this.#settings.directory).database;
    try {
      this.#session ??= this.#reconnect();
      const { database } = this.#session;
      // The log first, or the size before is not what was stored before.
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      const before = statSync(file).size;
      database.exec('VACUUM');
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      return { before, after: statSync(file).size };
    } catch (error) {
      this.#disconnect();
      throw journalError(error, this.#settings.directory, 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED');
    }
  }

  /** Moves the log into journal.db, so that a closed journal is one file. */
  close(): void {
    try {
      this.#placeAll();
      this.#session?.database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch {
      // A full disk or a reader in the way: the log stays, and the next owner finds everything in it.
    }
    this.#disconnect();
  }
}
