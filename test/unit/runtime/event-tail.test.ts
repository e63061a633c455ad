import { expect, test } from '@jest/globals';
import { createMemoryJournal } from '../../../src/journals/memory.ts';
import { type EventsOptions, EventTail, type RecordedEvent } from '../../../src/runtime/event-tail.ts';
import type { Journal, JournalEvent } from '../../../src/runtime/journal.ts';
import { createManualClock, settle } from '../../../src/testing/manual-clock.ts';
import { FaultyJournal } from '../../support/faulty-journal.ts';

const started = (pipelineId: string, tags: readonly string[] = ['all-events']): JournalEvent => ({
  data: { type: 'PipelineStarted', schemaVersion: 1, pipelineId, timestamp: 1 },
  tags,
  timestamp: 1,
});

async function fill(journal: Journal, count: number, key = 'p'): Promise<void> {
  const after = await journal.highestSequence(key);
  await journal.append(
    key,
    after,
    Array.from({ length: count }, () => started(key)),
  );
}

function setUp(journal: Journal = createMemoryJournal()) {
  const clock = createManualClock();
  let ends = 0;
  const open = (options: EventsOptions = {}) =>
    new EventTail(journal, clock, options, () => {
      ends++;
    });
  return { journal, clock, open, ends: () => ends };
}

async function take(tail: EventTail, count: number): Promise<number[]> {
  const sequences: number[] = [];
  while (sequences.length < count) sequences.push((await tail.next()).value!.sequence);
  return sequences;
}

async function all(tail: EventTail): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const event of tail) events.push(event);
  return events;
}

test('gives every event with its place, pipeline and tags, and ends where it is not live', async () => {
  const { journal, open, ends } = setUp();
  await journal.append('a', 0, [started('a', ['x']), started('a', ['x', 'y'])]);
  await journal.append('b', 0, [started('b', ['y'])]);
  const events = await all(open({ live: false }));
  expect(events.map(({ pipelineId, sequence }) => [pipelineId, sequence])).toEqual([
    ['a', 1],
    ['a', 2],
    ['b', 1],
  ]);
  expect(events[1]).toMatchObject({ tags: ['x', 'y'], timestamp: 1, event: { type: 'PipelineStarted' } });
  const [, second] = events;
  expect(await all(open({ live: false, tag: 'y', fromOffset: second!.offset }))).toEqual([events[2]]);
  expect(await all(open({ live: false, tag: 'none' }))).toEqual([]);
  expect(ends()).toBe(3);
});

test('goes on with what is appended later (R3)', async () => {
  const { journal, open } = setUp();
  await fill(journal, 2);
  const tail = open();
  expect(await take(tail, 2)).toEqual([1, 2]);
  const waiting = take(tail, 3);
  await settle();
  await fill(journal, 1);
  await settle();
  await fill(journal, 2);
  expect(await waiting).toEqual([3, 4, 5]);
  await tail.end();
});

test('misses nothing of many appends that come while it reads (R3)', async () => {
  const { journal, open } = setUp();
  const tail = open();
  const seen = take(tail, 3000);
  for (let round = 0; round < 1000; round++) await fill(journal, 3);
  expect(await seen).toEqual(Array.from({ length: 3000 }, (_, index) => index + 1));
  await tail.end();
});

test('looks for what another process has appended, by the clock', async () => {
  const journal = new FaultyJournal(createMemoryJournal());
  journal.onAppend = () => () => {};
  const { clock, open } = setUp(journal);
  const tail = open({ pollIntervalMs: 500 });
  const waiting = take(tail, 1);
  await settle();
  await fill(journal, 1);
  await clock.advance(499);
  expect(clock.pending).toBe(1);
  await clock.advance(1);
  expect(await waiting).toEqual([1]);
  await tail.end();
  expect(clock.pending).toBe(0);
});

test('ends a wait, frees the timer, and gives nothing afterwards', async () => {
  for (const how of ['end', 'return'] as const) {
    const { journal, clock, open, ends } = setUp();
    const tail = open();
    const waiting = tail.next();
    await settle();
    expect(clock.pending).toBe(1);
    await tail[how]();
    await tail[how]();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await fill(journal, 1);
    expect(await tail.next()).toEqual({ done: true, value: undefined });
    expect([clock.pending, ends()]).toEqual([0, 1]);
  }
});

