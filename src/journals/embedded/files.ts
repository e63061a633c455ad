import { closeSync, fsyncSync, openSync } from 'node:fs';
import { join } from 'node:path';

/** The files of a journal directory; SQLite adds `-wal` and `-shm` beside the first. */
export function journalFiles(directory: string) {
  return {
    database: join(directory, 'journal.db'),
    writeAheadLog: join(directory, 'journal.db-wal'),
    /** A new database until it is complete. */
    draft: join(directory, 'journal.db.draft'),
    /** Tells whether there is room; there for a moment after a failed write. */
    probe: join(directory, 'journal.probe'),
    lock: join(directory, 'journal.lock'),
    pid: join(directory, 'journal.pid'),
  };
}

/** Makes a file's content, or the names in a directory, durable. */
export function syncPath(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
