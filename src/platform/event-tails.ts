/**
 * Owns: the readings of the journal's events that are under way, and their end.
 *
 * R1. A projection has one reading at a time: two would move one offset past what the other has not handled.
 */
import { DataflowError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { type EventsOptions, EventTail, type RecordedEvent } from '../runtime/event-tail.ts';
import type { Journal } from '../runtime/journal.ts';

export class EventTails {
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #warn: (message: string, error: unknown) => void;
  readonly #tails = new Map<EventTail, string | undefined>();
  #closed = false;

  constructor(journal: Journal, clock: Clock, warn: (message: string, error: unknown) => void) {
    this.#journal = journal;
    this.#clock = clock;
    this.#warn = warn;
  }

  events(options: EventsOptions): AsyncIterable<RecordedEvent> {
    checkOptions(options);
    return { [Symbol.asyncIterator]: () => this.#open(options) };
  }

  #open(options: EventsOptions): EventTail {
    const { projection } = options;
    if (projection !== undefined && [...this.#tails.values()].includes(projection)) {
      throw new DataflowError(
        'DATAFLOW_ERR_PROJECTION_IN_USE',
        `the events of projection ${projection} are being read already: end that reading first, or take another name`,
        { details: { projection } },
      );
    }
    const tail = new EventTail(this.#journal, this.#clock, options, () => this.#tails.delete(tail));
    if (this.#closed) void tail.end();
    else this.#tails.set(tail, projection);
    return tail;
  }

  /** Ends every reading; what was handled by then is saved. */
  async close(): Promise<void> {
    this.#closed = true;
    const ending = [...this.#tails].map(async ([tail, projection]) => {
      try {
        await tail.end();
      } catch (error) {
        this.#warn(`the offset of projection ${projection} was not saved: some of its events will come again`, error);
      }
    });
    await Promise.all(ending);
  }
}

function checkOptions({ fromOffset = 0, pollIntervalMs = 1, projection, tag }: EventsOptions): void {
  const wrong = !(Number.isSafeInteger(fromOffset) && fromOffset >= 0)
    ? `fromOffset: expected a whole number of at least 0, got ${String(fromOffset)}`
    : !(pollIntervalMs > 0)
      ? `pollIntervalMs: expected milliseconds, more than 0, got ${String(pollIntervalMs)}`
      : projection === ''
        ? 'projection: expected a name, got an empty text'
        : tag === ''
          ? 'tag: expected a tag, got an empty text'
          : undefined;
  if (wrong === undefined) return;
  throw new DataflowError('DATAFLOW_ERR_JOURNAL_INPUT_INVALID', `events cannot be read so: ${wrong}`);
}
