import { describe, expect, test } from '@jest/globals';
import type { StoredEvent } from '../../src/runtime/journal.ts';
import { settle } from '../../src/testing/manual-clock.ts';
import { createCommand, ingest, Lab, outcomeOf } from '../support/lab.ts';
import { nact, PlainStore, startPlain, storing } from '../support/plain-nact.ts';

const pick =
  (...numbers: number[]) =>
  (events: readonly StoredEvent[]) =>
    numbers.flatMap((n) => events.filter(({ sequence }) => sequence === n));

const change =
  (sequence: number, more: object) =>
  (events: readonly StoredEvent[]): StoredEvent[] =>
    events.map((event) => (event.sequence === sequence ? { ...event, data: { ...event.data, ...more } } : event));

test('control: plain nact takes any order for the truth', async () => {
  const store = new PlainStore();
  for (const sequenceNumber of [1, 2, 2, 3, 5, 4]) {
    store.events.push({ key: 'key', sequenceNumber, data: sequenceNumber, isDeleted: false });
  }
  const system = startPlain(store);
  let live: unknown;
  // biome-ignore lint/suspicious/noExplicitAny: nact has no types for it.
  const spy = async (state: any, message: any, context: any) => {
    live = await storing(state, message, context);
    return live;
  };
  const actor = nact.spawnPersistent(system, spy, 'key', 'a', {});
  await settle();
  nact.stop(actor);
  nact.stop(system);
  expect(live).toEqual([1, 2, 2, 3, 5, 4]);
});

async function corrupted(): Promise<Lab> {
  const first = new Lab();
  const actor = await first.running('p');
  await ingest(actor, 'a');
  await actor.send({ type: 'PausePipeline', reason: 'x' });
  await first.stop();
  return first.next();
}

describe('recovery stops with the numbers it saw', () => {
  test.each([
    ['a duplicate', pick(1, 2, 2, 3, 5, 4), 'DATAFLOW_ERR_RECOVERY_GAP', { expected: 3, got: 2 }],
    ['a gap', pick(1, 2, 4, 5, 6), 'DATAFLOW_ERR_RECOVERY_GAP', { expected: 3, got: 4 }],
    ['a wrong order', pick(1, 2, 3, 5, 4), 'DATAFLOW_ERR_RECOVERY_GAP', { expected: 4, got: 5 }],
    ['a missing beginning', pick(2, 3, 4), 'DATAFLOW_ERR_RECOVERY_GAP', { expected: 1, got: 2 }],
    ['nothing where there are events', pick(), 'DATAFLOW_ERR_RECOVERY_GAP', { expected: 7, got: 1 }],
    ["another pipeline's event", change(3, { pipelineId: 'q' }), 'DATAFLOW_ERR_RECOVERY_GAP', { sequence: 3 }],
    ['an unknown event', change(2, { type: 'Exploded' }), 'DATAFLOW_ERR_RECOVERY_EVENT_UNKNOWN', { sequence: 2 }],
    ['a later version', change(2, { schemaVersion: 9 }), 'DATAFLOW_ERR_RECOVERY_EVENT_UNKNOWN', { sequence: 2 }],
  ])('%s', async (_name, corrupt, code, details) => {
    const lab = await corrupted();
    lab.journal.corrupt = corrupt;
    const actor = lab.runtime.spawn('p');
    const waiting = actor.send({ type: 'ResumePipeline' });
    waiting.catch(() => {});
    await expect(actor.ready).rejects.toMatchObject({ code, details });
    // It is not tried again, and it writes nothing; every sender hears why.
    await lab.clock.advance(60_000);
    expect(await outcomeOf(waiting)).toBe(code);
    expect(await outcomeOf(actor.send({ type: 'GetState' }))).toBe(code);
    expect(lab.journal.appends).toEqual([]);
    expect(lab.journal.reads).toHaveLength(1);
    expect(lab.recorder.events).toEqual([]);
    // Another pipeline of the same process does not notice.
    lab.journal.corrupt = undefined;
    const other = await lab.running('other');
    expect(other.state.status).toBe('running');
    await lab.stop();
    expect(lab.clock.pending).toBe(0);
  });

  test('events that were deleted and are in no snapshot are not taken for a new pipeline', async () => {
    const lab = await corrupted();
    await lab.journal.inner.deleteEvents('p', await lab.journal.highestSequence('p'));
    const actor = lab.runtime.spawn('p');
    await expect(actor.ready).rejects.toMatchObject({ code: 'DATAFLOW_ERR_RECOVERY_GAP' });
    await expect(actor.send(createCommand('p'))).rejects.toMatchObject({ code: 'DATAFLOW_ERR_RECOVERY_GAP' });
    await lab.stop();
  });
});
