/**
 * The queue of one pipeline actor. nact's own mailbox is unbounded and forgets what it holds when the actor stops, so
 * commands wait here and nact gets only a kick.
 *
 * R1. `offer` refuses above the limit; what the runtime itself sends (`offerInternal`) is few and always taken.
 * R2. Order is kept, and what a failed turn puts back comes before everything else.
 */
import type { PipelineCommand } from '../domain/command.ts';
import type { Json } from '../domain/json.ts';
import type { BatchResult, Offset, PipelineState } from '../domain/state.ts';
import type { RejectedRecord } from './connector.ts';

/** The records of an IngestBatch, which only live in memory. */
export interface BatchPayload {
  readonly batchId: string;
  readonly records: readonly unknown[];
  readonly rejected: readonly RejectedRecord[];
  readonly sourceOffset: Offset;
  /** The checkpoint's offset once the batch is done; undefined leaves it where it is. */
  readonly nextOffset: Offset | undefined;
  readonly position: Json | undefined;
  /** Runs the work in the async context of the caller who sent the batch. */
  readonly runInContext: <T>(work: () => T) => T;
}

export interface Reply {
  readonly state: PipelineState;
  readonly batch?: BatchResult;
}

export interface Envelope {
  readonly command: PipelineCommand;
  readonly payload: BatchPayload | undefined;
  /** Sent by the runtime itself: never refused for lack of room, kept until it is durable. */
  readonly internal: boolean;
  /** In ms of the monotonic clock; NOT_WAITING where nobody measures the wait. */
  enqueuedAt: number;
  /** How often the append that would have answered it has failed. */
  failures: number;
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

export class Mailbox {
  readonly #limit: number;
  #queue: Envelope[] = [];
  #head = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#queue.length - this.#head;
  }

  /** False when the mailbox is full; the envelope is then not taken. */
  offer(envelope: Envelope): boolean {
    if (!envelope.internal && this.size >= this.#limit) return false;
    this.#queue.push(envelope);
    return true;
  }

  putBack(envelopes: readonly Envelope[]): void {
    this.#queue = [...envelopes, ...this.#queue.slice(this.#head)];
    this.#head = 0;
  }

  take(count: number): Envelope[] {
    const end = Math.min(this.#head + count, this.#queue.length);
    const taken = this.#queue.slice(this.#head, end);
    this.#head = end;
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head > 1024) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    return taken;
  }
}
