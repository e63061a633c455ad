import { expect, test } from '@jest/globals';
import type { Platform } from '../../src/platform/platform.ts';
import type { RecordedEvent } from '../../src/runtime/event-tail.ts';
import { startTestPlatform } from '../../src/testing/test-platform.ts';
import { folderWith } from '../support/folder.ts';

async function runPipeline(platform: Platform, id: string, records = 25): Promise<void> {
  const source = Object.assign(
    Array.from({ length: records }, (_, n) => ({ n })),
    { batchSize: 10 },
  );
  const pipeline = await platform.spawnPipeline({ id, name: `pipeline-${id}`, source, sink: { write: () => {} } });
  await pipeline.start();
  await pipeline.completion();
}

const batches = (events: readonly RecordedEvent[]) =>
  events.flatMap(({ pipelineId, event }) =>
    event.type === 'BatchProcessed' ? [`${pipelineId}:${event.successCount}`] : [],
  );

test('a projection sees every batch of every pipeline as it becomes durable, and ends with the platform', async () => {
  const { platform } = await startTestPlatform();
  const seen: RecordedEvent[] = [];
  let enough = () => {};
  const stopped = new Promise<void>((resolve) => {
    enough = resolve;
  });
  const projection = (async () => {
    for await (const event of platform.events({ tag: 'pipeline-events', projection: 'totals' })) {
      seen.push(event);
      if (seen.filter((one) => one.event.type === 'PipelineStopped').length === 2) enough();
    }
    return 'ended';
  })();
  await Promise.all([runPipeline(platform, 'a'), runPipeline(platform, 'b', 5)]);
  await stopped;
  await platform.shutdown();
  expect(await projection).toBe('ended');
  expect(batches(seen).sort()).toEqual(['a:10', 'a:10', 'a:5', 'b:5']);
  expect(() => platform.events()).toThrow(expect.objectContaining({ code: 'DATAFLOW_ERR_PLATFORM_SHUT_DOWN' }));
});

test('goes on after a restart where it was, on an embedded journal', async () => {
  const path = await folderWith();
  const seen: RecordedEvent[] = [];
  for (const id of ['a', 'b', 'c']) {
    const { platform } = await startTestPlatform({ journal: { kind: 'embedded', path } });
    await runPipeline(platform, id);
    for await (const event of platform.events({ tag: 'batch-events', projection: 'totals', live: false })) {
      seen.push(event);
    }
    await platform.shutdown();
  }
  expect(batches(seen)).toEqual(['a', 'b', 'c'].flatMap((id) => [`${id}:10`, `${id}:10`, `${id}:5`]));
  expect(new Set(seen.map(({ offset }) => offset)).size).toBe(seen.length);
});

test('a platform that is shut down from within the loop ends, and the event at hand comes again', async () => {
  const path = await folderWith();
  const first: number[] = [];
  const { platform } = await startTestPlatform({ journal: { kind: 'embedded', path } });
  await runPipeline(platform, 'a');
  for await (const { sequence } of platform.events({ projection: 'totals' })) {
    first.push(sequence);
    if (sequence === 4) await platform.shutdown();
  }
  expect(first).toEqual([1, 2, 3, 4]);
  const { platform: next } = await startTestPlatform({ journal: { kind: 'embedded', path } });
  const [again] = [await next.events({ projection: 'totals' })[Symbol.asyncIterator]().next()];
  expect(again.value.sequence).toBe(4);
  await next.shutdown();
});

test('a projection is read once at a time; readings without a name do not mind each other', async () => {
  const { platform } = await startTestPlatform();
  await runPipeline(platform, 'a');
  const events = platform.events({ projection: 'totals' });
  const reading = events[Symbol.asyncIterator]();
  await reading.next();
  expect(() => events[Symbol.asyncIterator]()).toThrow(
    expect.objectContaining({ code: 'DATAFLOW_ERR_PROJECTION_IN_USE' }),
  );
  const others = [platform.events(), platform.events()].map((other) => other[Symbol.asyncIterator]().next());
  expect((await Promise.all(others)).map(({ value }) => value.sequence)).toEqual([1, 1]);
  await reading.return!();
  await events[Symbol.asyncIterator]().next();
  const late = events;
  await platform.shutdown();
  expect(await late[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
});

test('refuses options that mean nothing', async () => {
  const { platform } = await startTestPlatform();
  for (const bad of [{ fromOffset: -1 }, { fromOffset: 0.5 }, { pollIntervalMs: 0 }, { projection: '' }, { tag: '' }]) {
    expect(() => platform.events(bad)).toThrow(expect.objectContaining({ code: 'DATAFLOW_ERR_JOURNAL_INPUT_INVALID' }));
  }
  await platform.shutdown();
});