test('saves what was handled, not what was only given (R1)', async () => {
  const { journal, open } = setUp();
  await fill(journal, 5);
  const seen: number[] = [];
  for await (const { sequence } of open({ projection: 'totals' })) {
    seen.push(sequence);
    if (sequence === 3) break;
  }
  // The third was given and never called handled, so it comes again.
  const again = open({ projection: 'totals' });
  seen.push(...(await take(again, 3)));
  await again.end();
  expect(seen).toEqual([1, 2, 3, 3, 4, 5]);
  expect(await take(open({ projection: 'other', fromOffset: 4 }), 1)).toEqual([5]);
});

test('a consumer that vanishes without a word gets at most a chunk or a second of events again (R1, R2)', async () => {
  const { journal, clock, open } = setUp();
  await fill(journal, 2500);
  const first = open({ projection: 'totals' });
  await take(first, 1500);
  const byChunk = open({ projection: 'totals' });
  expect(await take(byChunk, 1)).toEqual([1001]);
  await take(byChunk, 9);
  await clock.advance(1000);
  await take(byChunk, 2);
  expect(await take(open({ projection: 'totals' }), 1)).toEqual([1011]);
});

test('saves before it waits, so that an idle projection has nothing to repeat (R2)', async () => {
  const { journal, open } = setUp();
  await fill(journal, 3);
  const tail = open({ projection: 'totals' });
  await take(tail, 3);
  const waiting = tail.next();
  await settle();
  expect(await journal.projectionOffset('totals')).toBe(3);
  await tail.end();
  await waiting;
});

test('a stored offset is where it goes on, fromOffset only where a projection begins', async () => {
  const { journal, open } = setUp();
  await fill(journal, 5);
  expect(await all(open({ projection: 'totals', fromOffset: 3, live: false }))).toHaveLength(2);
  expect(await all(open({ projection: 'totals', fromOffset: 0, live: false }))).toHaveLength(0);
  expect(await journal.projectionOffset('totals')).toBe(5);
});

test('asks that are not awaited are answered in order', async () => {
  const { journal, open } = setUp();
  await fill(journal, 3);
  const tail = open({ live: false });
  const answers = await Promise.all([tail.next(), tail.next(), tail.next(), tail.next()]);
  expect(answers.map(({ value }) => value?.sequence)).toEqual([1, 2, 3, undefined]);
});

test('rejects with the reason of its signal, before, while reading and while waiting, and saves what was handled', async () => {
  const { journal, open, ends } = setUp();
  const reason = new Error('enough');
  await expect(open({ signal: AbortSignal.abort(reason) }).next()).rejects.toBe(reason);
  await fill(journal, 3);
  const controller = new AbortController();
  const { signal } = controller;
  const [waits, reads] = [open({ signal, projection: 'waits' }), open({ signal, projection: 'reads' })];
  await take(waits, 3);
  await take(reads, 2);
  const waiting = waits.next();
  await settle();
  controller.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  await expect(reads.next()).rejects.toBe(reason);
  expect(await waits.next()).toEqual({ done: true, value: undefined });
  expect([await journal.projectionOffset('waits'), await journal.projectionOffset('reads')]).toEqual([3, 2]);
  expect(ends()).toBe(3);
});

test('an event of a newer version ends the reading with a code; its predecessor is saved, it is not', async () => {
  const { journal, open } = setUp();
  await fill(journal, 1);
  await journal.append('p', 1, [{ ...started('p'), data: { type: 'PipelineDreamt', schemaVersion: 9 } }]);
  const tail = open({ projection: 'totals' });
  await take(tail, 1);
  await expect(tail.next()).rejects.toMatchObject({
    code: 'DATAFLOW_ERR_RECOVERY_EVENT_UNKNOWN',
    details: { key: 'p', sequence: 2 },
  });
  expect(await tail.next()).toEqual({ done: true, value: undefined });
  expect(await journal.projectionOffset('totals')).toBe(1);
});

test('a failure of the journal reaches the consumer', async () => {
  const journal = new FaultyJournal(createMemoryJournal());
  const { open, ends } = setUp(journal);
  await fill(journal, 1);
  const failure = new Error('disk gone');
  journal.saveProjectionOffset = () => Promise.reject(failure);
  const tail = open({ projection: 'totals' });
  await take(tail, 1);
  await expect(tail.next()).rejects.toBe(failure);
  expect(ends()).toBe(1);
});
