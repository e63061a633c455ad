/**
 * Owns: the writing connection and its transactions: one commit for everything that is handed over at a time.
 *
 * R1 When `write` returns, what it does not name as refused is as durable as the journal promises; when it throws,
 *    nothing of it was acknowledged.
 * R2 After a commit that failed, its outcome and the connection's memory are unknown: the file is opened anew and its
 *    log written back before anything else is accepted.
 */
import { statSync } from 'node:fs';
import type { DataflowError } from '../../errors.ts';
import { openWriter } from './connections.ts';
import type { Database, OpenDatabase } from './driver.ts';
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
  readonly operations: WriteOperations;
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
      return { database, operations: new WriteOperations(database) };
    } catch (error) {
      database.close();
      throw error;
    }
  }

  write(operations: FlatOperations): WriteOutcome {
    try {
      this.#session ??= this.#reconnect();
      const { database } = this.#session;
      database.exec('BEGIN IMMEDIATE');
      const outcome = this.#apply(this.#session.operations, operations);
      database.exec('COMMIT');
      return outcome;
    } catch (error) {
      this.#disconnect();
      throw journalError(error, this.#settings.directory, 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED');
    }
  }

  #apply(target: WriteOperations, operations: FlatOperations): WriteOutcome {
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
      this.#session?.database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch {
      // A full disk or a reader in the way: the log stays, and the next owner finds everything in it.
    }
    this.#disconnect();
  }
}
