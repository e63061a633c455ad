/**
 * Owns: the two connections of a journal, one that writes and one that reads.
 *
 * R1 There is never more than one writing connection.
 * R2 The names of the database and its log are on the disk before anything is committed. SQLite syncs the directory
 *    with the log's first sync, but goes on where that fails.
 */
import type { Database, OpenDatabase } from './driver.ts';
import { journalFiles, syncPath } from './files.ts';
import type { WorkerSettings } from './protocol.ts';

const BUSY_TIMEOUT_MS = 5000;

export function openReader(open: OpenDatabase, directory: string): Database {
  const database = open(journalFiles(directory).database, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  database.exec('PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY');
  return database;
}

function pageSize(database: Database): number {
  return (database.prepare('PRAGMA page_size').get() as { page_size: number }).page_size;
}

export function openWriter(open: OpenDatabase, settings: WorkerSettings): Database {
  const database = open(journalFiles(settings.directory).database, { timeout: BUSY_TIMEOUT_MS });
  try {
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = ${settings.synchronous};
      PRAGMA wal_autocheckpoint = 4000;
      PRAGMA cache_size = -16000;
      PRAGMA temp_store = MEMORY;
      PRAGMA fullfsync = ${process.platform === 'darwin' ? 1 : 0};
      PRAGMA checkpoint_fullfsync = ${process.platform === 'darwin' ? 1 : 0};
    `);
    if (settings.maxBytes !== null) {
      database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(settings.maxBytes / pageSize(database)))}`);
    }
    // Windows cannot sync a directory, and keeps names without it.
    if (process.platform !== 'win32') syncPath(settings.directory);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
