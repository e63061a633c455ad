import { renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { syncDirectory } from '../../connectors/sync-directory.ts';
import type { Database } from './driver.ts';
import { syncPath } from './files.ts';

/** Puts a complete file under its name, so that a power failure leaves it there whole or not at all. */
export async function placeFile(draft: string, file: string): Promise<void> {
  syncPath(draft);
  // The folders above come first: who finds the file relies on them.
  await syncDirectory(dirname(file));
  renameSync(draft, file);
  await syncDirectory(dirname(file));
}

/** A compact copy of the database as it is now; its writer goes on meanwhile. Returns the bytes of the copy. */
export async function copyDatabase(database: Database, file: string): Promise<number> {
  const draft = `${file}.draft`;
  rmSync(draft, { force: true });
  try {
    database.prepare('VACUUM INTO ?').run(draft);
    const { size } = statSync(draft);
    await placeFile(draft, file);
    return size;
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
