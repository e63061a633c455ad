import { DataflowError, type ErrorCode, messageOf } from '../../errors.ts';

/** What the main thread and the worker say to each other; plain data only. */
export interface WorkerSettings {
  /** The directory of the journal, absolute, without symbolic links. */
  readonly directory: string;
  readonly readOnly: boolean;
  readonly synchronous: 'FULL' | 'NORMAL';
  readonly maxBytes: number | null;
}

/**
 * The operations of one commit, one after the other in a flat array, since it crosses threads fastest that way:
 * APPEND key after count (data tags timestamp metadata)×count · SNAPSHOT key sequence state timestamp · DELETE key to ·
 * PRUNE key keep · DROP key maxSequence maxTimestamp · OFFSET projection offset. No metadata is ''.
 */
export type FlatOperations = readonly (string | number)[];
export const APPEND = 0;
export const SNAPSHOT = 1;
export const DELETE = 2;
export const PRUNE = 3;
export const DROP = 4;
export const OFFSET = 5;

export type Request =
  | { readonly type: 'open'; readonly settings: WorkerSettings }
  | { readonly type: 'write'; readonly operations: FlatOperations }
  | { readonly type: 'read'; readonly key: string; readonly from: number; readonly to: number }
  | { readonly type: 'highest'; readonly key: string }
  | { readonly type: 'keys' }
  | { readonly type: 'readAll'; readonly after: number; readonly to: number; readonly tag: string | null }
  | { readonly type: 'offset'; readonly name: string }
  | {
      readonly type: 'snapshot';
      readonly key: string;
      readonly maxSequence: number;
      readonly maxTimestamp: number;
    }
  | { readonly type: 'inspect' }
  | { readonly type: 'copy'; readonly file: string }
  | { readonly type: 'compact' }
  | { readonly type: 'close' };

/** What became of single operations of a commit, by their index; those not named were done. */
export interface WriteOutcome {
  readonly refused: readonly { readonly index: number; readonly error: ErrorData }[];
  /** Deletions of which only a first part was done: send them again. */
  readonly unfinished: readonly number[];
  /** Whether most of the time went into the commit itself, which takes about as long for one event as for many. */
  readonly isSyncBound: boolean;
}

export interface EventRows {
  /** (sequence data tags timestamp metadata)×n */
  readonly rows: readonly (string | number)[];
  /** The highest sequence number of the key when the rows were read. */
  readonly highest: number;
}

export interface GlobalRows {
  /** (sequence data tags timestamp metadata key offset)×n */
  readonly rows: readonly (string | number)[];
  /** Everything up to this offset has been looked at. */
  readonly reached: number;
  /** The last offset that was asked for and is there. */
  readonly end: number;
}

export interface Inspection {
  /** What is wrong, a sentence each; empty when nothing is. */
  readonly findings: readonly string[];
  readonly keys: number;
  readonly events: number;
  readonly snapshots: number;
}

/** Bytes of journal.db. */
export interface Compaction {
  readonly before: number;
  readonly after: number;
}

export interface SnapshotRow {
  readonly sequence: number;
  readonly state: string;
  readonly timestamp: number;
}

export interface Replies {
  open: null;
  write: WriteOutcome;
  read: EventRows;
  readAll: GlobalRows;
  offset: number;
  highest: number;
  keys: readonly string[];
  snapshot: SnapshotRow | null;
  inspect: Inspection;
  copy: number;
  compact: Compaction;
  close: null;
}

export type Reply =
  | { readonly id: number; readonly ok: true; readonly value: Replies[keyof Replies] }
  | { readonly id: number; readonly ok: false; readonly error: ErrorData };

/** A DataflowError on its way between threads: a structured clone would lose its code. */
export interface ErrorData {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly cause: string | null;
}

export function toErrorData(error: DataflowError): ErrorData {
  const { code, message, details, cause } = error;
  return { code, message, details, cause: cause === undefined ? null : messageOf(cause) };
}

export function fromErrorData(data: ErrorData): DataflowError {
  const { code, message, details, cause } = data;
  return new DataflowError(code, message, cause === null ? { details } : { details, cause: new Error(cause) });
}
