/**
 * An append that failed with an outcome nobody knows: the journal may hold its events or not. Compares what recovery
 * reads with what was sent.
 */
import { DataflowError } from '../errors.ts';
import type { JournalEvent, StoredEvent } from './journal.ts';
import type { Plan } from './running.ts';

export class AppendInDoubt {
  readonly plan: Plan;
  readonly error: unknown;
  readonly #after: number;
  readonly #events: readonly JournalEvent[];
  #equal = 0;

  constructor(plan: Plan, after: number, events: readonly JournalEvent[], error: unknown) {
    this.plan = plan;
    this.error = error;
    this.#after = after;
    this.#events = events;
  }

  /** Recovery begins from the start. */
  restart(): void {
    this.#equal = 0;
  }

  compare(stored: readonly StoredEvent[]): void {
    for (const event of stored) {
      const sent = this.#events[event.sequence - this.#after - 1];
      if (sent !== undefined && JSON.stringify(sent.data) === JSON.stringify(event.data)) this.#equal += 1;
    }
  }

  /** `durable` when the journal ends with exactly these events, `absent` when it ends before them. */
  verdict(highest: number): 'durable' | 'absent' | 'conflict' {
    const count = this.#events.length;
    if (highest === this.#after + count && this.#equal === count) return 'durable';
    return highest === this.#after ? 'absent' : 'conflict';
  }

  conflict(key: string, highest: number): DataflowError {
    const message = `another writer appended to pipeline ${key}: expected the journal to end at ${this.#after}, it ends at ${highest}: let one process own the journal and start again`;
    return new DataflowError('DATAFLOW_ERR_JOURNAL_CONFLICT', message, {
      cause: this.error,
      details: { key, expected: this.#after, got: highest },
    });
  }
}
