import { redactText } from '../../domain/secrets.ts';
import { codeOf, DataflowError, type ErrorCode, messageOf } from '../../errors.ts';

/** SQLSTATEs after which the same call may succeed: the server is away, restarts, is full, or a lock was in the way. */
const TRANSIENT_STATES = new Set([
  '25P03',
  '25P04',
  '40001',
  '40P01',
  '53300',
  '55P03',
  '57014',
  '57P01',
  '57P02',
  '57P03',
  '57P05',
]);
const FULL_STATES = new Set(['53100', '53200', '53400']);
const TRANSIENT_ERRNOS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
/** What the driver says without a code. */
const TRANSIENT_TEXT = /terminated|not queryable|timeout|client was closed|connection (?:ended|closed)|socket/i;
const STATE = /^[0-9A-Z]{5}$/;

export function isDataflowError(error: unknown): error is DataflowError {
  return codeOf(error)?.startsWith('DATAFLOW_ERR_') === true;
}

/** The five characters by which the server names a fault; undefined for a fault on the way to it. */
export function stateOf(error: unknown): string | undefined {
  const code = codeOf(error);
  return code !== undefined && STATE.test(code) && !TRANSIENT_ERRNOS.has(code) ? code : undefined;
}

/** True when the outcome may be another one if the same is tried again on a new connection. */
export function isTransient(error: unknown): boolean {
  if (isDataflowError(error)) return false;
  const code = codeOf(error);
  if (code !== undefined && TRANSIENT_ERRNOS.has(code)) return true;
  const state = stateOf(error);
  if (state !== undefined) return state.startsWith('08') || TRANSIENT_STATES.has(state);
  return TRANSIENT_TEXT.test(messageOf(error));
}

export function isUniqueViolation(error: unknown, constraint: string): boolean {
  return stateOf(error) === '23505' && (error as { readonly constraint?: string }).constraint === constraint;
}

/** A cause to show: the driver's own errors may carry the connection, its parameters and the rows. */
export function shownCause(error: unknown): Error {
  const cause = new Error(redactText(messageOf(error) || (codeOf(error) ?? 'no message')));
  const code = codeOf(error);
  return code === undefined ? cause : Object.assign(cause, { code });
}

const WORDS = {
  DATAFLOW_ERR_JOURNAL_OPEN_FAILED: [
    'could not be opened',
    'check that the server runs, and the url, the user and its rights',
  ],
  DATAFLOW_ERR_JOURNAL_APPEND_FAILED: ['could not be written', 'try again, and check the server if it goes on'],
  DATAFLOW_ERR_JOURNAL_READ_FAILED: ['could not be read', 'read again, and check the server if it goes on'],
} as const satisfies Partial<Record<ErrorCode, readonly [problem: string, remedy: string]>>;

export type FailureCode = keyof typeof WORDS;

/** A failure of the server or on the way to it as one of ours; `otherwise` names it where it has no code of its own. */
export function journalError(error: unknown, otherwise: FailureCode): DataflowError {
  if (isDataflowError(error)) return error;
  const cause = shownCause(error);
  const details = { sqlState: stateOf(error) };
  if (FULL_STATES.has(details.sqlState ?? '')) {
    return new DataflowError(
      'DATAFLOW_ERR_JOURNAL_FULL',
      `No space is left for the PostgreSQL journal (${cause.message}); free some on the server: it goes on once there is room`,
      { cause, details },
    );
  }
  const [problem, remedy] = WORDS[otherwise];
  const message = `The PostgreSQL journal ${problem} (${cause.message}); ${remedy}`;
  return new DataflowError(otherwise, message, { cause, details });
}

export function corruptError(what: string, cause: unknown): DataflowError {
  return new DataflowError(
    'DATAFLOW_ERR_JOURNAL_CORRUPT',
    `The PostgreSQL journal is damaged (${what} is not JSON); restore the row from a backup`,
    { cause },
  );
}

/** `owner` has the key now; undefined when nobody has, or nobody knows. */
export function fencedError(key: string, owner: string | undefined): DataflowError {
  const holder = owner === undefined ? 'this journal does not hold its lease' : `its lease belongs to ${owner}`;
  return new DataflowError(
    'DATAFLOW_ERR_JOURNAL_FENCED',
    `Nothing was written to ${JSON.stringify(key)}: ${holder}; stop what writes here, and acquire the lease before it goes on`,
    { details: { key, ...(owner !== undefined && { owner }) } },
  );
}
