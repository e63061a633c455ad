import { evolve } from '../domain/evolve.ts';
import { initialState, type PipelineState } from '../domain/state.ts';
import type { Journal } from './journal.ts';
import { readValidated } from './recovering.ts';
import { decodeSnapshot } from './snapshots.ts';

/** The state that a journal gives for a key, without an actor: for those who only look, while others may append. */
export async function readState(
  journal: Journal,
  key: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<{ readonly state: PipelineState; readonly sequence: number }> {
  const highest = await journal.highestSequence(key);
  const snapshot = await journal.latestSnapshot(key);
  const decoded = snapshot && decodeSnapshot(snapshot);
  let state = decoded ?? initialState();
  let sequence = decoded === undefined || snapshot === undefined ? 0 : snapshot.sequence;
  for await (const { stored, events } of readValidated(journal, key, sequence, signal, highest)) {
    for (const event of events) state = evolve(state, event);
    sequence = stored.at(-1)?.sequence ?? sequence;
  }
  return { state, sequence };
}
