/**
 * Owns: what a journal file looks like inside, how one is made, and how one is told from anything else.
 *
 * R1 journal.db appears complete or not at all: it is made under another name, synced, and renamed; the names of the
 *    folders above it are synced with it.
 * R2 A file is identified before anything is written to it.
 */
import { existsSync, rmSync, statSync } from 'node:fs';
import { DataflowError } from '../../errors.ts';
import { placeFile } from './copy-file.ts';
import type { Database, OpenDatabase } from './driver.ts';
import { journalFiles } from './files.ts';
import { migrate, SCHEMA_VERSION } from './migrations.ts';
import { corruptError } from './sqlite-errors.ts';

/** 'dfj1' in the file's header: `file journal.db` and we both know whose it is. */
const APPLICATION_ID = 0x64666a31;

/**
 * Of the first version; migrations.ts leads on from it. Keys and sets of tags are stored once and referred to by number. `tag_set_members` and `events_by_tag_set` make
 * "all events with this tag, in order" an indexed query at the price of one index entry an event, not one a tag.
 * `ordinal` is the global order; numbers of deleted events are not given again.
 */
const FIRST_TABLES = ['streams', 'tags', 'tag_sets', 'tag_set_members', 'events', 'snapshots'];
const FIRST_SCHEMA = `
  CREATE TABLE meta(name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
  CREATE TABLE streams(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, deleted_to INTEGER NOT NULL DEFAULT 0);
  CREATE TABLE tags(id INTEGER PRIMARY KEY, tag TEXT NOT NULL UNIQUE);
  CREATE TABLE tag_sets(id INTEGER PRIMARY KEY, tags TEXT NOT NULL UNIQUE);
  CREATE TABLE tag_set_members(
    tag INTEGER NOT NULL, tag_set INTEGER NOT NULL, PRIMARY KEY(tag, tag_set)
  ) WITHOUT ROWID;
  CREATE TABLE events(
    ordinal INTEGER PRIMARY KEY, stream INTEGER NOT NULL, seq INTEGER NOT NULL,
    tag_set INTEGER NOT NULL, created_at INTEGER NOT NULL, data TEXT NOT NULL,
    UNIQUE(stream, seq)
  );
  CREATE INDEX events_by_tag_set ON events(tag_set);
  CREATE TABLE snapshots(
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, seq INTEGER NOT NULL,
    created_at INTEGER NOT NULL, state TEXT NOT NULL, UNIQUE(key, seq)
  );
`;

/** Below this size the whole file is checked at open, which takes some tens of milliseconds. */
const FULL_CHECK_BYTES = 16 * 1024 * 1024;

/** The directory of the journal holds a complete journal.db afterwards; call it under the owner lock only. */
export async function ensureDatabase(open: OpenDatabase, directory: string): Promise<void> {
  const files = journalFiles(directory);
  if (existsSync(files.database)) return;
  if (existsSync(files.writeAheadLog) && statSync(files.writeAheadLog).size > 0) {
    // Its commits belong to a database that is gone; a new one under the same name would swallow them.
    throw corruptError(directory, 'journal.db is missing while its write-ahead log is there');
  }
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${files.draft}${suffix}`, { force: true });
  const database = open(files.draft, {});
  try {
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA application_id = ${APPLICATION_ID};
      BEGIN;
      ${FIRST_SCHEMA}
      INSERT INTO meta VALUES ('schema_version', 1);
      COMMIT;
    `);
    migrate(database, 1);
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  } finally {
    database.close();
  }
  await placeFile(files.draft, files.database);
}

function single(database: Database, sql: string): unknown {
  const row = database.prepare(sql).get();
  return typeof row === 'object' && row !== null ? Object.values(row)[0] : undefined;
}

function hasTable(database: Database, table: string): boolean {
  return database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(table) !== undefined;
}

function foreignError(directory: string, message: string): DataflowError {
  return new DataflowError('DATAFLOW_ERR_JOURNAL_FOREIGN', message, { details: { path: directory } });
}

/** The schema version; throws unless the file is an undamaged journal of one that this code knows. Reads only. */
export function checkIdentity(database: Database, directory: string): number {
  const bytes = statSync(journalFiles(directory).database).size;
  if (bytes === 0) throw corruptError(directory, 'journal.db is empty');
  if (single(database, 'PRAGMA application_id') !== APPLICATION_ID) {
    throw foreignError(
      directory,
      `journal.db in ${directory} is a SQLite database of another program; name another directory for the journal`,
    );
  }
  if (!hasTable(database, 'meta')) throw corruptError(directory, 'the table meta is missing');
  const version = Number(single(database, "SELECT value FROM meta WHERE name = 'schema_version'"));
  if (!Number.isSafeInteger(version)) throw corruptError(directory, 'it has no schema version');
  if (version > SCHEMA_VERSION) {
    throw foreignError(
      directory,
      `The journal in ${directory} has schema ${version}, this version of dataflow-platform knows ${SCHEMA_VERSION}; use a newer version`,
    );
  }
  const tables = [...FIRST_TABLES, ...(version > 1 ? ['offsets'] : []), ...(version > 2 ? ['positions'] : [])];
  for (const table of tables) {
    if (!hasTable(database, table)) throw corruptError(directory, `the table ${table} is missing`);
  }
  if (bytes <= FULL_CHECK_BYTES) {
    const finding = single(database, 'PRAGMA quick_check(1)');
    if (finding !== 'ok') throw corruptError(directory, String(finding));
  } else {
    // The two ends of each tree: what a truncated copy or a half-restored file gets wrong first.
    for (const edge of ['min', 'max']) {
      single(database, `SELECT ${edge}(ordinal) FROM events`);
      single(database, `SELECT ${edge}(stream) FROM ${version > 2 ? 'positions' : 'events'}`);
      single(database, `SELECT ${edge}(tag_set) FROM events`);
      single(database, `SELECT ${edge}(id) FROM streams`);
    }
  }
  return version;
}
