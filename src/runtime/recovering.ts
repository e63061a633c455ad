/**
 * Reading a pipeline's past. Owns: validation of the stream, decoding, the pace. Does not own: the state.
 *
 * R1. Sequence numbers are contiguous from the snapshot on; a gap, a duplicate or an event of another pipeline stops
 *     recovery with the numbers that were seen.
 * R2. Events are handed on in chunks, so memory does not grow with the stream and the event loop is not held.
 * R3. A stream that ends before its highest sequence number is a gap too: an empty read never passes for a new key.
 * R4. An event of an unknown type or version stops recovery: skipping it would build a state that never was.
 */
import type { PipelineEvent } from '../domain/event.ts';
import { upcast } from '../domain/upcast.ts';
import { DataflowError } from '../errors.ts';
import type { Journal, StoredEvent } from './journal.ts';

export interface RecoveredChunk {
  readonly stored: readonly StoredEvent[];
  readonly events: readonly PipelineEvent[];
}

/**
 * The events of `key` after `sequence`, validated and decoded. `atLeast` is a sequence number that the stream had before
 * the call, for whoever reads while another process may append; without it the stream must end where it ends afterwards.
 */
export async function* readValidated(
  journal: Journal,
  key: string,
  sequence: number,
  signal: AbortSignal,
  atLeast?: number,
): AsyncGenerator<RecoveredChunk> {
  let expected = sequence + 1;
  for await (const stored of journal.read(key, { from: expected, signal })) {
    const events: PipelineEvent[] = [];
    for (const event of stored) {
      if (event.sequence !== expected) throw gap(key, expected, event.sequence);
      events.push(decode(key, event));
      expected += 1;
    }
    yield { stored, events };
  }
  if (atLeast !== undefined) {
    if (expected <= atLeast) throw gap(key, atLeast + 1, expected);
    return;
  }
  if (expected > sequence + 1) return;
  const highest = await journal.highestSequence(key);
  if (highest !== sequence) throw gap(key, highest + 1, expected);
}

function decode(key: string, stored: StoredEvent): PipelineEvent {
  const event = upcast(stored.data);
  if ('unknown' in event) {
    throw new DataflowError(
      'DATAFLOW_ERR_RECOVERY_EVENT_UNKNOWN',
      `pipeline ${key} cannot be recovered: event ${stored.sequence} of the journal is of ${event.unknown}, which this version does not know: run the version that wrote it, or a later one`,
      { details: { key, sequence: stored.sequence } },
    );
  }
  if (event.pipelineId !== key) {
    throw new DataflowError(
      'DATAFLOW_ERR_RECOVERY_GAP',
      `pipeline ${key} cannot be recovered: event ${stored.sequence} of the journal belongs to pipeline ${event.pipelineId}: restore the journal from a backup`,
      { details: { key, sequence: stored.sequence } },
    );
  }
  return event;
}

function gap(key: string, expected: number, got: number): DataflowError {
  const what = got < expected ? 'a duplicate' : 'a gap';
  return new DataflowError(
    'DATAFLOW_ERR_RECOVERY_GAP',
    `pipeline ${key} cannot be recovered: the journal has ${what}: expected sequence number ${expected}, got ${got}: restore the journal from a backup`,
    { details: { key, expected, got } },
  );
}
