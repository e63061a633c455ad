/**
 * Reads a source and offers its batches to the actor, one after the other. Owns the iteration and the batches read
 * ahead. Does not own the checkpoint: where the next batch starts is counted from the one it was given.
 *
 * R1. At most `prefetch` batches are read ahead, so memory does not depend on the size of the source.
 * R2. A batch is offered as soon as the work on the one before it is done, so that its BatchIngested shares an append
 *     with the outcome before it.
 * R3. The end or an error of the source is reported only after the outcome of every batch before it is durable.
 */
import type { Checkpoint, Offset } from '../domain/state.ts';
import { MAX_BATCH_RECORDS } from '../domain/validate.ts';
import { codeOf, DataflowError } from '../errors.ts';
import { asJson } from './as-json.ts';
import type { Clock, Timer } from './clock.ts';
import type { Source, SourceBatch, SourceContext } from './connector.ts';
import type { BatchPayload } from './mailbox.ts';

const OFFER_AGAIN_MS = 20;

export interface RunnerHost {
  readonly clock: Clock;
  readonly prefetch: number;
  /** Resolves when the batch is processed and durable. */
  ingest(payload: BatchPayload): Promise<unknown>;
  batchOffered(batch: SourceBatch): void;
  sourceCompleted(): void;
  sourceFailed(error: unknown): void;
}

export class Runner {
  readonly #host: RunnerHost;
  readonly #source: Source;
  readonly #context: SourceContext;
  readonly #controller: AbortController;
  #stopped = false;
  #workDone: () => void = () => {};
  #pause: { timer: Timer; end: () => void } | undefined;

  constructor(host: RunnerHost, source: Source, context: Omit<SourceContext, 'signal'>) {
    this.#host = host;
    this.#source = source;
    this.#controller = new AbortController();
    this.#context = { ...context, signal: this.#controller.signal };
  }

  start(checkpoint: Checkpoint): void {
    void this.#run(checkpoint);
  }

  /** The work on the offered batch is done, though not yet durable. */
  workDone(): void {
    this.#workDone();
  }

  stop(): void {
    this.#stopped = true;
    this.#controller.abort();
    this.#workDone();
    this.#pause?.timer.cancel();
    this.#pause?.end();
  }

  async #run(checkpoint: Checkpoint): Promise<void> {
    let durable: Promise<unknown> = Promise.resolve();
    try {
      let offset = checkpoint.offset;
      for await (const batch of this.#readAhead(checkpoint)) {
        if (this.#stopped) return;
        const payload = toPayload(this.#context.pipelineId, batch, offset);
        if (payload === undefined) continue;
        const startedAt = this.#host.clock.monotonic();
        const worked = new Promise<void>((resolve) => {
          this.#workDone = resolve;
        });
        this.#host.batchOffered(batch);
        durable = this.#ingest(payload);
        // A rejection ends the run below; without this line it would be unhandled while the work is awaited.
        durable.catch(() => this.stop());
        await Promise.race([worked, durable]);
        offset = payload.nextOffset ?? offset;
        await this.#pauseUntil(startedAt + this.#context.spec.pollIntervalMs);
        if (this.#stopped) return;
      }
      await durable;
      if (!this.#stopped) this.#host.sourceCompleted();
    } catch (error) {
      await durable.catch(() => {});
      if (!this.#stopped) this.#host.sourceFailed(error);
    }
  }

  /** Offers the batch, again while a batch that somebody else sent is in progress. */
  async #ingest(payload: BatchPayload): Promise<void> {
    for (;;) {
      try {
        await this.#host.ingest(payload);
        return;
      } catch (error) {
        if (codeOf(error) !== 'DATAFLOW_ERR_BATCH_ACTIVE') throw error;
      }
      await this.#pauseUntil(this.#host.clock.monotonic() + OFFER_AGAIN_MS);
      if (this.#stopped) return;
    }
  }

  /** The source's batches, read up to `prefetch` ahead, one `next` at a time. */
  async *#readAhead(checkpoint: Checkpoint): AsyncGenerator<SourceBatch> {
    const iterator = this.#source.read(checkpoint, this.#context)[Symbol.asyncIterator]();
    const ahead: Promise<IteratorResult<SourceBatch>>[] = [];
    let last: Promise<unknown> = Promise.resolve();
    const readNext = (): void => {
      const next = last.then(() => iterator.next());
      next.catch(() => {});
      last = next;
      ahead.push(next);
    };
    try {
      for (;;) {
        if (ahead.length === 0) readNext();
        const result = await ahead.shift()!;
        if (result.done === true || this.#stopped) return;
        while (ahead.length < this.#host.prefetch) readNext();
        yield result.value;
      }
    } finally {
      // Not awaited: a source that never answers must not hold the pipeline; it sees the aborted signal.
      this.#controller.abort();
      last
        .catch(() => {})
        .then(() => iterator.return?.())
        .catch(() => {});
    }
  }

  #pauseUntil(time: number): Promise<void> {
    const delay = time - this.#host.clock.monotonic();
    if (delay <= 0 || this.#stopped) return Promise.resolve();
    return new Promise((end) => {
      this.#pause = { timer: this.#host.clock.setTimeout(end, delay), end };
    });
  }
}

/** Undefined for an empty batch: there is nothing to remember. */
function toPayload(pipelineId: string, batch: SourceBatch, sourceOffset: Offset): BatchPayload | undefined {
  const rejected = batch.rejected ?? [];
  const count = batch.records.length + rejected.length;
  if (count === 0) return undefined;
  if (count > MAX_BATCH_RECORDS) {
    throw new DataflowError(
      'DATAFLOW_ERR_COMMAND_INVALID',
      `the source of pipeline ${pipelineId} gave a batch of ${count} records: give at most ${MAX_BATCH_RECORDS}`,
    );
  }
  const nextOffset = batch.nextOffset ?? (typeof sourceOffset === 'number' ? sourceOffset + count : sourceOffset);
  // Batch ids come from offsets: without progress the next batch would pass for a repetition and be lost.
  if (nextOffset === sourceOffset || !isOffset(nextOffset)) {
    throw new DataflowError(
      'DATAFLOW_ERR_COMMAND_INVALID',
      `the source of pipeline ${pipelineId} gave a batch of ${count} records from offset ${sourceOffset} on with nextOffset ${nextOffset}: give the offset after the batch, a number of at least 0 or a string, other than its start`,
    );
  }
  return {
    batchId: `${pipelineId}:${sourceOffset}`,
    records: batch.records,
    rejected,
    sourceOffset,
    nextOffset,
    position: batch.position === undefined ? undefined : asJson(batch.position, 'the position of a source batch'),
    runInContext: (work) => work(),
  };
}

function isOffset(value: unknown): value is Offset {
  return typeof value === 'string' || (Number.isFinite(value) && (value as number) >= 0);
}
