/**
 * The worker thread of one embedded journal. Owns: the engine, the owner lock, both connections; nothing outlives it.
 *
 * R1 Requests are answered one at a time, in the order they came.
 * R2 Every request is answered, with a value or a coded error.
 */
import { existsSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import { DataflowError, messageOf } from '../../errors.ts';
import { openReader, openWriter } from './connections.ts';
import { loadDriver } from './driver.ts';
import { journalFiles } from './files.ts';
import { migrate, SCHEMA_VERSION } from './migrations.ts';
import { acquireOwnerLock, type OwnerLock } from './owner-lock.ts';
import { type Replies, type Reply, type Request, toErrorData, type WorkerSettings } from './protocol.ts';
import { Reader } from './reader.ts';
import { checkIdentity, ensureDatabase } from './schema.ts';
import { isDataflowError, journalError, primaryCode, SQLITE_CORRUPT } from './sqlite-errors.ts';
import { Writer } from './writer.ts';

class OpenFiles {
  #lock: OwnerLock | undefined;
  #reader: Reader | undefined;
  #writer: Writer | undefined;
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async open(settings: WorkerSettings): Promise<OpenFiles> {
    const { directory } = settings;
    const files = new OpenFiles(directory);
    try {
      const driver = await loadDriver();
      if (!settings.readOnly) {
        files.#lock = acquireOwnerLock(driver, directory);
        await ensureDatabase(driver, directory);
      } else if (!existsSync(journalFiles(directory).database)) {
        throw new DataflowError(
          'DATAFLOW_ERR_JOURNAL_OPEN_FAILED',
          `There is no journal in ${directory}; name the directory that a pipeline was run with`,
          { details: { path: directory } },
        );
      }
      const database = openReader(driver, directory);
      try {
        let version = checkIdentity(database, directory);
        if (!settings.readOnly && version < SCHEMA_VERSION) {
          const writer = openWriter(driver, settings);
          try {
            version = migrate(writer, version);
          } finally {
            writer.close();
          }
        }
        files.#reader = new Reader(database, version);
      } catch (error) {
        database.close();
        throw error;
      }
      if (!settings.readOnly) files.#writer = new Writer(driver, settings);
      return files;
    } catch (error) {
      await files.close();
      throw journalError(error, directory, 'DATAFLOW_ERR_JOURNAL_OPEN_FAILED');
    }
  }

  get reader(): Reader {
    return this.#reader!;
  }

  get writer(): Writer | undefined {
    return this.#writer;
  }

  /** The reader goes before the writer: the last connection to close removes the log, which only a writing one can. */
  async close(): Promise<void> {
    this.#reader?.close();
    await nextTurn();
    this.#writer?.close();
    await nextTurn();
    this.#lock?.release();
  }
}

let files: OpenFiles | undefined;

function read<T>(query: (reader: Reader) => T): T {
  try {
    return query(files!.reader);
  } catch (error) {
    throw journalError(error, files!.directory, 'DATAFLOW_ERR_JOURNAL_READ_FAILED');
  }
}

function isPlaced(key: string): boolean {
  return files!.writer?.place(key) ?? false;
}

async function copy(file: string): Promise<number> {
  try {
    return await files!.reader.copyTo(file);
  } catch (error) {
    if (primaryCode(error) === SQLITE_CORRUPT) {
      throw journalError(error, files!.directory, 'DATAFLOW_ERR_JOURNAL_READ_FAILED');
    }
    const message = `Cannot write ${file}: ${messageOf(error)}; name a file where there is room for the journal`;
    throw new DataflowError('DATAFLOW_ERR_OUTPUT_UNWRITABLE', message, { cause: error, details: { file } });
  }
}

async function answer(request: Request): Promise<Replies[keyof Replies]> {
  switch (request.type) {
    case 'open':
      files = await OpenFiles.open(request.settings);
      return null;
    case 'write':
      return files!.writer!.write(request.operations);
    case 'read':
      return read((reader) => reader.read(request.key, request.from, request.to, isPlaced(request.key)));
    case 'highest':
      return read((reader) => reader.highest(request.key, isPlaced(request.key)));
    case 'keys':
      return read((reader) => reader.keys());
    case 'snapshot':
      return read((reader) => reader.snapshot(request.key, request.maxSequence, request.maxTimestamp));
    case 'readAll':
      return read((reader) => reader.readAll(request.after, request.to, request.tag));
    case 'offset':
      return read((reader) => reader.offset(request.name));
    case 'inspect':
      return read((reader) => reader.inspect());
    case 'copy':
      return copy(request.file);
    case 'compact':
      return files!.writer!.compact();
    case 'close':
      await files?.close();
      return null;
  }
}

function asDataflowError(error: unknown): DataflowError {
  if (isDataflowError(error)) return error;
  return new DataflowError('DATAFLOW_ERR_JOURNAL_READ_FAILED', `The journal failed: ${messageOf(error)}`, {
    cause: error,
  });
}

const port = parentPort!;
let answered: Promise<void> = Promise.resolve();

async function reply(id: number, request: Request): Promise<void> {
  let message: Reply;
  try {
    message = { id, ok: true, value: await answer(request) };
  } catch (error) {
    message = { id, ok: false, error: toErrorData(asDataflowError(error)) };
  }
  port.postMessage(message);
}

port.on('message', ({ id, request }: { id: number; request: Request }) => {
  answered = answered.then(() => reply(id, request));
});
