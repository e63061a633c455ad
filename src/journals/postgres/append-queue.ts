/**
 * Owns: the appends on their way to the server, and which of them share a commit.
 *
 * Q1 Two batches are in flight at most: while the server stores one, this process makes the other. What arrives meanwhile
 *    is the next one; no timer ever waits for more.
 * Q2 Appends to one key are stored in the order they were made, one a batch.
 * Q3 What is queued is bounded: an append beyond the bound is refused at once and may be tried again.
 * Q4 Every append settles by its own fate: one that is refused, or that the server cannot hold, takes no other along.
 * Q5 A batch whose outcome is unknown is sent again as it is until the server has answered, or retryForMs are over; then
 *    its appends are refused, and whoever reads next hears of the doubt first.
 */
import { DataflowError } from '../../errors.ts';
import type { AppendStatement } from './append-statement.ts';
import { APPENDING, type Database } from './database.ts';
import type { PendingAppend } from './pending-append.ts';
import { isTransient, journalError, stateOf } from './postgres-errors.ts';

const BATCH_EVENTS = 5000;
/** UTF-16 units of text in one batch; one larger append is a batch of its own. */
const BATCH_SIZE = 8 * 1024 * 1024;

/** Fewer appends than this are one batch. */
const WORTH_SPLITTING = 16;

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
  #isStarting = false;
  readonly #inFlight = new Set<readonly PendingAppend[]>();
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
    if (this.#isStarting || this.#ready.length === 0 || this.#inFlight.size === APPENDING) return;
    this.#isStarting = true;
    setImmediate(() => {
      this.#isStarting = false;
      for (let batch = this.#nextBatch(); batch !== undefined; batch = this.#nextBatch()) void this.#fly(batch);
    });
  }

  async #fly(batch: readonly PendingAppend[]): Promise<void> {
    this.#inFlight.add(batch);
    await this.#send(batch);
    this.#inFlight.delete(batch);
    this.#start();
  }

  /**
   * A batch as large as what else there is, so that both are: a commit costs the same for one append as for a hundred, and
   * whoever waits for a small one waits for the large one beside it as well.
   */
  #nextBatch(): PendingAppend[] | undefined {
    const waiting = this.#ready.length;
    if (waiting === 0 || this.#inFlight.size === APPENDING) return undefined;
    const [other] = this.#inFlight;
    if (other === undefined) return this.#takeBatch(waiting < WORTH_SPLITTING ? waiting : Math.ceil(waiting / 2));
    return waiting * 2 < other.length ? undefined : this.#takeBatch(waiting);
  }

  #takeBatch(most: number): PendingAppend[] {
    let events = 0;
    let size = 0;
    let count = 0;
    for (const append of this.#ready) {
      events += append.events.length;
      size += append.size;
      if (count === most || (count > 0 && (events > BATCH_EVENTS || size > BATCH_SIZE))) break;
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
