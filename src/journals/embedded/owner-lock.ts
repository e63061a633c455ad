/**
 * Owns: the right of one process to write a journal directory, and the record of who has it.
 *
 * R1 The lock is the operating system's, held through an exclusive SQLite transaction on a file of its own: it ends
 *    with the process, however that ends, and nobody has to clean up.
 * R2 journal.pid only names the holder; it grants nothing. It is a plain file of its own because closing any handle
 *    of a locked file drops the whole process's locks on it.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { DataflowError } from '../../errors.ts';
import type { Database, OpenDatabase } from './driver.ts';
import { journalFiles } from './files.ts';
import { primaryCode, SQLITE_BUSY } from './sqlite-errors.ts';

/** How long a holder that is just going is waited for. */
const PATIENCE_MS = 250;

export interface OwnerLock {
  release(): void;
}

export function lockedError(directory: string, pid: number | undefined): DataflowError {
  const holder =
    pid === undefined ? 'Another process' : pid === process.pid ? `This process (${pid})` : `Process ${pid}`;
  return new DataflowError(
    'DATAFLOW_ERR_JOURNAL_LOCKED',
    `${holder} has the journal in ${directory} open; stop it, name another directory, or open the journal for reading only`,
    { details: { path: directory, ...(pid === undefined ? {} : { pid }) } },
  );
}

function readPid(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'utf8').trim());
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

export function acquireOwnerLock(open: OpenDatabase, directory: string): OwnerLock {
  const files = journalFiles(directory);
  const database: Database = open(files.lock, { timeout: PATIENCE_MS });
  try {
    database.exec('BEGIN EXCLUSIVE');
    writeFileSync(files.pid, `${process.pid}\n`);
  } catch (error) {
    database.close();
    throw primaryCode(error) === SQLITE_BUSY ? lockedError(directory, readPid(files.pid)) : error;
  }
  return {
    release() {
      // The pid goes first: once the lock is free, the file may be a successor's.
      rmSync(files.pid, { force: true });
      database.close();
    },
  };
}
