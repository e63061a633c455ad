import { expect, test } from '@jest/globals';
import type { PipelineSpec } from '../../src/platform/code-parts.ts';
import type { Platform } from '../../src/platform/platform.ts';
import { startPlatform } from '../../src/platform/start.ts';
import type { WriteContext } from '../../src/runtime/connector.ts';
import {
  metricOf,
  type NodeOptions,
  ownedAs,
  ownedBy,
  shutDownNodes,
  startNode,
  useSharedDatabase,
} from '../support/cluster.ts';
import { deferred } from '../support/lab.ts';
import { pollFor } from '../support/poll.ts';
import { ask } from '../support/status-page.ts';

const NULL = { type: 'null', connectionString: 'null' } as const;
const ELSEWHERE = { code: 'DATAFLOW_ERR_PIPELINE_ELSEWHERE' };

const shared = useSharedDatabase();

const node = (name: string, options: Partial<NodeOptions> = {}): Promise<Platform> =>
  startNode({ url: shared.server.url(), schema: shared.schema, node: name, ...options });

const idsOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `pipeline-${index}`);

async function spawnAll(platform: Platform, ids: readonly string[]): Promise<void> {
  for (const id of ids) await (await platform.spawnPipeline({ id, source: { type: 'push' }, sink: NULL })).start();
}

const batch = (number: number) => ({ batchId: `batch-${number}`, records: [{ number }], sourceOffset: number });

test('pipelines are shared out evenly, each to one process, as processes come and go', async () => {
  const ids = idsOf(7);
  const one = await node('one');
  await spawnAll(one, ids);
  expect(ownedBy(one)).toEqual(ids);
  const two = await node('two');
  await ownedAs(
    [
      [one, 4],
      [two, 3],
    ],
    ids,
  );
  const three = await node('three');
  await ownedAs(
    [
      [one, 3],
      [three, 2],
      [two, 2],
    ],
    ids,
  );
  expect(await metricOf(one, 'dataflow.pipelines.running')).toBe(3);

  await two.shutdown();
  await ownedAs(
    [
      [one, 4],
      [three, 3],
    ],
    ids,
  );
  await one.shutdown();
  await ownedAs([[three, 7]], ids);
  expect(three.health().pipelines.running).toBe(7);
  // Everything was handed over in order.
  expect(await metricOf(three, 'dataflow.cluster.takeovers')).toBe(0);
  expect(await metricOf(three, 'dataflow.cluster.appends.fenced')).toBe(0);
  expect(await metricOf(three, 'dataflow.cluster.pipelines.owned')).toBe(7);
  expect(await metricOf(three, 'dataflow.cluster.nodes')).toBe(1);
});

test('a command to the wrong process is refused with the name of the owner, in code and over HTTP', async () => {
  const one = await node('one', { statusPage: { port: 0 } });
  const two = await node('two', { statusPage: { port: 0 } });
  await spawnAll(one, ['orders']);
  await one.pipeline('orders').ingest(batch(0));

  const remote = two.pipeline('orders');
  for (const command of [remote.stop(), remote.ingest(batch(1)), two.removePipeline('orders')]) {
    await expect(command).rejects.toMatchObject({ ...ELSEWHERE, details: { owner: 'one' } });
  }
  // Looking is possible everywhere.
  expect(await remote.state()).toMatchObject({ status: 'running', metrics: { totalBatchesProcessed: 1 } });
  const answer = await ask(two.statusUrl as string, '/api/v1/pipelines/orders/stop', { method: 'POST', body: {} });
  expect(answer).toMatchObject({ status: 409, body: ELSEWHERE });
  expect(answer.body.message).toContain(`runs on one (${one.statusUrl})`);

  await expect(two.pipeline('nobody').stop()).rejects.toMatchObject({ code: 'DATAFLOW_ERR_PIPELINE_UNKNOWN' });
  await expect(two.pipeline('nobody').state()).rejects.toMatchObject({ code: 'DATAFLOW_ERR_PIPELINE_UNKNOWN' });

  const cluster = await pollFor(
    async () => (await ask(two.statusUrl as string, '/api/v1/cluster')).body,
    ({ nodes }) => nodes.length === 2 && nodes[0].pipelines === 1,
  );
  expect(cluster.nodes).toEqual([
    { node: 'one', address: one.statusUrl, pipelines: 1, self: false, state: 'up' },
    { node: 'two', address: two.statusUrl, pipelines: 0, self: true, state: 'up' },
  ]);
});

