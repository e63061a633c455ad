/**
 * Owns: the steps from the first schema to that of this version. A step, once released, is never changed.
 *
 * R1 All steps that a file needs are one transaction with the version it has then: it is of the old schema or of the new.
 */
import type { Database } from './driver.ts';

/** The step at index n leads from schema n + 1 to n + 2. */
const STEPS: readonly string[] = [
  `
  ALTER TABLE events ADD COLUMN metadata TEXT;
  CREATE TABLE offsets(projection TEXT PRIMARY KEY, ordinal INTEGER NOT NULL) WITHOUT ROWID;
  `,
  // The index of a UNIQUE constraint cannot be dropped, so the events move to a table without it.
  `
  CREATE TABLE positions(
    stream INTEGER NOT NULL, seq INTEGER NOT NULL, ordinal INTEGER NOT NULL, PRIMARY KEY(stream, seq)
  ) WITHOUT ROWID;
  INSERT INTO positions SELECT stream, seq, ordinal FROM events ORDER BY stream, seq;
  INSERT INTO meta SELECT 'positions_to', coalesce(max(ordinal), 0) FROM events;
  CREATE TABLE events_moved(
    ordinal INTEGER PRIMARY KEY, stream INTEGER NOT NULL, seq INTEGER NOT NULL,
    tag_set INTEGER NOT NULL, created_at INTEGER NOT NULL, data TEXT NOT NULL, metadata TEXT
  );
  INSERT INTO events_moved SELECT ordinal, stream, seq, tag_set, created_at, data, metadata FROM events ORDER BY ordinal;
  DROP TABLE events;
  ALTER TABLE events_moved RENAME TO events;
  CREATE INDEX events_by_tag_set ON events(tag_set);
  `,
];

export const SCHEMA_VERSION = STEPS.length + 1;

/** Brings a journal of an older schema up to date, and returns the version it has then. */
export function migrate(database: Database, version: number): number {
  database.exec(`
    BEGIN IMMEDIATE;
    ${STEPS.slice(version - 1).join(';')}
    UPDATE meta SET value = ${SCHEMA_VERSION} WHERE name = 'schema_version';
    COMMIT;
  `);
  return SCHEMA_VERSION;
}
