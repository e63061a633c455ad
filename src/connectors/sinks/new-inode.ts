import { constants } from 'node:fs';
import { copyFile, type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from '../../errors.ts';
import { syncDirectory } from '../sync-directory.ts';
import type { FileFence } from './file-fence.ts';

/** Of the copy that is in memory at a time. */
const COPY_BYTES = 1024 * 1024;

/**
 * Puts another file with the first `bytes` bytes of `old` in the place of `path`, and gives its handle. Whoever has the old
 * one open goes on with that one, which has no name any more.
 * Durable when it returns, whatever the sink's options say of fsync: the bytes were on the disk before.
 *
 * The caller has the fence of `path` and keeps the bytes below `bytes` from changing: they are committed.
 */
export async function moveToNewInode(
  old: FileHandle,
  path: string,
  bytes: number,
  fence: FileFence,
  signal: AbortSignal,
): Promise<FileHandle> {
  const copyPath = fence.copyPath();
  let copy: FileHandle | undefined;
  try {
    copy = (bytes > 0 && (await clone(path, copyPath))) || (await open(copyPath, 'wx+'));
    await alike(old, copy);
    const { size } = await copy.stat();
    if (size > bytes) await copy.truncate(bytes);
    else await copyRest(old, copy, size, bytes, signal);
    await copy.sync();
    await fence.checkBeforeMove();
    signal.throwIfAborted();
    await rename(copyPath, path);
    await syncDirectory(dirname(path));
    return copy;
  } catch (error) {
    await copy?.close();
    await rm(copyPath, { force: true });
    // The copy is gone: a newer owner has removed it, and says so.
    if (codeOf(error) === 'ENOENT') await fence.check();
    throw error;
  }
}

/** A copy that shares the blocks of the disk, where the file system has such; it takes no time. */
async function clone(path: string, copyPath: string): Promise<FileHandle | undefined> {
  try {
    await copyFile(path, copyPath, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
    return await open(copyPath, 'r+');
  } catch {
    // Mostly ENOTSUP. Whatever it was, the way that always goes tells it better.
    await rm(copyPath, { force: true });
    return undefined;
  }
}

async function copyRest(
  from: FileHandle,
  to: FileHandle,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<void> {
  const buffer = Buffer.allocUnsafe(Math.min(COPY_BYTES, Math.max(end - start, 1)));
  for (let done = start; done < end; ) {
    signal.throwIfAborted();
    const { bytesRead } = await from.read(buffer, 0, Math.min(buffer.length, end - done), done);
    if (bytesRead === 0) throw new Error('it became shorter while it was copied');
    for (let written = 0; written < bytesRead; ) {
      written += (await to.write(buffer, written, bytesRead - written, done + written)).bytesWritten;
    }
    done += bytesRead;
  }
}

/** Who might read and write the file still may. Giving it to its owner is for the superuser alone. */
async function alike(old: FileHandle, copy: FileHandle): Promise<void> {
  const was = await old.stat();
  const is = await copy.stat();
  if (was.uid !== is.uid || was.gid !== is.gid) await copy.chown(was.uid, was.gid).catch(() => {});
  await copy.chmod(was.mode & 0o7777);
}
