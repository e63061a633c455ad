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
