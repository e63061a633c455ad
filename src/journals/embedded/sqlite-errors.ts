import { codeOf, DataflowError, type ErrorCode, messageOf } from '../../errors.ts';
import { hasRoom } from './room.ts';

/** Primary result codes of SQLite; both engines give the extended code as `errcode`. */
export const SQLITE_BUSY = 5;
const SQLITE_IOERR = 10;
export const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
export const SQLITE_TOOBIG = 18;
const SQLITE_CONSTRAINT = 19;
const SQLITE_NOTADB = 26;

export function isDataflowError(error: unknown): error is DataflowError {
  return codeOf(error)?.startsWith('DATAFLOW_ERR_') === true;
}

export function primaryCode(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode & 0xff : undefined;
}

/** SQLite reports a file size limit, a quota, and a full disk under its shared memory, as plain I/O errors. */
function isFull(error: unknown, directory: string): boolean {
  const code = primaryCode(error);
  return code === SQLITE_FULL || (code === SQLITE_IOERR && !hasRoom(directory));
}

/** A failure of the engine as one of ours; `otherwise` names it where it has no code of its own. */
export function journalError(error: unknown, directory: string, otherwise: ErrorCode): DataflowError {
  if (isDataflowError(error)) return error;
  const options = { cause: error, details: { path: directory } };
  const code = primaryCode(error);
  if (code === SQLITE_NOTADB) {
    return new DataflowError(
      'DATAFLOW_ERR_JOURNAL_FOREIGN',
      `journal.db in ${directory} is not a journal, or its header is destroyed; name another directory, or restore it from a backup`,
      options,
    );
  }
  if (code === SQLITE_CORRUPT) return corruptError(directory, messageOf(error), error);
  // Only keys of our own making can be taken twice, and no other constraint can fail.
  if (code === SQLITE_CONSTRAINT) return corruptError(directory, `a key is stored twice: ${messageOf(error)}`, error);
  if (isFull(error, directory)) {
    return new DataflowError(
      'DATAFLOW_ERR_JOURNAL_FULL',
      `No space is left for the journal in ${directory}; free some, or raise maxBytes: nothing was stored, and it goes on once there is room`,
      options,
    );
  }
  const [problem, remedy] = WORDS[otherwise] ?? ['failed', 'look at the cause'];
  return new DataflowError(
    otherwise,
    `The journal in ${directory} ${problem} (${messageOf(error)}); ${remedy}`,
    options,
  );
}

const WORDS: Partial<Record<ErrorCode, readonly [problem: string, remedy: string]>> = {
  DATAFLOW_ERR_JOURNAL_OPEN_FAILED: ['could not be opened', 'check that this user can read and write the directory'],
  DATAFLOW_ERR_JOURNAL_APPEND_FAILED: ['could not be written', 'append again, and check the disk if it goes on'],
  DATAFLOW_ERR_JOURNAL_READ_FAILED: ['could not be read', 'read again, and check the disk if it goes on'],
};

export function corruptError(directory: string, finding: string, cause?: unknown): DataflowError {
  return new DataflowError(
    'DATAFLOW_ERR_JOURNAL_CORRUPT',
    `The journal in ${directory} is damaged (${finding}); restore the directory from a backup, or move it away and rescue what \`sqlite3 journal.db .recover\` finds`,
    { cause, details: { path: directory } },
  );
}
