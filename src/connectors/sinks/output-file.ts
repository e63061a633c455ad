import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf, DataflowError } from '../../errors.ts';
import { fileFailure } from '../file-failure.ts';
import { makeDirectory } from '../make-directory.ts';
import { syncDirectory } from '../sync-directory.ts';
import { type Claim, claimFile } from './claims.ts';
import type { FileSinkOptions } from './file-options.ts';

/** Bytes of one write call, so that an abort is noticed in between. */
const WRITE_BYTES = 1024 * 1024;

/**
 * A file that ends exactly where its last commit ended.
 *
 * R1. Before bytes are written, the file is cut to the committed length: what a crash or an abort left behind is gone.
 * R2. No byte is written after the abort of its signal.
 * R3. A write that returns has put its bytes on the disk, where fsync is on.
 * R4. One file is open once in a process, whatever its names are.
 */
export class OutputFile {
  readonly #handle: FileHandle;
  readonly #options: FileSinkOptions;
  readonly #claim: Claim;
  #working: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  private constructor(handle: FileHandle, options: FileSinkOptions, claim: Claim) {
    this.#handle = handle;
    this.#options = options;
    this.#claim = claim;
  }

  /**
   * Opens the file and cuts it to `committed` bytes; undefined: nothing was committed yet. `fresh`: nothing in it can be
   * this pipeline's own.
   *
   * @throws DataflowError DATAFLOW_ERR_SINK_UNWRITABLE, _EXISTS, _CHANGED; an error of code RESOURCE_EXHAUSTED.
   */
  static async open(
    options: FileSinkOptions,
    owner: string,
    committed: number | undefined,
    fresh: boolean,
  ): Promise<OutputFile> {
    let handle: FileHandle | undefined;
    let claim: Claim | undefined;
    try {
      const { isNew, opened } = await openForWriting(options, committed);
      handle = opened;
      const stats = await handle.stat({ bigint: true });
      if (!stats.isFile()) throw unwritable(options.path, 'it is not a regular file', 'Name a file.');
      const taken = claimFile(stats.dev, stats.ino, owner);
      if (typeof taken === 'string') {
        throw unwritable(options.path, `${taken} writes to this file already`, 'Give each sink a file of its own.');
      }
      claim = taken;
      if (fresh && committed === undefined && options.ifExists === 'refuse' && stats.size > 0n)
        throw exists(options.path);
      const file = new OutputFile(handle, options, claim);
      await file.#cutTo(committed ?? 0);
      // Also where the file is there but nothing in it is committed: who made it may have ended before it was synced.
      if ((isNew || (committed ?? 0) === 0) && options.fsync) await syncDirectory(dirname(options.path));
      return file;
    } catch (error) {
      claim?.release();
      await handle?.close();
      throw failure(error, options.path);
    }
  }

  /** Appends `bytes` after the first `committed` bytes, and drops whatever was there. Gives the new length. */
  async append(bytes: Uint8Array, committed: number, signal: AbortSignal): Promise<number> {
    if (this.#closed !== undefined)
      throw unwritable(this.#options.path, 'the sink is closed', 'Start the pipeline again.');
    const work = this.#append(bytes, committed, signal);
    this.#working = work.catch(() => {});
    return work;
  }

  /** Waits for the write in progress. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#working.then(async () => {
      try {
        await this.#handle.close();
      } finally {
        this.#claim.release();
      }
    });
    return this.#closed;
  }

  async #append(bytes: Uint8Array, committed: number, signal: AbortSignal): Promise<number> {
    try {
      signal.throwIfAborted();
      await this.#cutTo(committed);
      for (let done = 0; done < bytes.length; ) {
        signal.throwIfAborted();
        const length = Math.min(WRITE_BYTES, bytes.length - done);
        const { bytesWritten } = await this.#handle.write(bytes, done, length, committed + done);
        done += bytesWritten;
      }
      signal.throwIfAborted();
      if (this.#options.fsync && bytes.length > 0) await this.#handle.datasync();
      return committed + bytes.length;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw failure(error, this.#options.path);
    }
  }

  async #cutTo(length: number): Promise<void> {
    const { size, nlink } = await this.#handle.stat();
    if (size < length || nlink === 0) throw changed(this.#options.path, length, nlink === 0 ? undefined : size);
    if (size > length) await this.#handle.truncate(length);
  }
}

async function openForWriting(
  { path, createDirectories }: FileSinkOptions,
  committed: number | undefined,
): Promise<{ readonly isNew: boolean; readonly opened: FileHandle }> {
  // A pipe would block the opening until someone reads it.
  const there = await stat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (there?.isFile() === false) {
    throw unwritable(path, there.isDirectory() ? 'it is a directory' : 'it is not a regular file', 'Name a file.');
  }
  if (there === undefined && committed !== undefined && committed > 0) throw changed(path, committed, undefined);
  if (createDirectories) await makeDirectory(dirname(path));
  return { isNew: there === undefined, opened: await open(path, constants.O_RDWR | constants.O_CREAT) };
}

function failure(error: unknown, path: string): Error {
  return fileFailure(error, 'Writing', path, 'DATAFLOW_ERR_SINK_UNWRITABLE', 'DATAFLOW_ERR_SINK_UNWRITABLE');
}

function unwritable(path: string, why: string, remedy: string): DataflowError {
  return new DataflowError('DATAFLOW_ERR_SINK_UNWRITABLE', `Writing ${path} failed: ${why}. ${remedy}`, {
    details: { path },
  });
}

function exists(path: string): DataflowError {
  return new DataflowError(
    'DATAFLOW_ERR_SINK_EXISTS',
    `${path} exists and is not empty. Move it away, choose another path, or set the option ifExists to overwrite.`,
    { details: { path } },
  );
}

function changed(path: string, committed: number, size: number | undefined): DataflowError {
  const found = size === undefined ? 'it is gone' : `it has only ${size}`;
  return new DataflowError(
    'DATAFLOW_ERR_SINK_CHANGED',
    `${path} must hold the ${committed} bytes that this pipeline has committed, but ${found}. Put the file back, or remove ` +
      'the pipeline to write everything anew.',
    { details: { path, committedBytes: committed, ...(size !== undefined && { bytes: size }) } },
  );
}
