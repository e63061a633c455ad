import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from '../errors.ts';

/**
 * Makes the names in a directory durable, and the name of the directory, and so on up to the root: a file that was
 * synced is gone after a power failure when the name of a folder above it was still in memory. Windows cannot sync a
 * directory, and keeps names without it.
 */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  await syncOne(path);
  for (let above = dirname(path); above !== dirname(above); above = dirname(above)) await syncAbove(above);
}

async function syncOne(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** A folder above that may not be read, or that its file system cannot sync, was not made here. */
async function syncAbove(path: string): Promise<void> {
  try {
    await syncOne(path);
  } catch (error) {
    if (codeOf(error) === 'EIO') throw error;
  }
}
