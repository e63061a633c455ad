/** What a process still counts of a pipeline that has left it, and that the next owner removes. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { PipelineActor } from '../../../src/runtime/pipeline-actor.ts';
import { createManualClock, type ManualClock, settle } from '../../../src/testing/manual-clock.ts';
import { ClusterProcess, LEASE_MS } from '../../support/cluster-process.ts';
import { createCommand, ingest } from '../../support/lab.ts';
import { LeasedStore } from '../../support/leased-store.ts';

let clock: ManualClock;
let store: LeasedStore;
let one: ClusterProcess;
let two: ClusterProcess;

const start = async (name: string, number: number): Promise<ClusterProcess> => {
  const process = new ClusterProcess(name, store, number);
  void process.cluster.start();
  await clock.advance(300);
  return process;
};

async function create(process: ClusterProcess, key: string): Promise<void> {
  const claimed = process.cluster.claim(key);
  await settle();
  const actor = await claimed;
  const done = [createCommand(key), { type: 'StartPipeline' } as const].map((command) => actor?.send(command));
  await settle();
  await Promise.all(done);
}

async function remove(process: ClusterProcess, key: string): Promise<void> {
  const removed = process.runtime.get(key)?.send({ type: 'RemovePipeline' });
  await settle();
  await removed;
  const retired = process.cluster.retire(key);
  await settle();
  await retired;
}

const counted = (process: ClusterProcess): string[] => [...process.series.counted.keys()].sort();

beforeEach(async () => {
  clock = createManualClock();
  store = new LeasedStore(clock);
  one = await start('one', 1);
  await create(one, 'p');
  await create(one, 'q');
});

afterEach(async () => {
  for (const process of [one, two]) {
    process.view.isParted = false;
    const drained = process.cluster.drain(0);
    await clock.advance(2000);
    await drained;
  }
});

/** The key that went from one process to the other for balance. */
async function handedOver(): Promise<string> {
  two = await start('two', 2);
  await clock.advance(5 * LEASE_MS);
  const [key] = two.holdings.keys();
  expect([one.holdings.size, two.holdings.size]).toEqual([1, 1]);
  return key as string;
}

test('a pipeline that was handed over is counted on until its next owner has removed it', async () => {
  const key = await handedOver();
  await clock.advance(10 * LEASE_MS);
  expect(counted(one)).toEqual(['p', 'q']);
  await remove(two, key);
  await clock.advance(1000 + LEASE_MS / 20);
  expect(counted(one)).toEqual(one.holdings.keys());
  expect(counted(two)).toEqual([]);
});

test('so are those that were lost because no lease could be renewed', async () => {
  two = await start('two', 2);
  one.view.isParted = true;
  await clock.advance(5 * LEASE_MS);
  expect([one.holdings.size, two.holdings.size]).toEqual([0, 2]);
  await remove(two, 'p');
  await remove(two, 'q');
  await clock.advance(2 * LEASE_MS);
  // It cannot know.
  expect(counted(one)).toEqual(['p', 'q']);
  one.view.isParted = false;
  await clock.advance(2 * LEASE_MS);
  expect(counted(one)).toEqual([]);
});

test('so are those whose append was fenced', async () => {
  two = await start('two', 2);
  const row = store.rows.get('p');
  if (row !== undefined) row.expiresAt = clock.monotonic();
  const claimed = two.cluster.claim('p');
  await settle();
  await claimed;
  const late = ingest(one.runtime.get('p') as PipelineActor, 'late');
  await expect(Promise.all([late, settle()])).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_FENCED' });
  await settle();
  expect(one.counts.fenced).toBe(1);
  await remove(two, 'p');
  await clock.advance(1000 + LEASE_MS / 20);
  expect(counted(one)).toEqual(['q']);
});

test('a removal whose process ended before it gave the lease back is noticed as well', async () => {
  const key = await handedOver();
  const removed = two.runtime.get(key)?.send({ type: 'RemovePipeline' });
  await settle();
  await removed;
  two.view.isParted = true;
  await clock.advance(5 * LEASE_MS);
  expect(store.rows.get(key)).toMatchObject({ owner: undefined, isRetired: true });
  expect(counted(one)).toEqual(one.holdings.keys());
});

test('one that was removed and created again before anybody looked does not go on from the old counts', async () => {
  const key = await handedOver();
  const before = one.series.counted.get(key);
  await clock.advance(1);
  await remove(two, key);
  await create(two, key);
  const [again] = two.series.counted.get(key) ?? [];
  expect(before).not.toContain(again);
  await clock.advance(2 * LEASE_MS);
  const drained = two.cluster.drain(0);
  await clock.advance(5 * LEASE_MS);
  await drained;
  expect(one.cluster.holds(key)).toBe(true);
  expect(one.series.counted.get(key)).toEqual(new Set([again]));
});

test('nor one that is created again here at once', async () => {
  const key = await handedOver();
  const before = one.series.counted.get(key);
  await remove(two, key);
  await create(one, key);
  expect(one.series.counted.get(key)?.size).toBe(1);
  expect(one.series.counted.get(key)).not.toEqual(before);
});
