/**
 * Owns the files of the page: read once at the start, so that no request names a path on the disk.
 *
 * R1 A file whose name carries its hash may be kept for ever; any other is asked for again, and answered with 304.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { codeOf } from '../../errors.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
};
const IS_TEXT = /^(?:text\/|application\/json|image\/svg)/;
const HASHED_NAME = /[-.][A-Za-z0-9_]{8,}\.[a-z0-9]+$/;
const FOR_EVER = 'public, max-age=31536000, immutable';

export interface PageFile {
  readonly type: string;
  readonly bytes: Buffer;
  /** Undefined where it would not be smaller. */
  readonly gzipped: Buffer | undefined;
  readonly etag: string;
  readonly cacheControl: string;
}

export type PageFiles = ReadonlyMap<string, PageFile>;

/** By path, such as `/assets/main-1a2b3c4d.js`; `/` is index.html. Empty where the page was not built. */
export async function readPageFiles(folder: string): Promise<PageFiles> {
  const files = new Map<string, PageFile>();
  for (const path of await pathsIn(folder)) {
    const name = `/${relative(folder, path).split(sep).join('/')}`;
    files.set(name === '/index.html' ? '/' : name, await readPageFile(path, name));
  }
  return files;
}

async function pathsIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function readPageFile(path: string, name: string): Promise<PageFile> {
  const bytes = await readFile(path);
  const type = TYPES[extname(path)] ?? 'application/octet-stream';
  const gzipped = IS_TEXT.test(type) ? await promisify(gzip)(bytes, { level: 9 }) : undefined;
  return {
    type,
    bytes,
    gzipped: gzipped !== undefined && gzipped.length < bytes.length ? gzipped : undefined,
    etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`,
    cacheControl: name.startsWith('/assets/') && HASHED_NAME.test(name) ? FOR_EVER : 'no-cache',
  };
}
