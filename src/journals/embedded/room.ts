import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { codeOf } from '../../errors.ts';
import { journalFiles } from './files.ts';

const NO_ROOM = new Set(['ENOSPC', 'EFBIG', 'EDQUOT']);
const PROBE_BYTES = 256 * 1024;

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * False when the directory cannot take a file a little longer than the journal's longest, which is what a full disk,
 * a quota and a file size limit have in common. Tried out, because node:sqlite keeps the errno to itself. The probe
 * is sparse: it takes 256 KiB for a moment, however long the journal is.
 */
export function hasRoom(directory: string): boolean {
  const { database, writeAheadLog, probe } = journalFiles(directory);
  let handle: number | undefined;
  try {
    const end = Math.max(sizeOf(database), sizeOf(writeAheadLog));
    handle = openSync(probe, 'w');
    return writeSync(handle, new Uint8Array(PROBE_BYTES), 0, PROBE_BYTES, end) === PROBE_BYTES;
  } catch (error) {
    return !NO_ROOM.has(codeOf(error) ?? '');
  } finally {
    if (handle !== undefined) {
      closeSync(handle);
      rmSync(probe, { force: true });
    }
  }
}
