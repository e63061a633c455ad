import { expect, test } from '@jest/globals';
import { settle } from '../../src/testing/manual-clock.ts';
import { ingest, Lab, plain } from '../support/lab.ts';

async function work(lab: Lab, batches: number, from = 0) {
  const actor = lab.runtime.get('p') ?? (await lab.running('p'));
  for (let i = from; i < from + batches; i++) await ingest(actor, `b${i}`);
  await settle();
  return actor;
}

test('one every 100 events, two are kept, and each holds the state of its own number', async () => {
  const lab = new Lab();
  await work(lab, 120);
  const sequences = lab.journal.savedSnapshots.map(({ sequence }) => sequence);
  expect(sequences.length).toBe(3);
  for (const [index, sequence] of sequences.entries())
    expect(sequence - (sequences[index - 1] ?? 0)).toBeGreaterThanOrEqual(100);
  const newest = await lab.journal.latestSnapshot('p');
  expect(newest?.sequence).toBe(sequences[2]);
  expect((await lab.journal.latestSnapshot('p', { maxSequence: sequences[1]! }))?.sequence).toBe(sequences[1]);
  expect(await lab.journal.latestSnapshot('p', { maxSequence: sequences[0]! })).toBeUndefined();
  const events = (await lab.stored('p')).slice(0, newest!.sequence);
  const processed = events.filter(({ data }) => data.type === 'BatchProcessed').length;
  expect(newest?.state).toMatchObject({ state: { metrics: { totalBatchesProcessed: processed } } });
  await lab.stop();
});

test('recovery from a snapshot and its tail gives the state of a full replay, and the count goes on', async () => {
  const first = new Lab();
  await work(first, 60);
  const lab = first.next();
  const actor = lab.runtime.spawn('p');
  await actor.ready;
  expect(plain(actor.state)).toEqual(plain(await lab.replayed('p')));
  const [saved] = first.journal.savedSnapshots;
  expect(lab.journal.reads).toEqual([{ key: 'p', from: saved!.sequence + 1 }]);
  await work(lab, 20, 60);
  expect(lab.journal.savedSnapshots[0]!.sequence - saved!.sequence).toBeLessThan(110);
  await expect(ingest(actor, 'b3')).resolves.toMatchObject({ batch: { duplicate: true } });
  await lab.stop();
});

test.each([
  ['another version', { version: 99, state: { status: 'running' } }],
  ['null', null],
  ['text', 'x'],
  ['no state', { version: 1 }],
  ['half a state', { version: 1, state: { status: 'running' } }],
])('a snapshot that holds %s is passed over', async (_name, state) => {
  const first = new Lab({ limits: { snapshots: { every: 0, keep: 2, deleteEvents: false } } });
  await work(first, 5);
  const sequence = await first.journal.highestSequence('p');
  await first.journal.inner.saveSnapshot('p', { sequence, state, timestamp: 1 });
  const lab = first.next();
  const actor = lab.runtime.spawn('p');
  await actor.ready;
  expect(plain(actor.state)).toEqual(plain(await lab.replayed('p')));
  await lab.stop();
});

test('one that cannot be saved is a warning, the next one is tried', async () => {
  const lab = new Lab();
  lab.journal.snapshotErrors.push(new Error('no room'));
  await work(lab, 70);
  expect(lab.warnings.map(({ message }) => message)).toEqual([expect.stringContaining('was not saved')]);
  expect(lab.journal.savedSnapshots).toHaveLength(1);
  await lab.stop();
});

test('with deleteEvents only what the oldest kept snapshot covers goes, and recovery still works', async () => {
  const first = new Lab({ limits: { snapshots: { every: 10, keep: 2, deleteEvents: true } } });
  const actor = await work(first, 30);
  const kept = first.journal.savedSnapshots.slice(-2).map(({ sequence }) => sequence);
  expect((await first.stored('p'))[0]?.sequence).toBe(kept[0]! + 1);
  const lab = first.next();
  const again = lab.runtime.spawn('p');
  await again.ready;
  expect(plain({ ...again.state, activeBatch: null })).toEqual(plain(actor.state));
  await lab.stop();
  await first.stop();
});
