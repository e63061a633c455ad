import { sampleNumber } from './prometheus-number.ts';

const CHUNK = 65_536;
/** A chunk, and the point that fills it up. */
const CAPACITY = CHUNK + 16_384;
const LARGEST_INTEGER = 2 ** 31;
const ZERO = 48;
const MINUS = 45;

/**
 * Text as the bytes that go out. Joining the pieces of a line as strings costs several times as much: each piece is an
 * object, and the whole is copied twice more before it is bytes.
 */
export class TextBuffer {
  #bytes = Buffer.allocUnsafeSlow(CAPACITY);
  #at = 0;

  /** Bytes so far. */
  get length(): number {
    return this.#at;
  }

  /** Enough for a chunk. */
  get isFull(): boolean {
    return this.#at >= CHUNK;
  }

  /** It takes more memory than most texts need. */
  get hasGrown(): boolean {
    return this.#bytes.length > CAPACITY;
  }

  /**
   * The text so far, which must be used before more is written: the memory is used again. Fresh memory for each chunk of
   * a large scrape would make the garbage collector go over the whole heap, and that takes longer than the scrape.
   */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#at);
    this.#at = 0;
    return taken;
  }

  /** Room for at least so many bytes more. */
  ensureRoom(bytes: number): void {
    if (bytes <= this.#bytes.length - this.#at) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.#at + bytes));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }

  /** Each UTF-16 unit takes three bytes at most. */
  text(text: string): void {
    const bytes = this.#bytes;
    let at = this.#at;
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code >= 128) {
        at += bytes.write(text.slice(index), at, 'utf8');
        break;
      }
      bytes[at++] = code;
    }
    this.#at = at;
  }

  /** What stands between two earlier positions once more. */
  again(start: number, end: number): void {
    this.#bytes.copyWithin(this.#at, start, end);
    this.#at += end - start;
  }

  /** At most 25 bytes. */
  number(value: number): void {
    if (!Number.isInteger(value) || value <= -LARGEST_INTEGER || value >= LARGEST_INTEGER) {
      this.text(sampleNumber(value));
      return;
    }
    const bytes = this.#bytes;
    let left = Math.abs(value) | 0;
    if (value < 0) bytes[this.#at++] = MINUS;
    let length = 1;
    for (let bound = 10; left >= bound; bound *= 10) length += 1;
    const end = this.#at + length;
    for (let at = end - 1; at >= this.#at; at--) {
      const rest = (left / 10) | 0;
      bytes[at] = ZERO + left - rest * 10;
      left = rest;
    }
    this.#at = end;
  }
}
