import { type FileHandle, open } from 'node:fs/promises';
import { createGunzip, type Gunzip } from 'node:zlib';
import { DataflowError, messageOf } from '../../errors.ts';
import { fileFailure } from '../file-failure.ts';
import type { FileSourceOptions } from './file-options.ts';

/** A stream of decoded bytes: unpacked, in UTF-8. Pulled, so that nothing is read ahead of its reader. */
export interface ByteInput {
  /** Puts up to `length` bytes at `offset`; 0 only at the end. */
  read(target: Buffer, offset: number, length: number): Promise<number>;
}

/** Compressed bytes given to zlib at once; at the highest ratio there is they become 16 MiB. */
const COMPRESSED_CHUNK = 16 * 1024;
const TEXT_CHUNK = 64 * 1024;

/** An open file and the decoded bytes in it from a decoded position on. */
export class OpenFile {
  readonly #handle: FileHandle;
  readonly #path: string;
  /** Bytes of the file as stored, when it was opened. */
  readonly storedBytes: number;
  #input: ByteInput;
  #gunzip: Gunzip | undefined;
  #stored = 0;
  #plain = true;

  private constructor(handle: FileHandle, path: string, storedBytes: number) {
    this.#handle = handle;
    this.#path = path;
    this.storedBytes = storedBytes;
    this.#input = { read: (target, offset, length) => this.#readStored(target, offset, length) };
  }

