import { existsSync } from 'node:fs';
import { access, constants, realpath } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { makeDirectory } from '../../connectors/make-directory.ts';
import { codeOf, DataflowError, messageOf, type Problem } from '../../errors.ts';
import { EmbeddedJournal } from './journal.ts';
import { lockedError } from './owner-lock.ts';
import type { WorkerSettings } from './protocol.ts';
import { WorkerLink } from './worker-link.ts';

export interface EmbeddedJournalOptions {
  /** A directory; made if it is missing. It holds journal.db and the files beside it. */
  readonly path: string;
  /**
   * `full` (default): an append resolves when it is on the disk. `relaxed`: it may lose the last commits when the
   * power fails, never when the process is killed, and never corrupts.
   */
  readonly durability?: 'full' | 'relaxed';
  /**
   * The most journal.db may grow to, in bytes, at least 1 MiB; default: as far as the disk goes. The write-ahead log
   * beside it may need 60 MB more.
   */
  readonly maxBytes?: number;
  /** Serialised events that may wait for the disk before appends are refused, in bytes; default 256 MiB, at least 1 MiB. */
  readonly maxQueuedBytes?: number;
}

const MIB = 1024 * 1024;
const DEFAULT_MAX_QUEUED_BYTES = 256 * MIB;

/**
 * One set for every copy of this package in the process: the operating system's locks do not hold between two
 * copies of the engine in one process.
 */
const OPEN_DIRECTORIES = Symbol.for('dataflow-platform.embedded-journals');
type Registry = { [OPEN_DIRECTORIES]?: Set<string> };
function openDirectories(): Set<string> {
  const registry = globalThis as Registry;
  registry[OPEN_DIRECTORIES] ??= new Set();
  return registry[OPEN_DIRECTORIES];
}

function checkOptions(options: EmbeddedJournalOptions): void {
  const problems: Problem[] = [];
  const expect = (path: string, value: unknown, ok: boolean, expected: string) => {
    if (!ok) problems.push({ path, expected, got: JSON.stringify(value) ?? String(value) });
  };
  const { path, durability = 'full', maxBytes = MIB, maxQueuedBytes = MIB } = options;
  expect('path', path, typeof path === 'string' && path !== '' && !path.includes('\0'), 'the path of a directory');
  expect('durability', durability, durability === 'full' || durability === 'relaxed', '"full" or "relaxed"');
  expect('maxBytes', maxBytes, Number.isSafeInteger(maxBytes) && maxBytes >= MIB, `a whole number from ${MIB} on`);
  expect(
    'maxQueuedBytes',
    maxQueuedBytes,
    Number.isSafeInteger(maxQueuedBytes) && maxQueuedBytes >= MIB,
    `a whole number from ${MIB} on`,
  );
  if (problems.length === 0) return;
  const list = problems
    .map((problem) => `${problem.path}: expected ${problem.expected}, got ${problem.got}`)
    .join('; ');
  throw new DataflowError('DATAFLOW_ERR_CONFIG_INVALID', `The embedded journal cannot be opened: ${list}`, {
    problems,
  });
}

function openFailed(path: string, error: unknown): DataflowError {
  return new DataflowError(
    'DATAFLOW_ERR_JOURNAL_OPEN_FAILED',
    `The journal directory ${path} cannot be used (${messageOf(error)}); name a directory that this user can write`,
    { cause: error, details: { path } },
  );
}

function noJournal(path: string): DataflowError {
  return new DataflowError(
    'DATAFLOW_ERR_JOURNAL_OPEN_FAILED',
    `There is no journal in ${path}; name the directory that a pipeline was run with`,
    { details: { path } },
  );
}

async function startWorker(settings: WorkerSettings, onEnd: () => void): Promise<WorkerLink> {
  const link = new WorkerLink(new URL('./worker.js', import.meta.url), onEnd);
  try {
    await link.request({ type: 'open', settings });
  } catch (error) {
    await link.terminate();
    throw error;
  }
  return link;
}

const readOnlySettings = (directory: string): WorkerSettings => ({
  directory,
  readOnly: true,
  synchronous: 'FULL',
  maxBytes: null,
});

async function start(settings: WorkerSettings, maxQueuedBytes: number, onEnd: () => void): Promise<EmbeddedJournal> {
  const { directory, readOnly } = settings;
  const link = await startWorker(settings, onEnd);
  return new EmbeddedJournal(link, {
    directory,
    readOnly,
    maxQueuedBytes,
    backup: (file) => backup(directory, file),
  });
}

async function backup(directory: string, file: string): Promise<number> {
  if (existsSync(file)) {
    throw new DataflowError('DATAFLOW_ERR_OUTPUT_EXISTS', `${file} exists; remove it, or name another file`, {
      details: { file },
    });
  }
  try {
    await access(dirname(file), constants.W_OK);
  } catch (cause) {
    const message = `Cannot write ${file}: ${messageOf(cause)}; name a file in a directory that this user can write`;
    throw new DataflowError('DATAFLOW_ERR_OUTPUT_UNWRITABLE', message, { cause, details: { file } });
  }
  const link = await startWorker(readOnlySettings(directory), () => {});
  try {
    return await link.request({ type: 'copy', file });
  } finally {
    await link.request({ type: 'close' }).catch(() => {});
    await link.terminate();
  }
}

/**
 * Opens the journal in a directory for reading and writing, and makes one where none is.
 *
 * Throws DATAFLOW_ERR_JOURNAL_LOCKED (`details.pid`) while another owner has it open, _FOREIGN for a file that is not
 * a journal of this version, _CORRUPT for a damaged one, _FULL, _OPEN_FAILED, and DATAFLOW_ERR_CONFIG_INVALID.
 */
export async function openEmbeddedJournal(options: EmbeddedJournalOptions): Promise<EmbeddedJournal> {
  checkOptions(options);
  let directory: string;
  try {
    await makeDirectory(resolve(options.path));
    directory = await realpath(options.path);
  } catch (error) {
    throw openFailed(resolve(options.path), error);
  }
  const open = openDirectories();
  if (open.has(directory)) throw lockedError(directory, process.pid);
  open.add(directory);
  return start(
    {
      directory,
      readOnly: false,
      synchronous: options.durability === 'relaxed' ? 'NORMAL' : 'FULL',
      maxBytes: options.maxBytes ?? null,
    },
    options.maxQueuedBytes ?? DEFAULT_MAX_QUEUED_BYTES,
    () => open.delete(directory),
  );
}

/**
 * Opens a journal for looking at it, also while another process owns it. Whatever would change it is refused with
 * DATAFLOW_ERR_JOURNAL_READ_ONLY. Throws as openEmbeddedJournal does, except _LOCKED; a missing journal is _OPEN_FAILED.
 */
export async function openEmbeddedJournalReadOnly(options: { readonly path: string }): Promise<EmbeddedJournal> {
  checkOptions({ path: options.path });
  let directory: string;
  try {
    directory = await realpath(options.path);
  } catch (error) {
    throw codeOf(error) === 'ENOENT' ? noJournal(resolve(options.path)) : openFailed(resolve(options.path), error);
  }
  return start(readOnlySettings(directory), MIB, () => {});
}
