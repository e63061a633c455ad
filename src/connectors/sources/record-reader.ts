import { isAscii, isUtf8 } from 'node:buffer';
import type { RejectedRecord } from '../../runtime/connector.ts';
import type { OpenFile } from './byte-input.ts';
import { type Cut, Malformed, type RecordFormat, SKIPPED } from './record-format.ts';

/** Decoded bytes of records that one batch may hold, so that wide records do not make huge batches. */
const BATCH_BYTES = 8 * 1024 * 1024;
const WINDOW_BYTES = 256 * 1024;
const RAW_CHARACTERS = 1_000;
const NEWLINE = 0x0a;

/** A place between two records: the decoded byte, and the 1-based line that begins there. */
export interface Place {
  readonly byte: number;
  readonly line: number;
}

export interface ReadRecords {
  readonly records: unknown[];
  readonly rejected: RejectedRecord[];
}

/**
 * Reads records of any format through a window that grows only as far as one record needs, at most the record limit.
 * What a batch holds depends on the bytes and the place it starts at alone, never on how the bytes arrived.
 */
export class RecordReader {
  readonly #file: Pick<OpenFile, 'read'>;
  readonly #format: RecordFormat;
  readonly #maxRecordBytes: number;
  readonly #cut: Cut = { end: 0, next: 0, lines: 0, fault: undefined };
  #buffer = Buffer.allocUnsafe(WINDOW_BYTES);
  /** The filled part of the buffer. */
  #bytes: Buffer = this.#buffer.subarray(0, 0);
  /** Where the next record starts in it. */
  #from = 0;
  #byte: number;
  #line: number;
  #ended = false;
  /** What reading met after the bytes it gave; thrown when they are used up. */
  #fault: unknown;
  #ascii = true;
  #wellFormed = true;
  /** The start of a record over the limit whose end has not come yet. */
  #oversized: RejectedRecord | undefined;

  constructor(file: Pick<OpenFile, 'read'>, format: RecordFormat, maxRecordBytes: number, start: Place) {
    this.#file = file;
    this.#format = format;
    this.#maxRecordBytes = maxRecordBytes;
    this.#byte = start.byte;
    this.#line = start.line;
  }

