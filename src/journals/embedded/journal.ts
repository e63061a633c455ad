/**
 * Owns: the journal's face on the main thread: checks what comes in, turns it into text, and text into events.
 * Does not own: files and statements (the worker), batching (group-commit.ts).
 *
 * R1 Events and snapshots are text before the call returns.
 * R2 After `close` has begun nothing is accepted, and what was accepted before is settled.
 */
import { DataflowError } from '../../errors.ts';
import type { Journal, JournalEvent, ReadOptions, Snapshot, StoredEvent } from '../../runtime/journal.ts';
import {
  checkEvent,
  checkKey,
  checkRange,
  checkSequence,
  checkSnapshot,
  closedError,
  serialise,
} from '../journal-input.ts';
import { GroupCommit } from './group-commit.ts';
import { APPEND, DELETE, PRUNE, SNAPSHOT } from './protocol.ts';
import { parseState, readEvents } from './read-events.ts';
import type { WorkerLink } from './worker-link.ts';

export interface EmbeddedJournalSettings {
  readonly directory: string;
  readonly readOnly: boolean;
  readonly maxQueuedBytes: number;
}

export class EmbeddedJournal implements Journal {
  readonly #link: WorkerLink;
  readonly #settings: EmbeddedJournalSettings;
  readonly #commits: GroupCommit;
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
      operation.push(data, tags, event.timestamp);
      size += data.length + tags.length;
    }
    await this.#commits.add({ operation, events: events.length, size });
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

  async saveSnapshot(key: string, snapshot: Snapshot): Promise<void> {
    this.#checkWritable();
    checkSnapshot(key, snapshot);
    const state = serialise('A snapshot', snapshot.state);
    const operation = [SNAPSHOT, key, snapshot.sequence, state, snapshot.timestamp];
    await this.#commits.add({ operation, events: 1, size: key.length + state.length });
  }

  async latestSnapshot(key: string, maxSequence = Number.MAX_SAFE_INTEGER): Promise<Snapshot | undefined> {
    this.#checkOpen();
    checkKey(key);
    const { to } = checkRange(1, maxSequence);
    const row = await this.#link.request({ type: 'snapshot', key, maxSequence: to });
    return row === null ? undefined : { ...row, state: parseState(this.#settings.directory, key, row.state) };
  }

  async pruneSnapshots(key: string, keep: number): Promise<void> {
    this.#checkWritable();
    checkKey(key);
    checkSequence('The number of snapshots to keep', keep, 0);
    await this.#commits.add({ operation: [PRUNE, key, keep], events: 1, size: key.length });
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
