/**
 * One attempt at one batch: transforms, sink, dead letters. Owns nothing that outlives the attempt; decides nothing.
 *
 * R1. A record that a transform or the sink refuses never fails the batch; an error with a retried code does, since
 *     it speaks of the connection and not of the record.
 * R2. Nothing is written once the signal is aborted.
 * R3. What is written depends on the batch alone, not on the time or the attempt, so that a repetition is identical.
 * R4. Long synchronous work gives the event loop its turn.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Json } from '../domain/json.ts';
import { canonicalCode, isRetriedCode } from '../domain/retry.ts';
import type { PipelineConfig } from '../domain/spec.ts';
import type { Checkpoint } from '../domain/state.ts';
import { codeOf, messageOf } from '../errors.ts';
import { asJson } from './as-json.ts';
import type { PipelineConnectors, RecordMetadata, Sink, SinkLease, Transform, WriteContext } from './connector.ts';
import type { BatchPayload } from './mailbox.ts';
import { AttemptError } from './pipeline-error.ts';

export interface BatchOutcome {
  readonly successCount: number;
  readonly failureCount: number;
  readonly deadLettered: readonly { readonly errorCode: string; readonly count: number }[];
  readonly sink: Json | undefined;
  readonly deadLetter: Json | undefined;
}

/** What an attempt works with. */
export interface AttemptInput {
  readonly payload: BatchPayload;
  /** Of the BatchIngested event in the journal. */
  readonly sequence: number;
  readonly attempt: number;
  readonly checkpoint: Checkpoint;
}

export interface Attempt extends AttemptInput {
  readonly pipelineId: string;
  readonly lease: SinkLease | undefined;
  readonly config: PipelineConfig;
  readonly connectors: PipelineConnectors;
  readonly signal: AbortSignal;
}

interface Refused {
  readonly index: number;
  readonly errorType: 'source' | 'transform' | 'sink';
  readonly code: string;
  readonly message: string;
  readonly line?: number;
  readonly record: unknown;
}

/** ms of synchronous transforming before the event loop gets its turn. */
const SLICE_MS = 10;
const RECORDS_BETWEEN_LOOKS = 64;

export async function processBatch(attempt: Attempt): Promise<BatchOutcome> {
  const { payload, checkpoint, connectors, config } = attempt;
  const refused: Refused[] = payload.rejected.map((reject, index) => ({
    index: payload.records.length + index,
    errorType: 'source',
    code: reject.code,
    message: reject.message,
    ...(reject.line !== undefined && { line: reject.line }),
    record: reject.raw ?? null,
  }));
  const outputs = await transformAll(attempt, refused);
  const sink = await writeAll(attempt, connectors.sink, outputs, config.sink.batchSize, checkpoint.sink, refused);
  const deadLetter = await writeDeadLetters(attempt, refused);
  const failed = new Set(refused.map(({ index }) => index)).size;
  return {
    successCount: payload.records.length + payload.rejected.length - failed,
    failureCount: failed,
    deadLettered: connectors.deadLetter === undefined ? [] : countByCode(refused),
    sink,
    deadLetter,
  };
}

interface Outputs {
  readonly records: unknown[];
  /** The input that each output came from. */
  readonly origins: number[];
}

async function transformAll(attempt: Attempt, refused: Refused[]): Promise<Outputs> {
  const { payload, connectors, pipelineId, signal } = attempt;
  const { records, batchId, sourceOffset } = payload;
  const outputs: Outputs = { records: [], origins: [] };
  let sliceEnd = performance.now() + SLICE_MS;
  for (let index = 0; index < records.length; index++) {
    if (index % RECORDS_BETWEEN_LOOKS === 0 && performance.now() > sliceEnd) {
      await nextTurn();
      sliceEnd = performance.now() + SLICE_MS;
    }
    signal.throwIfAborted();
    const offset = typeof sourceOffset === 'number' ? sourceOffset + index : null;
    const metadata: RecordMetadata = { pipelineId, batchId, attempt: attempt.attempt, offset };
    try {
      const result = transform(records[index], metadata, connectors.transforms, 0);
      for (const record of result instanceof Promise ? await result : result) {
        outputs.records.push(record);
        outputs.origins.push(index);
      }
    } catch (error) {
      const code = codeOf(error);
      if (code !== undefined && isRetriedCode(code)) throw new AttemptError(error, 'transform');
      refused.push({
        index,
        errorType: 'transform',
        code: code === undefined ? 'DATAFLOW_ERR_TRANSFORM_FAILED' : canonicalCode(code),
        message: messageOf(error),
        record: records[index],
      });
    }
  }
  return outputs;
}

