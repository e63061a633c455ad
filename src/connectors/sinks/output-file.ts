import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from '../../errors.ts';
import type { SinkLease } from '../../runtime/connector.ts';
import { makeDirectory } from '../make-directory.ts';
import { syncDirectory } from '../sync-directory.ts';
import { type Claim, claimFile } from './claims.ts';
import { FileFence } from './file-fence.ts';
import type { FileSinkOptions } from './file-options.ts';
import { moveToNewInode } from './new-inode.ts';
import { changed, exists, failure, unwritable } from './output-errors.ts';

/** Bytes of one write call, so that an abort is noticed in between. */
const WRITE_BYTES = 1024 * 1024;

export interface Opening {
  readonly pipelineId: string;
  /** Bytes; undefined: nothing was committed yet. */
  readonly committed: number | undefined;
  /** The epoch of the lease under which that was committed; 0: of none. */
  readonly committedEpoch: number;
  /** Nothing in the file can be this pipeline's own. */
  readonly fresh: boolean;
  readonly lease: SinkLease | undefined;
  readonly signal: AbortSignal;
}

interface Claimed {
  readonly handle: FileHandle;
  readonly claim: Claim;
  /** Bytes, when it was claimed. */
  readonly size: number;
}

/**
 * A file that ends exactly where its last commit ended.
 *
 * R1. Before bytes are written, the file is cut to the committed length: what a crash or an abort left behind is gone.
 * R2. No byte is written after the abort of its signal.
 * R3. A write that returns has put its bytes on the disk, where fsync is on.
 * R4. One file is open once in a process, whatever its names are.
 * R5. Under a lease, what an older owner still does reaches no byte that is committed: see `file-fence.ts`. Without one
 *     there is nothing on the disk but the file.
 */
export class OutputFile {
  readonly #handle: FileHandle;
  readonly #options: FileSinkOptions;
  readonly #claim: Claim;
  readonly #fence: FileFence | undefined;
  #working: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  private constructor({ handle, claim }: Claimed, options: FileSinkOptions, fence: FileFence | undefined) {
    this.#handle = handle;
    this.#options = options;
    this.#claim = claim;
    this.#fence = fence;
  }

  /**
   * Opens the file and cuts it to what is committed. With a lease the links of the path must be resolved.
   *
   * @throws DataflowError DATAFLOW_ERR_SINK_UNWRITABLE, _EXISTS, _CHANGED, _FENCED; an error of code RESOURCE_EXHAUSTED.
   */
  static async open(options: FileSinkOptions, opening: Opening): Promise<OutputFile> {
    const { path } = options;
    const { pipelineId, committed, committedEpoch, fresh, lease, signal } = opening;
    let claimed: Claimed | undefined;
    try {
      const isNew = await makeReady(options, committed);
      const fence = lease && (await FileFence.claim(path, pipelineId, lease.epoch));
      claimed = await claim(await open(path, constants.O_RDWR | constants.O_CREAT), path, pipelineId);
      const { size } = claimed;
      if (fresh && committed === undefined && options.ifExists === 'refuse' && size > 0) throw exists(path);
      if (fence !== undefined && committedEpoch < lease!.takeoverEpoch) {
        // F3: somebody who has not let go may have this very file open.
        if (size < (committed ?? 0)) throw changed(path, committed ?? 0, size);
        const moved = await moveToNewInode(claimed.handle, path, committed ?? 0, fence, signal);
        await letGo(claimed);
        claimed = undefined;
        claimed = await claim(moved, path, pipelineId);
      }
      const file = new OutputFile(claimed, options, fence);
      await file.#cutTo(committed ?? 0);
      // Also where the file is there but nothing in it is committed: who made it may have ended before it was synced.
      if ((isNew || (committed ?? 0) === 0) && options.fsync) await syncDirectory(dirname(path));
      return file;
    } catch (error) {
      if (claimed !== undefined) await letGo(claimed);
      if (signal.aborted) throw signal.reason;
      throw failure(error, path);
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
      await letGo({ handle: this.#handle, claim: this.#claim });
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
    // F2: the file was opened before this question, and is changed after it.
    await this.#fence?.check();
    if (size < length || nlink === 0) throw changed(this.#options.path, length, nlink === 0 ? undefined : size);
    if (size > length) await this.#handle.truncate(length);
  }
}

/** Refuses what is no file, and makes the folders. True when there is no file yet. */
async function makeReady(
  { path, createDirectories }: FileSinkOptions,
  committed: number | undefined,
): Promise<boolean> {
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
  return there === undefined;
}

/** Takes the file for this process; closes it where that cannot be. */
async function claim(handle: FileHandle, path: string, pipelineId: string): Promise<Claimed> {
  try {
    const stats = await handle.stat({ bigint: true });
    if (!stats.isFile()) throw unwritable(path, 'it is not a regular file', 'Name a file.');
    const taken = claimFile(stats.dev, stats.ino, `pipeline ${pipelineId}`);
    if (typeof taken !== 'string') return { handle, claim: taken, size: Number(stats.size) };
    throw unwritable(path, `${taken} writes to this file already`, 'Give each sink a file of its own.');
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function letGo({ handle, claim }: Pick<Claimed, 'handle' | 'claim'>): Promise<void> {
  try {
    await handle.close();
  } finally {
    claim.release();
  }
}