test('of two processes that spawn the same pipeline one creates it, and both have a handle', async () => {
  const [one, two] = [await node('one'), await node('two')];
  const spec = { id: 'same', source: { type: 'push' }, sink: NULL } as const;
  const handles = await Promise.all([one, two].map((platform) => platform.spawnPipeline(spec)));
  expect([...ownedBy(one), ...ownedBy(two)]).toEqual(['same']);
  const [owner, other] = ownedBy(one).length === 1 ? handles : [handles[1], handles[0]];
  await owner?.start();
  expect(await other?.state()).toMatchObject({ status: 'running' });
  const another = { ...spec, description: 'another one' };
  for (const platform of [one, two]) {
    await expect(platform.spawnPipeline(another)).rejects.toMatchObject({ code: 'DATAFLOW_ERR_PIPELINE_CONFLICT' });
  }
});

test('a batch in progress ends before its pipeline is handed over, and completion is known everywhere', async () => {
  const writing = deferred();
  const written = deferred();
  const writes: string[] = [];
  const spec = (name: string): PipelineSpec => ({
    id: 'slow',
    source: { type: 'push' },
    sink: {
      async write(_records: readonly unknown[], { batchId, lease }: WriteContext) {
        writes.push(`${name} ${batchId} ${lease?.epoch}`);
        writing.resolve();
        if (batchId === 'batch-0') await written.promise;
      },
    },
  });
  const [one, two] = [await node('one'), await node('two')];
  const slow = await one.spawnPipeline(spec('one'));
  await slow.start();
  const remote = await two.spawnPipeline(spec('two'));
  const completion = remote.completion();
  const outcome = slow.ingest(batch(0));
  await writing.promise;
  const shutdown = one.shutdown();
  written.resolve();
  expect(await outcome).toMatchObject({ batchId: 'batch-0', successCount: 1 });
  await shutdown;

  await ownedAs([[two, 1]], ['slow']);
  await remote.ingest(batch(1));
  expect(writes).toEqual(['one batch-0 1', 'two batch-1 2']);
  await remote.stop('done');
  expect(await completion).toMatchObject({ status: 'stopped', stopReason: 'done' });
});

test('a pipeline whose code only one process knows goes to that one', async () => {
  const one = await node('one');
  const records = ['a', 'b', 'c'];
  const sink = { write: () => {} };
  const code = await one.spawnPipeline({ id: 'code', source: { type: 'push' }, sink });
  await code.start();
  await one.shutdown();
  const stranger = await node('stranger');
  await ownedAs([[stranger, 1]], ['code']);
  const two = await node('two');
  const again = await two.spawnPipeline({ id: 'code', source: { type: 'push' }, sink });
  await ownedAs(
    [
      [stranger, 0],
      [two, 1],
    ],
    ['code'],
  );
  expect(await again.ingest({ batchId: 'first', records, sourceOffset: 0 })).toMatchObject({ successCount: 3 });
});

test('a removed pipeline has no owner, and may be created again by any process', async () => {
  const [one, two] = [await node('one'), await node('two')];
  await spawnAll(one, ['gone', 'stays']);
  await ownedAs(
    [
      [one, 1],
      [two, 1],
    ],
    ['gone', 'stays'],
  );
  const [owner, other] = ownedBy(one).includes('gone') ? [one, two] : [two, one];
  await owner.removePipeline('gone');
  expect(
    await shared.server.query(`SELECT key, owner, is_retired FROM ${shared.schema}.leases WHERE key = 'gone'`),
  ).toEqual([{ key: 'gone', owner: null, is_retired: true }]);
  await expect(other.pipeline('gone').start()).rejects.toMatchObject({ code: 'DATAFLOW_ERR_PIPELINE_UNKNOWN' });
  await spawnAll(other, ['gone']);
  expect(ownedBy(other)).toContain('gone');
  expect(await shared.server.query(`SELECT is_retired FROM ${shared.schema}.leases WHERE key = 'gone'`)).toEqual([
    { is_retired: false },
  ]);
});

