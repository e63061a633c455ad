import { readFileSync } from 'node:fs';

/** One change of a file system, as disk-shim.c writes it down. Names are relative to the watched folder. */
export type Change =
  | {
      readonly kind: 'write';
      readonly name: string;
      readonly inode: number;
      readonly offset: number;
      readonly data: Buffer;
    }
  | { readonly kind: 'truncate'; readonly name: string; readonly inode: number; readonly length: number }
  | { readonly kind: 'sync' | 'sync-failed' | 'create'; readonly name: string; readonly inode: number }
  | { readonly kind: 'rename'; readonly name: string; readonly to: string }
  | { readonly kind: 'unlink' | 'mkdir' | 'sync-directory'; readonly name: string };

const KINDS = [
  'write',
  'sync',
  'truncate',
  'create',
  'rename',
  'unlink',
  'mkdir',
  'sync-directory',
  'sync-failed',
] as const;
const HEADER_BYTES = 32;

/** Half an entry at the end, of a process that was killed while it wrote it, is left out. */
export function readDiskLog(file: string): Change[] {
  const log = readFileSync(file);
  const changes: Change[] = [];
  for (let at = 0; at + HEADER_BYTES <= log.length; ) {
    const kind = KINDS[log.readUInt32LE(at) - 1];
    const nameEnd = at + HEADER_BYTES + log.readUInt32LE(at + 4);
    const [inode, offset, length] = [8, 16, 24].map((from) => Number(log.readBigUInt64LE(at + from))) as [
      number,
      number,
      number,
    ];
    const end = nameEnd + (kind === 'write' || kind === 'rename' ? length : 0);
    if (end > log.length) break;
    const name = log.toString('utf8', at + HEADER_BYTES, nameEnd);
    const data = log.subarray(nameEnd, end);
    at = end;
    if (kind === undefined) throw new Error(`unknown entry at byte ${at} of ${file}`);
    if (kind === 'write') changes.push({ kind, name, inode, offset, data });
    else if (kind === 'truncate') changes.push({ kind, name, inode, length: offset });
    else if (kind === 'rename') changes.push({ kind, name, to: data.toString('utf8') });
    else if (kind === 'unlink' || kind === 'mkdir' || kind === 'sync-directory') changes.push({ kind, name });
    else changes.push({ kind, name, inode });
  }
  return changes;
}
