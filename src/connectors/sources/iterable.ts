import type { Checkpoint } from '../../domain/state.ts';
import { DataflowError } from '../../errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Source, SourceBatch, SourceContext } from '../../runtime/connector.ts';

type Records = AsyncIterable<unknown> | Iterable<unknown>;

/** A source from code that starts where it is told: `open` yields the records from the checkpoint on. */
export interface OpenableSource {
  open(checkpoint: Checkpoint, context: SourceContext): Records | Promise<Records>;
}

/** How long the first record of a batch waits for others, in ms. */
export const LINGER_MS = 1_000;

/**
 * A source over records that code yields, in batches of the pipeline's size, or of what has come LINGER_MS after the
 * first record, so that a slow endless stream flows as well.
 *
 * Offsets count records. A plain iterable must yield the same records each time: after a restart the first
 * `checkpoint.offset` ones are dropped. What `open` yields is taken to start at the checkpoint.
 */
export function iterableSource(records: Records | OpenableSource, clock: Clock): Source {
  return {
    async *read(checkpoint, context) {
      if (Symbol.asyncIterator in records || Symbol.iterator in records) {
        yield* batches(skipFirst(records, checkpoint), context, clock);
      } else {
        yield* batches(await records.open(checkpoint, context), context, clock);
      }
    },
  };
}

function batches(records: Records, context: SourceContext, clock: Clock): AsyncIterable<SourceBatch> {
  return Symbol.asyncIterator in records ? gather(records, context, clock) : slice(records, context);
}

function skipFirst(records: Records, { offset }: Checkpoint): Records {
  if (typeof offset !== 'number') {
    throw new DataflowError(
      'DATAFLOW_ERR_SOURCE_CHANGED',
      'The checkpoint holds an offset that is no number of records, so an iterable cannot go on from it. Give a source ' +
        'with open(checkpoint).',
    );
  }
  if (offset === 0) return records;
  return Symbol.asyncIterator in records ? skipAsync(records, offset) : skipSync(records, offset);
}

async function* skipAsync(records: AsyncIterable<unknown>, count: number): AsyncGenerator<unknown> {
  let index = 0;
  for await (const record of records) if (index++ >= count) yield record;
  if (index < count) throw tooShort(index, count);
}

function* skipSync(records: Iterable<unknown>, count: number): Generator<unknown> {
  let index = 0;
  for (const record of records) if (index++ >= count) yield record;
  if (index < count) throw tooShort(index, count);
}

function tooShort(index: number, count: number): DataflowError {
  return new DataflowError(
    'DATAFLOW_ERR_SOURCE_CHANGED',
    `The source ended after ${index} records, but ${count} have been processed. It must yield the same records again; ` +
      'give a source with open(checkpoint) if it cannot.',
  );
}

async function* slice(records: Iterable<unknown>, { batchSize, signal }: SourceContext): AsyncGenerator<SourceBatch> {
  let batch: unknown[] = [];
  for (const record of records) {
    if (signal.aborted) return;
    batch.push(record);
    if (batch.length === batchSize) {
      yield { records: batch };
      batch = [];
    }
  }
  if (batch.length > 0 && !signal.aborted) yield { records: batch };
}

async function* gather(
  records: AsyncIterable<unknown>,
  { batchSize, signal }: SourceContext,
  clock: Clock,
): AsyncGenerator<SourceBatch> {
  const iterator = records[Symbol.asyncIterator]();
  let wake = () => {};
  let result: IteratorResult<unknown> | undefined;
  let failure: { readonly error: unknown } | undefined;
  let asked = false;
  let ended = false;
  const onAbort = () => wake();
  signal.addEventListener('abort', onAbort);

  /** The next record within the batch's time; undefined at the end, on abort, or when the time is up. */
  async function next(isLate: () => boolean): Promise<IteratorResult<unknown> | undefined> {
    if (!asked) {
      asked = true;
      iterator.next().then(
        (settled) => {
          result = settled;
          wake();
        },
        (error: unknown) => {
          failure = { error };
          wake();
        },
      );
    }
    while (result === undefined && failure === undefined && !signal.aborted && !isLate()) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (failure !== undefined) {
      ended = true;
      throw failure.error;
    }
    const taken = result;
    if (taken === undefined) return undefined;
    result = undefined;
    asked = false;
    ended = taken.done === true;
    return taken;
  }

  try {
    while (!signal.aborted && !ended) {
      const batch: unknown[] = [];
      let late = false;
      let failed: unknown;
      const first = await next(() => false);
      if (first === undefined || first.done === true) return;
      batch.push(first.value);
      const timer = clock.setTimeout(() => {
        late = true;
        wake();
      }, LINGER_MS);
      try {
        while (batch.length < batchSize) {
          const record = await next(() => late);
          if (record === undefined || record.done === true) break;
          batch.push(record.value);
        }
      } catch (error) {
        // What came before the error is good; the error is thrown when it has been taken.
        failed = error;
      } finally {
        timer.cancel();
      }
      if (signal.aborted) return;
      yield { records: batch };
      if (failed !== undefined) throw failed;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    if (!ended) {
      // Not awaited: a generator that waits for its next record answers only after that.
      const closing = iterator.return?.();
      if (asked) closing?.catch(() => {});
      else await closing;
    }
  }
}
