/** Where a record lies in a buffer. One object is reused for all records of a reader. */
export interface Cut {
  /** Index after its last byte, line end excluded. */
  end: number;
  /** Index of what follows. */
  next: number;
  /** Lines from the start to `next`. */
  lines: number;
  /** Why the record cannot be parsed, where cutting has shown it already. */
  fault: string | undefined;
}

/** What a format knows: where its records end, and how one becomes a value. */
export interface RecordFormat {
  /**
   * Finds the end of the record that starts at `from`; false when `bytes` does not hold it yet. `ended` says that
   * nothing follows `bytes`. `bytes` is the same object for as long as its content is.
   */
  cut(bytes: Buffer, from: number, ended: boolean, cut: Cut): boolean;
  /** The value of a record's text; a Malformed says why it has none; SKIPPED for a blank one. `line` is 1-based. */
  parse(text: string, line: number): unknown;
}

export class Malformed {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

export const SKIPPED = Symbol('skipped');

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** Cuts at the next line end, LF or CRLF. */
export function cutLine(bytes: Buffer, from: number, ended: boolean, cut: Cut): boolean {
  const newline = bytes.indexOf(NEWLINE, from);
  if (newline === -1 && !ended) return false;
  cut.lines = 1;
  cut.fault = undefined;
  setEnd(bytes, from, newline, cut);
  return true;
}

/** `newline` -1: the record ends with the buffer. */
export function setEnd(bytes: Buffer, from: number, newline: number, cut: Cut): void {
  cut.end = newline === -1 ? bytes.length : newline;
  cut.next = newline === -1 ? bytes.length : newline + 1;
  if (cut.end > from && bytes[cut.end - 1] === RETURN) cut.end -= 1;
}
