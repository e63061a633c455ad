/**
 * Owns: the appends on their way to the server, and which of them share a commit.
 *
 * Q1 One batch is in flight at a time; whatever arrives meanwhile is the next one. No timer ever waits for more.
 * Q2 Appends to one key are stored in the order they were made, one a batch.
 * Q3 What is queued is bounded: an append beyond the bound is refused at once and may be tried again.
 * Q4 Every append settles by its own fate: one that is refused, or that the server cannot hold, takes no other along.
 * Q5 A batch whose outcome is unknown is sent again as it is until the server has answered, or retryForMs are over; then
 *    its appends are refused, and whoever reads next hears of the doubt first.
 */
import { DataflowError } from '../../errors.ts';
import type { AppendStatement } from './append-statement.ts';
import type { Database } from './database.ts';
import type { PendingAppend } from './pending-append.ts';
import { isTransient, journalError, stateOf } from './postgres-errors.ts';

const BATCH_EVENTS = 5000;
/** UTF-16 units of text in one batch; one larger append is a batch of its own. */
const BATCH_SIZE = 8 * 1024 * 1024;

/** Told before the appends settle. */
interface Listener {
  /** Events became durable. */
  stored(): void;
  /** Appends are refused that the server may be storing still. */
  leftInDoubt(): void;
}

export class AppendQueue {
  readonly #statement: AppendStatement;
  readonly #database: Database;
  readonly #maxQueuedSize: number;
  readonly #listener: Listener;
  /** At most one a key; the ones behind it wait in `#behind`. */
  #ready: PendingAppend[] = [];
  readonly #behind = new Map<string, PendingAppend[]>();
  #queuedSize = 0;
  #count = 0;
  #isRunning = false;
  #onIdle: (() => void)[] = [];

  constructor(statement: AppendStatement, database: Database, maxQueuedSize: number, listener: Listener) {
    this.#statement = statement;
    this.#database = database;
    this.#maxQueuedSize = maxQueuedSize;
    this.#listener = listener;
  }

  add(append: Omit<PendingAppend, 'resolve' | 'reject'>): Promise<void> {
    if (this.#queuedSize > 0 && this.#queuedSize + append.size > this.#maxQueuedSize) {
      return Promise.reject(
        new DataflowError(
          'DATAFLOW_ERR_JOURNAL_APPEND_FAILED',
          `The PostgreSQL server is behind: ${this.#queuedSize} of at most ${this.#maxQueuedSize} bytes wait to be written; append again later, or raise maxQueuedBytes`,
          { details: { queuedBytes: this.#queuedSize, maxQueuedBytes: this.#maxQueuedSize } },
        ),
      );
    }
    this.#queuedSize += append.size;
    this.#count++;
    return new Promise((resolve, reject) => {
      this.#enqueue({ ...append, resolve, reject });
    });
  }

  /** Resolves when every append has settled. */
  idle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #enqueue(append: PendingAppend): void {
    const behind = this.#behind.get(append.key);
    if (behind !== undefined) {
      behind.push(append);
      return;
    }
    this.#behind.set(append.key, []);
    this.#ready.push(append);
    this.#start();
  }

  #start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    setImmediate(() => void this.#drain());
  }

  async #drain(): Promise<void> {
    while (this.#ready.length > 0) await this.#send(this.#takeBatch());
    this.#isRunning = false;
  }

  #takeBatch(): PendingAppend[] {
    let events = 0;
    let size = 0;
    let count = 0;
    for (const append of this.#ready) {
      events += append.events.length;
      size += append.size;
      if (count > 0 && (events > BATCH_EVENTS || size > BATCH_SIZE)) break;
      count++;
    }
    return this.#ready.splice(0, count);
  }

  /** Never rejects. */
  async #send(batch: readonly PendingAppend[]): Promise<void> {
    try {
      const refused = await this.#database.retrying(() => this.#statement.store(batch));
      const left = new Set(refused);
      if (left.size < batch.length) this.#listener.stored();
      for (const append of batch) if (!left.has(append)) this.#settle(append, append.resolve);
      for (const append of refused) void this.#resolve(append);
    } catch (error) {
      if (isTransient(error) || stateOf(error) === undefined) this.#listener.leftInDoubt();
      if (isTransient(error) || batch.length === 1) {
        const failure = journalError(error, 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED');
        for (const append of batch) this.#settle(append, () => append.reject(failure));
      } else {
        for (const append of batch) await this.#send([append]);
      }
    }
  }

  /** Looks at what is stored in the place of an append that was not; its key waits, the others go on. */
  async #resolve(append: PendingAppend): Promise<void> {
    try {
      const { rest } = await this.#statement.resolve(append);
      if (rest === undefined) {
        this.#settle(append, append.resolve);
        return;
      }
      const events = append.events.slice(rest.skip);
      this.#ready.push({ ...append, after: rest.after, events });
      this.#start();
    } catch (error) {
      const failure = journalError(error, 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED');
      this.#settle(append, () => append.reject(failure));
    }
  }

  #settle(append: PendingAppend, settle: () => void): void {
    this.#queuedSize -= append.size;
    const behind = this.#behind.get(append.key);
    const next = behind?.shift();
    if (next === undefined) this.#behind.delete(append.key);
    else {
      this.#ready.push(next);
      this.#start();
    }
    settle();
    this.#count--;
    if (this.#count > 0) return;
    const waiting = this.#onIdle;
    this.#onIdle = [];
    for (const resolve of waiting) resolve();
  }
}
