import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The absolute path that a connection string (a path or a `file:` URL) names, or undefined for a bad URL. */
export function pathOf(connectionString: string): string | undefined {
  if (connectionString.includes('\0')) return undefined;
  if (!/^file:/i.test(connectionString)) return resolve(connectionString);
  try {
    return fileURLToPath(connectionString);
  } catch {
    return undefined;
  }
}

/** The path with symbolic links followed as far as it exists, so that two names of one file compare equal. */
export function realPathOf(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPathOf(parent), basename(path));
  }
}