/** What becomes of one record from transform `from` on; a promise only where a transform returns one. */
function transform(
  record: unknown,
  metadata: RecordMetadata,
  transforms: readonly Transform[],
  from: number,
): unknown[] | Promise<unknown[]> {
  let current = record;
  for (let i = from; i < transforms.length; i++) {
    const result = transforms[i]!.apply(current, metadata);
    if (isThenable(result)) {
      return Promise.resolve(result).then((settled) => spread(settled, metadata, transforms, i + 1));
    }
    if (result === undefined || result === null) return [];
    if (Array.isArray(result)) return spread(result, metadata, transforms, i + 1);
    current = result;
  }
  return [current];
}

function spread(
  result: unknown,
  metadata: RecordMetadata,
  transforms: readonly Transform[],
  from: number,
): unknown[] | Promise<unknown[]> {
  if (result === undefined || result === null) return [];
  if (!Array.isArray(result)) return transform(result, metadata, transforms, from);
  const parts = result.map((record) => transform(record, metadata, transforms, from));
  return parts.some((part) => part instanceof Promise)
    ? Promise.all(parts).then((all) => all.flat(1))
    : (parts as unknown[][]).flat(1);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

async function writeAll(
  attempt: Attempt,
  sink: Sink,
  { records, origins }: Outputs,
  batchSize: number,
  committedBefore: Json | undefined,
  refused: Refused[],
): Promise<Json | undefined> {
  let committed = committedBefore;
  for (let start = 0; start < records.length; start += batchSize) {
    const slice = start === 0 && records.length <= batchSize ? records : records.slice(start, start + batchSize);
    const result = await write(attempt, sink, slice, committed);
    committed = result.committed ?? committed;
    for (const { index, code, message } of result.rejected ?? []) {
      const origin = origins[start + index];
      if (origin === undefined || index >= slice.length) {
        const message = `the sink refused record ${index} of a write of ${slice.length}: give indexes from 0 on`;
        throw new AttemptError(new Error(message), 'sink');
      }
      refused.push({ index: origin, errorType: 'sink', code, message, record: records[start + index] });
    }
  }
  return committed;
}

async function write(attempt: Attempt, sink: Sink, records: readonly unknown[], committed: Json | undefined) {
  const { pipelineId, payload, sequence, lease, signal } = attempt;
  const { batchId } = payload;
  signal.throwIfAborted();
  const context: WriteContext = { pipelineId, batchId, attempt: attempt.attempt, committed, sequence, lease, signal };
  try {
    const result = (await sink.write(records, context)) ?? {};
    if (result.committed === undefined) return result;
    return { ...result, committed: asJson(result.committed, 'what the sink returned as committed') };
  } catch (error) {
    throw new AttemptError(error, 'sink');
  }
}

/** One plain object a refused record, in the order of the input. */
async function writeDeadLetters(attempt: Attempt, refused: readonly Refused[]): Promise<Json | undefined> {
  const { connectors, checkpoint, payload, pipelineId } = attempt;
  if (connectors.deadLetter === undefined || refused.length === 0) return checkpoint.deadLetter;
  const { batchId, sourceOffset } = payload;
  const letters = [...refused]
    .sort((a, b) => a.index - b.index)
    .map(({ errorType, code, message, line, record }) => ({
      pipelineId,
      batchId,
      sourceOffset,
      ...(line !== undefined && { line }),
      error: { type: errorType, code, message },
      record,
    }));
  const result = await write(attempt, connectors.deadLetter, letters, checkpoint.deadLetter);
  const unwritable = new Set(result.rejected?.map(({ index }) => index));
  if (unwritable.size === 0) return result.committed ?? checkpoint.deadLetter;
  // The record itself cannot be written (a cycle, a BigInt): the reason for its refusal still can.
  const bare = letters.filter((_, index) => unwritable.has(index)).map((letter) => ({ ...letter, record: null }));
  const second = await write(attempt, connectors.deadLetter, bare, result.committed ?? checkpoint.deadLetter);
  return second.committed ?? result.committed ?? checkpoint.deadLetter;
}

function countByCode(refused: readonly Refused[]): { errorCode: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const { code } of refused) counts.set(code, (counts.get(code) ?? 0) + 1);
  return [...counts].map(([errorCode, count]) => ({ errorCode, count }));
}
