import { describe, expect, test } from '@jest/globals';
import { iterableSource, LINGER_MS } from '../../../../src/connectors/sources/iterable.ts';
import type { Clock } from '../../../../src/runtime/clock.ts';
import type { SourceBatch } from '../../../../src/runtime/connector.ts';
import { failureOf, NEVER, readAll, recordsOf, START, sourceSpec } from '../support/harness.ts';

/** Timers that fire when told. */
function manualTimers() {
  const timers = new Set<() => void>();
  const clock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    setTimeout(callback, delayMs) {
      expect(delayMs).toBe(LINGER_MS);
      timers.add(callback);
      return { cancel: () => void timers.delete(callback) };
    },
  };
  return {
    clock,
    timers,
    fire() {
      for (const callback of timers) callback();
    },
  };
}

/** Records that arrive when told. */
function channel() {
  const waiting: ((result: IteratorResult<unknown>) => void)[] = [];
  const ready: IteratorResult<unknown>[] = [];
  const state = { returned: 0 };
  const put = (result: IteratorResult<unknown>) => {
    const next = waiting.shift();
    if (next) next(result);
    else ready.push(result);
  };
  return {
    state,
    push: (value: unknown) => put({ done: false, value }),
    end: () => put({ done: true, value: undefined }),
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          const result =
            ready.shift() ?? (await new Promise<IteratorResult<unknown>>((resolve) => waiting.push(resolve)));
          if (result.done) return;
          yield result.value;
        }
      } finally {
        state.returned += 1;
      }
    },
  };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

async function* count(to: number) {
  for (let index = 0; index < to; index++) yield index;
}

describe('iterables', () => {
  test.each([
    ['async', () => count(5)],
    ['sync', () => [0, 1, 2, 3, 4]],
  ])('%s: batches, and the first records dropped on resume', async (_name, records) => {
    const { clock, timers } = manualTimers();
    const sizes = async (offset: number) =>
      (await readAll(iterableSource(records(), clock), { batchSize: 2, checkpoint: { ...START, offset } })).map(
        (batch) => batch.records,
      );
    expect(await sizes(0)).toEqual([[0, 1], [2, 3], [4]]);
    expect(await sizes(3)).toEqual([[3, 4]]);
    expect(await sizes(5)).toEqual([]);
    expect(timers.size).toBe(0);
    for (const offset of [6, 'x']) {
      const error = await failureOf(readAll(iterableSource(records(), clock), { checkpoint: { ...START, offset } }));
      expect(error.code).toBe('DATAFLOW_ERR_SOURCE_CHANGED');
    }
  });

  test('open() is told the checkpoint and trusted', async () => {
    const { clock } = manualTimers();
    const source = iterableSource({ open: async (checkpoint) => [checkpoint.offset] }, clock);
    expect(recordsOf(await readAll(source, { checkpoint: { ...START, offset: 'here' } }))).toEqual(['here']);
  });

  test('a slow stream flows when the linger is over', async () => {
    const { clock, timers, fire } = manualTimers();
    const records = channel();
    const batches: SourceBatch[] = [];
    const context = { pipelineId: 'p', spec: sourceSpec('x'), batchSize: 3, signal: NEVER };
    const reading = (async () => {
      for await (const batch of iterableSource(records, clock).read(START, context)) batches.push(batch);
    })();
    records.push(1);
    await settle();
    expect([batches.length, timers.size]).toEqual([0, 1]);
    fire();
    await settle();
    expect(batches).toEqual([{ records: [1] }]);
    for (const value of [2, 3, 4, 5]) records.push(value);
    await settle();
    expect(batches.at(-1)).toEqual({ records: [2, 3, 4] });
    records.end();
    await reading;
    expect(batches.at(-1)).toEqual({ records: [5] });
    expect(timers.size).toBe(0);
  });

  test('abort ends at once while the stream waits', async () => {
    const { clock, timers } = manualTimers();
    const records = channel();
    const controller = new AbortController();
    const reading = readAll(iterableSource(records, clock), { signal: controller.signal });
    records.push(1);
    await settle();
    controller.abort();
    expect(await reading).toEqual([]);
    expect(timers.size).toBe(0);
  });

  test('leaving the loop closes the iterator', async () => {
    const { clock } = manualTimers();
    const records = channel();
    const context = { pipelineId: 'p', spec: sourceSpec('x'), batchSize: 1, signal: NEVER };
    records.push(1);
    for await (const batch of iterableSource(records, clock).read(START, context)) {
      expect(batch.records).toEqual([1]);
      break;
    }
    expect(records.state.returned).toBe(1);
  });

  test('what came before an error is given, then the error', async () => {
    const { clock } = manualTimers();
    async function* failing() {
      yield 1;
      throw new Error('lost');
    }
    const seen: unknown[] = [];
    const context = { pipelineId: 'p', spec: sourceSpec('x'), batchSize: 5, signal: NEVER };
    const error = await failureOf(
      (async () => {
        for await (const batch of iterableSource(failing(), clock).read(START, context)) seen.push(...batch.records);
      })(),
    );
    expect(error.message).toBe('lost');
    expect(seen).toEqual([1]);
  });
});
