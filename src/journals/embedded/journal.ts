/**
 * Owns: the journal's face on the main thread: checks what comes in, turns it into text, and text into events.
 * Does not own: files and statements (the worker), batching (group-commit.ts).
 *
 * R1 Events and snapshots are text before the call returns.
 * R2 After `close` has begun nothing is accepted, and what was accepted before is settled.
 */
import { resolve } from 'node:path';
import { DataflowError } from '../../errors.ts';
import type {
  GlobalEvent,
  Journal,
  JournalEvent,
  ReadAllOptions,
  ReadOptions,
  Snapshot,
  SnapshotSelection,
  StoredEvent,
} from '../../runtime/journal.ts';
import { AppendListeners } from '../append-listeners.ts';
import {
  checkEvent,
  checkKey,
  checkProjection,
  checkRange,
  checkReadAll,
  checkSelection,
  checkSequence,
  checkSnapshot,
  closedError,
  serialise,
} from '../journal-input.ts';
import { GroupCommit } from './group-commit.ts';
import { APPEND, type Compaction, DELETE, DROP, type Inspection, OFFSET, PRUNE, SNAPSHOT } from './protocol.ts';
import { parseState, readAllEvents, readEvents } from './read-events.ts';
import type { WorkerLink } from './worker-link.ts';

export interface EmbeddedJournalSettings {
  readonly directory: string;
  readonly readOnly: boolean;
  readonly maxQueuedBytes: number;
  /** Copies the journal on a thread of its own. */
  readonly backup: (file: string) => Promise<number>;
}

export class EmbeddedJournal implements Journal {
  readonly #link: WorkerLink;
  readonly #settings: EmbeddedJournalSettings;
  readonly #commits: GroupCommit;
  readonly #listeners = new AppendListeners();
  #closing: Promise<void> | undefined;

