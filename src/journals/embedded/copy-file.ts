import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Database } from './driver.ts';

function syncPath(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Puts a complete file under its name, so that a power failure leaves it there whole or not at all. */
export function placeFile(draft: string, file: string): void {
  syncPath(draft);
  renameSync(draft, file);
  // Windows cannot sync a directory, and keeps a rename without it.
  if (process.platform !== 'win32') syncPath(dirname(file));
}

/** A compact copy of the database as it is now; its writer goes on meanwhile. Returns the bytes of the copy. */
export function copyDatabase(database: Database, file: string): number {
  const draft = `${file}.draft`;
  rmSync(draft, { force: true });
  try {
    database.prepare('VACUUM INTO ?').run(draft);
    const { size } = statSync(draft);
    placeFile(draft, file);
    return size;
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