  get place(): Place {
    return { byte: this.#byte, line: this.#line };
  }

  /**
   * The next records, at most `limit` with the rejected ones; none of either at the end.
   * A damaged file gives what is whole before the error.
   */
  async next(limit: number): Promise<ReadRecords> {
    const found: ReadRecords = { records: [], rejected: [] };
    let bytes = 0;
    for (;;) {
      bytes = this.#take(found, limit, bytes);
      if (bytes === -1) return found;
      if (this.#ended) {
        if (this.#fault === undefined || found.records.length + found.rejected.length > 0) return found;
        throw this.#fault;
      }
      await this.#fill();
    }
  }

  /** Takes records out of the window; -1 when the batch is full, else the bytes it has used. */
  #take({ records, rejected }: ReadRecords, limit: number, used: number): number {
    const cut = this.#cut;
    let room = limit - records.length - rejected.length;
    if (this.#oversized !== undefined && !this.#skipOversized(rejected)) return used;
    room = limit - records.length - rejected.length;
    while (room > 0) {
      const from = this.#from;
      const bytes = this.#bytes;
      // After a fault the rest of the window is half a record.
      if (from === bytes.length && this.#ended) return used;
      if (!this.#format.cut(bytes, from, this.#ended && this.#fault === undefined, cut)) {
        if (bytes.length - from <= this.#maxRecordBytes + 1) return used;
        if (this.#cutOversized(rejected)) {
          room -= 1;
          continue;
        }
        return used;
      }
      const size = cut.end - from;
      if (size === 0) {
        this.#advance(cut.next, cut.lines);
        continue;
      }
      if (size > this.#maxRecordBytes) {
        this.#cutOversized(rejected);
        room -= 1;
        continue;
      }
      if (used > 0 && used + size > BATCH_BYTES) return -1;
      const value = this.#parse(from, cut);
      if (value instanceof Malformed) {
        rejected.push(this.#malformed(value.reason, from, cut.end));
      } else if (value !== SKIPPED) {
        records.push(value);
      }
      if (value !== SKIPPED) {
        used += size;
        room -= 1;
      }
      this.#advance(cut.next, cut.lines);
    }
    return -1;
  }

  #parse(from: number, cut: Cut): unknown {
    if (cut.fault !== undefined) return new Malformed(cut.fault);
    if (!this.#wellFormed && !isUtf8(this.#bytes.subarray(from, cut.end))) return new Malformed('not valid UTF-8');
    const text = this.#ascii
      ? this.#bytes.toString('latin1', from, cut.end)
      : this.#bytes.toString('utf8', from, cut.end);
    return this.#format.parse(text, this.#line);
  }

  #advance(next: number, lines: number): void {
    this.#byte += next - this.#from;
    this.#line += lines;
    this.#from = next;
  }

  #malformed(reason: string, from: number, end: number): RejectedRecord {
    const message = `Line ${this.#line} is malformed: ${reason}`;
    return { code: 'DATAFLOW_ERR_RECORD_MALFORMED', message, line: this.#line, raw: this.#raw(from, end) };
  }

  #raw(from: number, end: number): string {
    // At most four bytes a character.
    return this.#bytes.toString('utf8', from, Math.min(end, from + 4 * RAW_CHARACTERS)).slice(0, RAW_CHARACTERS);
  }

  /** Rejects the oversized record in the window; false when the end of its first line is yet to come. */
  #cutOversized(rejected: RejectedRecord[]): boolean {
    this.#oversized = {
      code: 'DATAFLOW_ERR_RECORD_TOO_LARGE',
      message: `The record on line ${this.#line} is over the limit of ${this.#maxRecordBytes} bytes`,
      line: this.#line,
      raw: this.#raw(this.#from, this.#bytes.length),
    };
    return this.#skipOversized(rejected);
  }

  /** Drops bytes up to the next line end: a quoted field that runs over the limit is taken for an unclosed quote. */
  #skipOversized(rejected: RejectedRecord[]): boolean {
    const newline = this.#bytes.indexOf(NEWLINE, this.#from);
    if (newline === -1 && !this.#ended) {
      this.#advance(this.#bytes.length, 0);
      return false;
    }
    this.#advance(newline === -1 ? this.#bytes.length : newline + 1, 1);
    rejected.push(this.#oversized!);
    this.#oversized = undefined;
    return true;
  }

  async #fill(): Promise<void> {
    const kept = this.#bytes.length - this.#from;
    if (kept > this.#buffer.length / 2) {
      const larger = Buffer.allocUnsafe(this.#buffer.length * 2);
      this.#bytes.copy(larger, 0, this.#from);
      this.#buffer = larger;
    } else {
      if (kept < WINDOW_BYTES / 2 && this.#buffer.length > 4 * WINDOW_BYTES) {
        const smaller = Buffer.allocUnsafe(WINDOW_BYTES);
        this.#bytes.copy(smaller, 0, this.#from);
        this.#buffer = smaller;
      } else {
        this.#buffer.copyWithin(0, this.#from, this.#bytes.length);
      }
    }
    let filled = kept;
    try {
      while (filled < this.#buffer.length) {
        const count = await this.#file.read(this.#buffer, filled, this.#buffer.length - filled);
        if (count === 0) {
          this.#ended = true;
          break;
        }
        filled += count;
      }
    } catch (error) {
      this.#ended = true;
      this.#fault = error;
    }
    this.#from = 0;
    this.#bytes = this.#buffer.subarray(0, filled);
    this.#look(filled);
  }

  /** Whether the whole lines in the window are ASCII or UTF-8, so that most records need no look of their own. */
  #look(filled: number): void {
    if (
      this.#byte === 0 &&
      filled >= 3 &&
      this.#bytes[0] === 0xef &&
      this.#bytes[1] === 0xbb &&
      this.#bytes[2] === 0xbf
    ) {
      this.#advance(3, 0);
    }
    this.#ascii = isAscii(this.#bytes);
    const whole = this.#ended ? filled : this.#bytes.lastIndexOf(NEWLINE) + 1;
    this.#wellFormed = this.#ascii || (whole > 0 && isUtf8(this.#bytes.subarray(0, whole)));
  }
}
