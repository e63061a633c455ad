/** A pipeline that leaves a process and is removed by the next: what the first one's scrape shows of it. */
import { expect, test } from '@jest/globals';
import type { Platform } from '../../src/platform/platform.ts';
import { type NodeOptions, ownedAs, ownedBy, startNode, useSharedDatabase } from '../support/cluster.ts';
import { pollFor } from '../support/poll.ts';
import { parsePrometheus, sampleValue } from '../support/prometheus-parser.ts';

const NULL = { type: 'null', connectionString: 'null' } as const;

const shared = useSharedDatabase();

const node = (name: string, options: Partial<NodeOptions> = {}): Promise<Platform> =>
  startNode({
    url: shared.server.url(),
    schema: shared.schema,
    node: name,
    metrics: { prometheus: { host: '127.0.0.1', port: 0 } },
    ...options,
  });

const batch = (number: number) => ({ batchId: `batch-${number}`, records: [{ number }], sourceOffset: number });

async function spawn(platform: Platform, id: string): Promise<void> {
  await (await platform.spawnPipeline({ id, source: { type: 'push' }, sink: NULL })).start();
}

const textOf = async (platform: Platform): Promise<string> => (await fetch(platform.metricsUrl as string)).text();

/** The lines of a scrape that name the pipeline. */
async function linesOf(platform: Platform, id: string): Promise<string[]> {
  return (await textOf(platform)).split('\n').filter((line) => line.includes(id));
}

async function processedBy(platform: Platform, id: string): Promise<number | undefined> {
  return sampleValue(parsePrometheus(await textOf(platform)), 'dataflow_batches_processed_total', { pipeline_id: id });
}

const untilNoLine = (platform: Platform, id: string): Promise<string[]> =>
  pollFor(
    () => linesOf(platform, id),
    (lines) => lines.length === 0,
  );

/** Two pipelines with a batch each, one of which has gone from the first process to the second. */
async function handedOver(): Promise<{ one: Platform; two: Platform; moved: string; kept: string }> {
  const ids = ['orders', 'invoices'];
  const one = await node('one');
  for (const id of ids) {
    await spawn(one, id);
    await one.pipeline(id).ingest(batch(0));
  }
  const two = await node('two');
  await ownedAs(
    [
      [one, 1],
      [two, 1],
    ],
    ids,
  );
  const [moved] = ownedBy(two);
  const [kept] = ownedBy(one);
  return { one, two, moved: moved as string, kept: kept as string };
}

test('its counters stay until its next owner has removed it, then no line of it is left', async () => {
  const { one, two, moved, kept } = await handedOver();
  expect(await processedBy(one, moved)).toBe(1);
  expect((await linesOf(one, moved)).filter((line) => line.startsWith('dataflow_pipeline_state'))).toEqual([]);
  await two.pipeline(moved).ingest(batch(1));

  await two.removePipeline(moved);
  expect(await linesOf(two, moved)).toEqual([]);
  await untilNoLine(one, moved);
  expect(await processedBy(one, kept)).toBe(1);
});

test('one of its id that is created again elsewhere and comes back begins at 0', async () => {
  const { one, two, moved } = await handedOver();
  await two.removePipeline(moved);
  await spawn(two, moved);
  await two.shutdown();
  await pollFor(
    async () => ownedBy(one),
    (ids) => ids.includes(moved),
  );
  expect(await processedBy(one, moved)).toBe(0);
  await one.pipeline(moved).ingest(batch(0));
  expect(await processedBy(one, moved)).toBe(1);
});

test('what a process lost that was cut off goes as well, once it is connected again', async () => {
  const cut = await node('cut', { url: shared.server.url(shared.proxy.port) });
  await spawn(cut, 'orders');
  await cut.pipeline('orders').ingest(batch(0));
  const other = await node('other');
  shared.proxy.part(true);
  await ownedAs(
    [
      [cut, 0],
      [other, 1],
    ],
    ['orders'],
  );
  await other.removePipeline('orders');
  expect(await processedBy(cut, 'orders')).toBe(1);
  shared.proxy.part(false);
  await untilNoLine(cut, 'orders');
});
