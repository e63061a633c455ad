/**
 * Owns: the writes on their way to the worker, and which of them share a commit.
 *
 * R1 One commit is in flight at a time; whatever arrives meanwhile is the next one. No timer ever waits for more.
 *    Where inserting takes longer than syncing, two are: the worker has the next one while this thread settles the last.
 * R2 Writes reach the worker in the order they were made.
 * R3 What is queued is bounded: a write beyond the bound is refused at once and may be tried again.
 * R4 Every write settles by its own fate: one that is refused takes none of its commit along.
 */
import { DataflowError } from '../../errors.ts';
import { type FlatOperations, fromErrorData, type WriteOutcome } from './protocol.ts';

const COMMIT_EVENTS = 5000;
/** UTF-16 units of text in one commit; one larger write is a commit of its own. */
const COMMIT_SIZE = 16 * 1024 * 1024;

/** Writes that are worth a commit beside another. */
const OVERLAP_WRITES = 32;
/** One commit alone may have met a checkpoint, which writes the log back. */
const SYNC_BOUND_COMMITS = 2;

export interface Write {
  readonly operation: FlatOperations;
  readonly events: number;
  /** UTF-16 units. */
  readonly size: number;
}

interface QueuedWrite extends Write {
  resolve(): void;
  reject(error: unknown): void;
}

export class GroupCommit {
  readonly #send: (operations: FlatOperations) => Promise<WriteOutcome>;
  readonly #maxQueuedSize: number;
  #queue: QueuedWrite[] = [];
  #queuedSize = 0;
  #scheduled = false;
  #inFlight = 0;
  /** The last commits in a row that took longer to reach the disk than to be made: then fewer, larger ones are faster. */
  #syncBound = SYNC_BOUND_COMMITS;
  #onIdle: (() => void)[] = [];

  constructor(send: (operations: FlatOperations) => Promise<WriteOutcome>, maxQueuedSize: number) {
    this.#send = send;
    this.#maxQueuedSize = maxQueuedSize;
  }

  add(write: Write): Promise<void> {
    if (this.#queuedSize > 0 && this.#queuedSize + write.size > this.#maxQueuedSize) {
      return Promise.reject(
        new DataflowError(
          'DATAFLOW_ERR_JOURNAL_APPEND_FAILED',
          `The disk is behind: ${this.#queuedSize} of at most ${this.#maxQueuedSize} bytes wait to be written; append again later, or raise maxQueuedBytes`,
          { details: { queuedBytes: this.#queuedSize, maxQueuedBytes: this.#maxQueuedSize } },
        ),
      );
    }
    this.#queuedSize += write.size;
    return new Promise((resolve, reject) => {
      const { operation, events, size } = write;
      this.#queue.push({ operation, events, size, resolve, reject });
      this.#schedule();
    });
  }

  /** Resolves when nothing is queued or in flight. */
  idle(): Promise<void> {
    if (this.#inFlight === 0 && this.#queue.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #schedule(): void {
    if (this.#scheduled || this.#room() === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (let room = this.#room(); room > 0; room = this.#room()) void this.#flush(this.#takeBatch(room));
    });
  }

  /** How many of the queued writes may be sent as one commit now. */
  #room(): number {
    const count = this.#queue.length;
    if (this.#inFlight > 1) return 0;
    const isSyncBound = this.#syncBound >= SYNC_BOUND_COMMITS;
    if (isSyncBound || count < OVERLAP_WRITES) return this.#inFlight === 0 ? count : 0;
    return this.#inFlight === 0 && count >= 2 * OVERLAP_WRITES ? Math.ceil(count / 2) : count;
  }

  #takeBatch(room: number): QueuedWrite[] {
    let events = 0;
    let size = 0;
    let count = 0;
    for (const write of this.#queue) {
      if (count === room) break;
      events += write.events;
      size += write.size;
      if (count > 0 && (events > COMMIT_EVENTS || size > COMMIT_SIZE)) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #flush(batch: readonly QueuedWrite[]): Promise<void> {
    this.#inFlight++;
    try {
      const operations: (string | number)[] = [];
      for (const { operation } of batch) for (const part of operation) operations.push(part);
      const outcome = await this.#send(operations);
      this.#syncBound = outcome.isSyncBound ? this.#syncBound + 1 : 0;
      this.#settle(batch, outcome);
    } catch (error) {
      for (const { size, reject } of batch) {
        this.#queuedSize -= size;
        reject(error);
      }
    }
    this.#inFlight--;
    this.#schedule();
    if (this.#inFlight > 0 || this.#queue.length > 0) return;
    const waiting = this.#onIdle;
    this.#onIdle = [];
    for (const resolve of waiting) resolve();
  }

  #settle(batch: readonly QueuedWrite[], outcome: WriteOutcome): void {
    const refusals = new Map(outcome.refused.map(({ index, error }) => [index, error]));
    const unfinished = new Set(outcome.unfinished);
    for (const [index, write] of batch.entries()) {
      if (unfinished.has(index)) {
        this.#queue.push(write);
        continue;
      }
      this.#queuedSize -= write.size;
      const refusal = refusals.get(index);
      if (refusal === undefined) write.resolve();
      else write.reject(fromErrorData(refusal));
    }
  }
}