  constructor(link: WorkerLink, settings: EmbeddedJournalSettings) {
    this.#link = link;
    this.#settings = settings;
    this.#commits = new GroupCommit(
      (operations) => link.request({ type: 'write', operations }),
      settings.maxQueuedBytes,
    );
  }

  async append(key: string, after: number, events: readonly JournalEvent[]): Promise<void> {
    this.#checkWritable();
    checkKey(key);
    checkSequence('The sequence number to append after', after, 0);
    if (events.length === 0) return;
    const operation: (string | number)[] = [APPEND, key, after, events.length];
    let size = key.length;
    for (const event of events) {
      checkEvent(event);
      const data = serialise('An event', event.data);
      const tags = JSON.stringify(event.tags);
      const metadata = event.metadata === undefined ? '' : serialise('The metadata of an event', event.metadata);
      operation.push(data, tags, event.timestamp, metadata);
      size += data.length + tags.length + metadata.length;
    }
    await this.#commits.add({ operation, events: events.length, size });
    this.#listeners.appended();
  }

  async *read(key: string, options: ReadOptions = {}): AsyncGenerator<readonly StoredEvent[]> {
    this.#checkOpen();
    checkKey(key);
    const { from, to } = checkRange(options.from, options.to);
    yield* readEvents(this.#settings.directory, from, to, options.signal, async (first, last) => {
      this.#checkOpen();
      return this.#link.request({ type: 'read', key, from: first, to: last });
    });
  }

  async highestSequence(key: string): Promise<number> {
    this.#checkOpen();
    checkKey(key);
    return this.#link.request({ type: 'highest', key });
  }

  async deleteEvents(key: string, to: number): Promise<void> {
    this.#checkWritable();
    checkKey(key);
    checkSequence('The sequence number to delete to', to, 0);
    await this.#commits.add({ operation: [DELETE, key, to], events: 1, size: key.length });
  }

  async keys(): Promise<readonly string[]> {
    this.#checkOpen();
    return this.#link.request({ type: 'keys' });
  }

  async *readAll(options: ReadAllOptions = {}): AsyncGenerator<readonly GlobalEvent[]> {
    this.#checkOpen();
    const { after, tag } = checkReadAll(options);
    yield* readAllEvents(this.#settings.directory, after, options.signal, async (from, to) => {
      this.#checkOpen();
      return this.#link.request({ type: 'readAll', after: from, to, tag: tag ?? null });
    });
  }

  onAppend(listener: () => void): () => void {
    this.#checkOpen();
    return this.#listeners.add(listener);
  }

  async projectionOffset(name: string): Promise<number> {
    this.#checkOpen();
    checkProjection(name);
    return this.#link.request({ type: 'offset', name });
  }

  async saveProjectionOffset(name: string, offset: number): Promise<void> {
    this.#checkWritable();
    checkProjection(name, offset);
    await this.#commits.add({ operation: [OFFSET, name, offset], events: 1, size: name.length });
  }

  async saveSnapshot(key: string, snapshot: Snapshot): Promise<void> {
    this.#checkWritable();
    checkSnapshot(key, snapshot);
    const state = serialise('A snapshot', snapshot.state);
    const operation = [SNAPSHOT, key, snapshot.sequence, state, snapshot.timestamp];
    await this.#commits.add({ operation, events: 1, size: key.length + state.length });
  }

  async latestSnapshot(key: string, selection?: SnapshotSelection): Promise<Snapshot | undefined> {
    this.#checkOpen();
    const row = await this.#link.request({ type: 'snapshot', key, ...checkSelection(key, selection) });
    return row === null ? undefined : { ...row, state: parseState(this.#settings.directory, key, row.state) };
  }

  async deleteSnapshots(key: string, selection?: SnapshotSelection): Promise<void> {
    this.#checkWritable();
    const { maxSequence, maxTimestamp } = checkSelection(key, selection);
    const operation = [DROP, key, maxSequence, maxTimestamp];
    await this.#commits.add({ operation, events: 1, size: key.length });
  }

  async pruneSnapshots(key: string, keep: number): Promise<void> {
    this.#checkWritable();
    checkKey(key);
    checkSequence('The number of snapshots to keep', keep, 0);
    await this.#commits.add({ operation: [PRUNE, key, keep], events: 1, size: key.length });
  }

  /**
   * Examines the whole file: its structure, that no stream has a gap, that everything is JSON. Other uses of this
   * object wait meanwhile; one opened for reading only holds up nobody.
   */
  async inspect(): Promise<Inspection> {
    this.#checkOpen();
    return this.#link.request({ type: 'inspect' });
  }

  /**
   * Writes a copy of the journal as it is now to a file that is not there yet, complete or not at all, while appends
   * go on. To go back to it, name it journal.db in a directory of its own. Returns its bytes.
   *
   * Rejects with DATAFLOW_ERR_OUTPUT_EXISTS, DATAFLOW_ERR_OUTPUT_UNWRITABLE and DATAFLOW_ERR_JOURNAL_*.
   */
  async backup(file: string): Promise<number> {
    this.#checkOpen();
    return this.#settings.backup(resolve(file));
  }

  /**
   * Gives the room of deleted events back to the disk; needs as much free room as the journal has. Appends wait.
   * Returns the bytes of journal.db before and after.
   */
  async compact(): Promise<Compaction> {
    this.#checkWritable();
    return this.#link.request({ type: 'compact' });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#commits.idle();
    try {
      await this.#link.request({ type: 'close' });
    } catch {
      // The worker is gone, and with it everything that there was to release.
    }
    await this.#link.terminate();
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw closedError();
  }

  #checkWritable(): void {
    this.#checkOpen();
    if (this.#settings.readOnly) {
      throw new DataflowError(
        'DATAFLOW_ERR_JOURNAL_READ_ONLY',
        `The journal in ${this.#settings.directory} was opened for reading only; open it with openEmbeddedJournal to write`,
      );
    }
  }
}
