import { beforeEach, expect, test } from '@jest/globals';
import { Departures } from '../../../src/cluster/departures.ts';
import type { PipelineEvent } from '../../../src/domain/event.ts';
import type { PipelineState } from '../../../src/domain/state.ts';
import { NO_RECORDER, type PipelineRecorder } from '../../../src/metrics/recorder.ts';
import { createManualClock, type ManualClock } from '../../../src/testing/manual-clock.ts';
import { deferred } from '../../support/lab.ts';

/** What the recorder behind it was told, in order. */
let told: string[];
let asked: (readonly string[])[];
let retired: Set<string>;
let actors: Set<string>;
let clock: ManualClock;
let departures: Departures;

const recorder: PipelineRecorder = {
  ...NO_RECORDER,
  record: (event) => told.push(`${event.type} ${event.pipelineId}`),
  restore: (id, state) => told.push(`restore ${id} ${state.status}`),
  release: (id) => told.push(`release ${id}`),
  remove: (id) => told.push(`remove ${id}`),
};

const leases = {
  retired: async (keys: readonly string[]): Promise<readonly string[]> => {
    asked.push(keys);
    return keys.filter((key) => retired.has(key));
  },
};

const EMPTY: PipelineState = { status: 'empty' };
const created = (createdAt: number) => ({ status: 'configured', createdAt }) as PipelineState;
const event = (type: PipelineEvent['type'], pipelineId: string) => ({ type, pipelineId }) as PipelineEvent;
const look = (): Promise<void> => departures.look(leases, (key) => actors.has(key));

function left(id: string, createdAt = 1): void {
  departures.restore(id, created(createdAt));
  departures.release(id);
}

beforeEach(() => {
  [told, asked, retired, actors] = [[], [], new Set(), new Set()];
  clock = createManualClock();
  departures = new Departures(recorder, clock);
});

test('R1, R2: of those that left, the series go of what was removed since, once', async () => {
  left('stays');
  left('goes');
  retired.add('goes');
  told = [];
  await look();
  expect([asked, told]).toEqual([[['stays', 'goes']], ['remove goes']]);
  await clock.advance(1000);
  await look();
  expect([asked.at(-1), told]).toEqual([['stays'], ['remove goes']]);
  retired.add('stays');
  await clock.advance(1000);
  await look();
  expect(told).toEqual(['remove goes', 'remove stays']);
});

test('R1: what was created here is remembered when it leaves as well, and what was removed here is not', async () => {
  for (const id of ['left', 'removed']) {
    departures.restore(id, EMPTY);
    departures.record(event('PipelineCreated', id), EMPTY, created(1));
  }
  departures.record(event('PipelineRemoved', 'removed'), created(1), EMPTY);
  departures.release('removed');
  departures.release('left');
  // An id that never had a pipeline here.
  departures.restore('never', EMPTY);
  departures.release('never');
  await look();
  expect(asked).toEqual([['left']]);
});

test('R1: a removal that becomes certain after its actor has ended counts as one of here', async () => {
  left('late');
  departures.record(event('PipelineRemoved', 'late'), created(1), EMPTY);
  departures.release('late');
  await look();
  expect(asked).toEqual([]);
});

test('R1: what came back is asked about no more, and goes on from its counts', async () => {
  left('back');
  departures.restore('back', created(1));
  await look();
  expect(asked).toEqual([]);
  expect(told).not.toContain('remove back');
  departures.release('back');
  await look();
  expect(asked).toEqual([['back']]);
});

test('R2: where another pipeline of its id comes, the series of the one before go first', () => {
  left('key', 1);
  departures.restore('key', created(2));
  expect(told.slice(2)).toEqual(['remove key', 'restore key configured']);
  departures.release('key');
  // To be created here.
  departures.restore('key', EMPTY);
  expect(told.slice(4)).toEqual(['release key', 'remove key', 'restore key empty']);
  departures.restore('key', EMPTY);
  departures.record(event('PipelineCreated', 'key'), EMPTY, created(3));
  expect(told.slice(7)).toEqual(['restore key empty', 'PipelineCreated key']);
});

test('R2: also where its actor learns of that by reading the journal again', () => {
  departures.restore('key', created(1));
  departures.restore('key', created(1));
  departures.restore('key', created(2));
  expect(told).toEqual(['restore key configured', 'restore key configured', 'remove key', 'restore key configured']);
});

test('R2: an answer is not taken for what came back while it was under way', async () => {
  const answer = deferred();
  const slow = {
    retired: async (keys: readonly string[]) => {
      await answer.promise;
      return keys;
    },
  };
  for (const id of ['same', 'other', 'arriving', 'gone']) left(id, 1);
  const looking = departures.look(slow, (key) => actors.has(key));
  departures.restore('same', created(1));
  departures.restore('other', created(2));
  departures.release('other');
  actors.add('arriving');
  told = [];
  answer.resolve();
  await looking;
  expect(told).toEqual(['remove gone']);
});

test('R3: nothing is asked while nothing is remembered, nor twice within a second', async () => {
  await look();
  expect(asked).toEqual([]);
  left('key');
  await look();
  for (let ms = 0; ms < 999; ms += 333) {
    await look();
    await clock.advance(333);
  }
  expect(asked).toHaveLength(1);
  await clock.advance(1);
  await look();
  expect(asked).toHaveLength(2);
});

test('R3: many are asked about in several statements, and a failure leaves all to the next look', async () => {
  const ids = Array.from({ length: 10_001 }, (_, index) => `key-${index}`);
  for (const id of ids) left(id);
  const broken = { retired: () => Promise.reject(new Error('no connection')) };
  await expect(departures.look(broken, () => false)).rejects.toThrow('no connection');
  await clock.advance(1000);
  await look();
  expect(asked.map(({ length }) => length)).toEqual([5000, 5000, 1]);
  expect(asked.flat()).toEqual(ids);
});

test('R4: what has its actor here is asked about when that has gone', async () => {
  left('ending');
  left('held');
  actors.add('ending').add('held');
  retired.add('ending');
  await look();
  expect(asked).toEqual([]);
  actors.delete('ending');
  await look();
  expect(asked).toEqual([['ending']]);
  expect(told).toContain('remove ending');
});

test('everything else passes unchanged', () => {
  const calls: unknown[][] = [];
  const listening = new Proxy(NO_RECORDER, {
    get:
      (_, name) =>
      (...args: unknown[]) =>
        void calls.push([name, ...args]),
  });
  const passing = new Departures(listening, clock);
  passing.batchesInflight('key', 1);
  passing.batchDeduplicated('key');
  passing.sourceLag('key', 7);
  passing.recovered(0.5, 3);
  passing.appended(0.25);
  passing.remove('key');
  expect(calls).toEqual([
    ['batchesInflight', 'key', 1],
    ['batchDeduplicated', 'key'],
    ['sourceLag', 'key', 7],
    ['recovered', 0.5, 3],
    ['appended', 0.25],
    ['remove', 'key'],
  ]);
});
