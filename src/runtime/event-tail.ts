/**
 * The events of a journal, one after the other, and on with those to come. Owns: the place in the order, and when the
 * offset of a projection is saved. Does not own: the journal.
 *
 * R1. An event counts as handled when the next one is asked for; only offsets of handled events are saved. So after a
 *     crash events may come again, and none is left out.
 * R2. An offset is saved before waiting, at the end of a chunk, at least once a second, and at the end.
 * R3. A wait ends by an append, by the poll, by the end; a hint that came while reading is not forgotten.
 * R4. `end` waits for what the tail itself does, never for its consumer, who may be the one that calls it.
 */
import type { PipelineEvent } from '../domain/event.ts';
import { upcast } from '../domain/upcast.ts';
import { DataflowError } from '../errors.ts';
import type { Clock, Timer } from './clock.ts';
import type { GlobalEvent, Journal } from './journal.ts';

export interface EventsOptions {
  /** Only events with this tag, for instance `batch-events`; default: all. */
  readonly tag?: string;
  /** Only events after this offset; default 0, the beginning. With a projection: where a new one begins. */
  readonly fromOffset?: number;
  /** Under this name the journal keeps how far the events were handled; the next reading goes on from there. */
  readonly projection?: string;
  /** True (default): waits for further events. False: ends with the last event that there is. */
  readonly live?: boolean;
  /** How often to look for events that another process appends, in ms; default 1,000. */
  readonly pollIntervalMs?: number;
  /** Rejects the reading with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** An event of a pipeline with its place in the journal. */
export interface RecordedEvent {
  /** Its place in the order of all events. */
  readonly offset: number;
  readonly pipelineId: string;
  /** Its place among the events of its pipeline, from 1 on. */
  readonly sequence: number;
  /** ms since the epoch. */
  readonly timestamp: number;
  readonly tags: readonly string[];
  readonly event: PipelineEvent;
}

const POLL_INTERVAL_MS = 1000;
const SAVE_INTERVAL_MS = 1000;
const DONE = { done: true, value: undefined } as const;

export class EventTail implements AsyncIterableIterator<RecordedEvent, undefined> {
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #options: EventsOptions;
  readonly #onEnd: () => void;
  readonly #controller = new AbortController();
  /** One step at a time, however the consumer asks. */
  #steps: Promise<unknown> = Promise.resolve();
  #chunks: AsyncIterator<readonly GlobalEvent[]> | undefined;
  #chunk: readonly GlobalEvent[] = [];
  #at = 0;
  /** Undefined before the first step. */
  #given: number | undefined;
  #handled = 0;
  #saved = 0;
  #savedAt = 0;
  #appended = false;
  #wake: () => void = () => {};
  #unlisten: () => void = () => {};
  #ended: Promise<void> | undefined;

  constructor(journal: Journal, clock: Clock, options: EventsOptions, onEnd: () => void) {
    this.#journal = journal;
    this.#clock = clock;
    this.#options = options;
    this.#onEnd = onEnd;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<RecordedEvent, undefined>> {
    const step = this.#steps.then(() => this.#next());
    this.#steps = step.catch(() => {});
    return step;
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    await this.end();
    return DONE;
  }

  /** Ends the reading and saves the offset of what was handled. Idempotent. */
  end(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #end(): Promise<void> {
    this.#release();
    await this.#steps;
    try {
      await this.#save();
    } finally {
      this.#onEnd();
    }
  }

  #release(): void {
    this.#controller.abort();
    this.#unlisten();
    this.#wake();
  }

  async #next(): Promise<IteratorResult<RecordedEvent, undefined>> {
    if (this.#ended !== undefined) return DONE;
    try {
      const event = await this.#step();
      if (event !== undefined) return { done: false, value: recorded(event) };
      if (this.#ended !== undefined) return DONE;
    } catch (error) {
      if (this.#ended !== undefined) return DONE;
      await this.#endInStep();
      throw error;
    }
    await this.#endInStep();
    return DONE;
  }

  /** From within a step, which `end` would wait for. */
  async #endInStep(): Promise<void> {
    this.#ended = Promise.resolve();
    this.#release();
    // Where this fails, the failure that ended the step says why, and the events come again.
    await this.#save().catch(() => {});
    this.#onEnd();
  }

  /** The next event; undefined at the end. */
  async #step(): Promise<GlobalEvent | undefined> {
    if (this.#given === undefined) await this.#begin();
    else this.#handled = this.#given;
    if (this.#clock.monotonic() - this.#savedAt >= SAVE_INTERVAL_MS) await this.#save();
    while (this.#ended === undefined) {
      this.#options.signal?.throwIfAborted();
      const event = this.#chunk[this.#at++];
      if (event !== undefined) {
        this.#given = event.offset;
        return event;
      }
      await this.#save();
      if (await this.#fetch()) continue;
      if (this.#options.live === false) return undefined;
      await this.#appends();
    }
    return undefined;
  }

  async #begin(): Promise<void> {
    const { projection, fromOffset = 0 } = this.#options;
    const stored = projection === undefined ? 0 : await this.#journal.projectionOffset(projection);
    this.#handled = stored > 0 ? stored : fromOffset;
    this.#given = this.#handled;
    this.#saved = this.#handled;
    this.#savedAt = this.#clock.monotonic();
    if (this.#options.live === false) return;
    const stop = this.#journal.onAppend(() => {
      this.#appended = true;
      this.#wake();
    });
    const { signal } = this.#options;
    const wake = (): void => this.#wake();
    signal?.addEventListener('abort', wake);
    this.#unlisten = () => {
      stop();
      signal?.removeEventListener('abort', wake);
    };
    if (this.#ended !== undefined) this.#unlisten();
  }

  /** False when the journal has no more for now. */
  async #fetch(): Promise<boolean> {
    if (this.#chunks === undefined) {
      this.#appended = false;
      const { tag, signal: given } = this.#options;
      const own = this.#controller.signal;
      const signal = given === undefined ? own : AbortSignal.any([given, own]);
      const all = this.#journal.readAll({ after: this.#given!, signal, ...(tag !== undefined && { tag }) });
      this.#chunks = all[Symbol.asyncIterator]();
    }
    const next = await this.#chunks.next();
    this.#at = 0;
    this.#chunk = next.done === true ? [] : next.value;
    if (next.done !== true) return true;
    this.#chunks = undefined;
    return this.#appended;
  }

  async #appends(): Promise<void> {
    if (this.#appended || this.#ended !== undefined || this.#options.signal?.aborted === true) return;
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = this.#clock.setTimeout(resolve, this.#options.pollIntervalMs ?? POLL_INTERVAL_MS);
    });
    this.#wake = () => {};
    timer?.cancel();
  }

  async #save(): Promise<void> {
    const { projection } = this.#options;
    if (projection === undefined || this.#handled === this.#saved) return;
    const handled = this.#handled;
    await this.#journal.saveProjectionOffset(projection, handled);
    this.#saved = handled;
    this.#savedAt = this.#clock.monotonic();
  }
}

function recorded({ offset, key, sequence, timestamp, tags, data }: GlobalEvent): RecordedEvent {
  const event = upcast(data);
  if ('unknown' in event) {
    throw new DataflowError(
      'DATAFLOW_ERR_RECOVERY_EVENT_UNKNOWN',
      `event ${sequence} of pipeline ${key}, at offset ${offset} of the journal, is of ${event.unknown}, which this version does not know: read it with the version that wrote it, or a later one`,
      { details: { key, sequence, offset } },
    );
  }
  return { offset, pipelineId: key, sequence, timestamp, tags, event };
}