  /** @throws DataflowError DATAFLOW_ERR_SOURCE_NOT_FOUND, _UNREADABLE, _CHANGED when it is shorter than `from`. */
  static async open(options: FileSourceOptions, from: number): Promise<OpenFile> {
    const { path } = options;
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, 'r');
      const stats = await handle.stat();
      if (!stats.isFile())
        throw unreadable(path, stats.isDirectory() ? 'it is a directory' : 'it is not a regular file');
      const file = new OpenFile(handle, path, stats.size);
      await file.#start(options, from);
      return file;
    } catch (error) {
      await handle?.close();
      throw failure(error, path);
    }
  }

  /** Bytes of the file as stored that reading up to a decoded byte took; for a packed file, that were read at all. */
  storedDoneAt(decodedByte: number): number {
    return Math.min(this.#plain ? decodedByte : this.#stored, this.storedBytes);
  }

  async read(target: Buffer, offset: number, length: number): Promise<number> {
    try {
      return await this.#input.read(target, offset, length);
    } catch (error) {
      throw failure(error, this.#path);
    }
  }

  async close(): Promise<void> {
    this.#gunzip?.destroy();
    await this.#handle.close();
  }

  async #start(options: FileSourceOptions, from: number): Promise<void> {
    const packed = options.gzip ?? (await this.#looksPacked());
    this.#plain = !packed && options.encoding === 'utf-8';
    if (this.#plain) {
      // One byte before the position, to see that a record begins there.
      this.#stored = Math.max(0, from - 1);
    } else {
      if (packed) this.#input = this.#unpacked(this.#input);
      if (options.encoding !== 'utf-8') this.#input = transcoded(this.#input, options.encoding);
      await this.#skip(Math.max(0, from - 1));
    }
    if (from > 0) await this.#checkBoundary(from);
  }

  async #skip(bytes: number): Promise<void> {
    const scratch = Buffer.allocUnsafe(TEXT_CHUNK);
    for (let left = bytes; left > 0; ) {
      const count = await this.#input.read(scratch, 0, Math.min(left, scratch.length));
      if (count === 0) throw changed(this.#path, bytes);
      left -= count;
    }
  }

  async #checkBoundary(from: number): Promise<void> {
    const before = Buffer.alloc(2);
    if ((await this.#input.read(before, 0, 1)) === 0) throw changed(this.#path, from);
    if (before[0] === 0x0a) return;
    // The last line had no line end then; it must still be the last one or have got its line end.
    const inner = this.#input;
    if ((await inner.read(before, 1, 1)) === 0) return;
    if (before[1] !== 0x0a && before[1] !== 0x0d) throw changed(this.#path, from);
    this.#input = prefixed(before.subarray(1), inner);
  }

  async #looksPacked(): Promise<boolean> {
    const magic = Buffer.alloc(2);
    const { bytesRead } = await this.#handle.read(magic, 0, 2, 0);
    return bytesRead === 2 && magic[0] === 0x1f && magic[1] === 0x8b;
  }

  async #readStored(target: Buffer, offset: number, length: number): Promise<number> {
    const { bytesRead } = await this.#handle.read(target, offset, length, this.#stored);
    this.#stored += bytesRead;
    return bytesRead;
  }

  /** Feeds zlib one small piece at a time: all it gave before an error in a later piece has then been handed over. */
  #unpacked(source: ByteInput): ByteInput {
    const gunzip = createGunzip({ chunkSize: 64 * 1024 });
    this.#gunzip = gunzip;
    const output: Buffer[] = [];
    let fault: Error | undefined;
    let ended = false;
    const settled = new Promise<void>((resolve) => {
      gunzip.once('end', () => {
        ended = true;
        resolve();
      });
      gunzip.once('error', (error) => {
        fault = unreadable(this.#path, `its gzip data is damaged or cut off (${messageOf(error)})`, error);
        resolve();
      });
      gunzip.once('close', () => resolve());
    });
    gunzip.on('data', (chunk: Buffer) => output.push(chunk));
    const piece = Buffer.allocUnsafe(COMPRESSED_CHUNK);
    return {
      read: async (target, offset, length) => {
        while (output.length === 0 && !ended && fault === undefined) {
          const count = await source.read(piece, 0, piece.length);
          if (count === 0) {
            gunzip.end();
            await settled;
          } else {
            // A copy, since zlib holds on to it when the stream fails half-way.
            const written = new Promise<void>((resolve) =>
              gunzip.write(Buffer.from(piece.subarray(0, count)), () => resolve()),
            );
            await Promise.race([written, settled]);
          }
        }
        const chunk = output[0];
        if (chunk === undefined) {
          if (fault !== undefined) throw fault;
          return 0;
        }
        const count = chunk.copy(target, offset, 0, Math.min(length, chunk.length));
        if (count === chunk.length) output.shift();
        else output[0] = chunk.subarray(count);
        return count;
      },
    };
  }
}

function transcoded(source: ByteInput, encoding: string): ByteInput {
  const decoder = new TextDecoder(encoding);
  const piece = Buffer.allocUnsafe(TEXT_CHUNK);
  let ready: Buffer = Buffer.alloc(0);
  let ended = false;
  return {
    async read(target, offset, length) {
      while (ready.length === 0 && !ended) {
        const count = await source.read(piece, 0, piece.length);
        ended = count === 0;
        ready = Buffer.from(decoder.decode(piece.subarray(0, count), { stream: !ended }), 'utf8');
      }
      const count = ready.copy(target, offset, 0, Math.min(length, ready.length));
      ready = ready.subarray(count);
      return count;
    },
  };
}

function prefixed(prefix: Buffer, source: ByteInput): ByteInput {
  let left = prefix;
  return {
    async read(target, offset, length) {
      if (left.length === 0) return source.read(target, offset, length);
      const count = left.copy(target, offset, 0, Math.min(length, left.length));
      left = left.subarray(count);
      return count;
    },
  };
}

function failure(error: unknown, path: string): Error {
  return fileFailure(error, 'Reading', path, 'DATAFLOW_ERR_SOURCE_NOT_FOUND', 'DATAFLOW_ERR_SOURCE_UNREADABLE');
}

function unreadable(path: string, why: string, cause?: unknown): DataflowError {
  return new DataflowError('DATAFLOW_ERR_SOURCE_UNREADABLE', `Reading ${path} failed: ${why}.`, {
    cause,
    details: { path },
  });
}

function changed(path: string, from: number): DataflowError {
  return new DataflowError(
    'DATAFLOW_ERR_SOURCE_CHANGED',
    `${path} is not the file that this pipeline has been reading: no record begins at byte ${from}. Put the file back, ` +
      'or remove the pipeline to read the new one from its start.',
    { details: { path, byte: from } },
  );
}