test('a process that is cut off gives up what it has, another goes on, and what comes back late is fenced', async () => {
  const ids = idsOf(4);
  const cut = await node('cut', { url: shared.server.url(shared.proxy.port) });
  await spawnAll(cut, ids);
  const other = await node('other');
  const [before] = await ownedAs(
    [
      [cut, 2],
      [other, 2],
    ],
    ids,
  );
  const mine = before?.[0] as string;
  expect(await cut.pipeline(mine).ingest(batch(0))).toMatchObject({ duplicate: false });

  shared.proxy.part(true);
  const late = cut.pipeline(mine).ingest(batch(1));
  late.catch(() => {});
  await ownedAs(
    [
      [cut, 0],
      [other, 4],
    ],
    ids,
  );
  expect(await metricOf(other, 'dataflow.cluster.takeovers')).toBe(2);
  expect(await other.pipeline(mine).ingest(batch(2))).toMatchObject({ duplicate: false });

  shared.proxy.part(false);
  await expect(late).rejects.toMatchObject({ code: expect.stringMatching(/ELSEWHERE|FENCED|BATCH_ABANDONED/) });
  await ownedAs(
    [
      [cut, 2],
      [other, 2],
    ],
    ids,
  );
  const owner = ownedBy(cut).includes(mine) ? cut : other;
  expect(await owner.pipeline(mine).ingest(batch(3))).toMatchObject({ duplicate: false });
  const rows = await shared.server.query(
    `SELECT data::json->>'batchId' AS batch FROM ${shared.schema}.events
     WHERE key = $1 AND data::json->>'type' = 'BatchProcessed' ORDER BY sequence`,
    [mine],
  );
  expect(rows.map((row) => row.batch)).toEqual(['batch-0', 'batch-2', 'batch-3']);
});

test('an append under a lease that another process has taken ends the actor and is counted', async () => {
  const one = await node('one');
  await spawnAll(one, ['orders']);
  // What a process finds that was frozen for longer than its lease.
  await shared.server.query(
    `UPDATE ${shared.schema}.leases SET owner = 'somebody', epoch = epoch + 1, takeover_epoch = epoch + 1`,
  );
  await expect(one.pipeline('orders').ingest(batch(0))).rejects.toMatchObject({
    code: 'DATAFLOW_ERR_JOURNAL_FENCED',
    details: { owner: 'somebody' },
  });
  expect(await metricOf(one, 'dataflow.cluster.appends.fenced')).toBe(1);
  expect(ownedBy(one)).toEqual([]);
  // The lease runs out, since nobody renews it.
  await ownedAs([[one, 1]], ['orders']);
  expect(await one.pipeline('orders').ingest(batch(0))).toMatchObject({ duplicate: false });
});

test('two processes cannot have one name at the same time; one after the other they can', async () => {
  await node('same');
  await expect(node('same')).rejects.toMatchObject({ code: 'DATAFLOW_ERR_CLUSTER_NODE_IN_USE' });
  await shutDownNodes();
  const again = await node('same');
  expect(again.nodes().map(({ name }) => name)).toEqual(['same']);
});

test('settings that cannot be are refused before anything is opened', async () => {
  const options = { env: {}, configFile: false as const, metrics: { enabled: false }, statusPage: { enabled: false } };
  await expect(
    startPlatform({ ...options, journal: { kind: 'memory' }, cluster: { enabled: true } }),
  ).rejects.toMatchObject({ code: 'DATAFLOW_ERR_CONFIG_INVALID', problems: [{ path: 'cluster.enabled' }] });
  await expect(
    startPlatform({ ...options, journal: { kind: 'memory' }, cluster: { leaseTime: '200ms' } }),
  ).rejects.toMatchObject({ code: 'DATAFLOW_ERR_CONFIG_INVALID', problems: [{ path: 'cluster.leaseTime' }] });
});
