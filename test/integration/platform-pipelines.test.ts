import { describe, expect, test } from '@jest/globals';
import type { PipelineSpec } from '../../src/platform/code-parts.ts';
import { startTestPlatform } from '../../src/testing/test-platform.ts';

const push = (id: string, more: Partial<PipelineSpec> = {}): PipelineSpec => ({
  id,
  name: `${id}-name`,
  sink: { type: 'null', connectionString: 'none' },
  ...more,
});
const batch = (batchId: string, sourceOffset: number, count = 2) => ({
  batchId,
  sourceOffset,
  records: Array.from({ length: count }, (_, n) => ({ n })),
});

describe('spawnPipeline', () => {
  test('is idempotent for an equal specification, also at once', async () => {
    const { platform, metricValue } = await startTestPlatform();
    const all = await Promise.all(Array.from({ length: 20 }, () => platform.spawnPipeline(push('orders'))));
    expect(new Set(all.map(({ id }) => id))).toEqual(new Set(['orders']));
    await platform.spawnPipeline({ description: '', transforms: [], ...push('orders'), source: { type: 'push' } });
    const attributes = { pipeline_id: 'orders', from_state: 'empty', to_state: 'configured' };
    expect(await metricValue('dataflow.state.transitions', attributes)).toBe(1);
    expect(platform.listPipelines()).toHaveLength(1);
    await platform.shutdown();
  });

  test('refuses another specification of the same id and says what to do; one of two at once wins', async () => {
    const { platform } = await startTestPlatform();
    const results = await Promise.allSettled([
      platform.spawnPipeline(push('orders')),
      platform.spawnPipeline(push('orders', { description: 'another' })),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(results[1]).toMatchObject({
      reason: { code: 'DATAFLOW_ERR_PIPELINE_CONFLICT', message: expect.stringMatching(/orders.*updateConfig/) },
    });
    expect(await platform.pipeline('orders').state()).toMatchObject({ description: '' });
    await platform.shutdown();
  });

  test('lists every problem at once, of structure and of connectors', async () => {
    const { platform } = await startTestPlatform();
    const spec = {
      id: 'bad id',
      description: 'x'.repeat(501),
      sorce: {},
      source: { type: 'file', connectionString: 'x', batchSize: 0, options: { format: 'xls' } },
      transforms: [{ type: 'filtr' }, { type: 'filter', config: { expression: '1 +' } }, 7],
      sink: { type: 'file', connectionString: ' ', batchSize: 10_001 },
      retry: { jitter: 2 },
      batchTimeoutMs: -1,
    } as unknown as PipelineSpec;
    const error = await platform.spawnPipeline(spec).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'DATAFLOW_ERR_PIPELINE_INVALID' });
    const { problems } = error as { problems: { path: string; expected: string; got: string }[] };
    expect(problems.map(({ path }) => path).sort()).toEqual(
      [
        'id',
        'description',
        'sorce',
        'source.batchSize',
        'source.options.format',
        'transforms.0.type',
        'transforms.1.config.expression',
        'transforms.2',
        'sink.connectionString',
        'sink.batchSize',
        'retry.jitter',
        'batchTimeoutMs',
      ].sort(),
    );
    for (const { expected, got } of problems) expect([expected, got].every((text) => text !== '')).toBe(true);
    expect(platform.listPipelines()).toEqual([]);
    await platform.shutdown();
  });

  test.each([[undefined], [null], [42], ['text'], [[]], [{}], [() => {}]])('refuses %p with a code', async (spec) => {
    const { platform } = await startTestPlatform();
    await expect(platform.spawnPipeline(spec as unknown as PipelineSpec)).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_PIPELINE_INVALID',
    });
    await platform.shutdown();
  });
});

test('an unknown pipeline is an error with a code', async () => {
  const { platform } = await startTestPlatform();
  expect(() => platform.pipeline('nope')).toThrow(
    expect.objectContaining({ code: 'DATAFLOW_ERR_PIPELINE_UNKNOWN', message: expect.stringContaining('nope') }),
  );
  await expect(platform.removePipeline('nope')).rejects.toMatchObject({ code: 'DATAFLOW_ERR_PIPELINE_UNKNOWN' });
  await platform.shutdown();
});

describe('pushed batches', () => {
  test('are answered with their result, once, and move the checkpoint', async () => {
    const { platform, metricValue } = await startTestPlatform();
    const orders = await platform.spawnPipeline(
      push('orders', {
        transforms: [
          (record: { n: number }) => {
            if (record.n === 1) throw new Error('no');
            return record;
          },
        ],
      }),
    );
    await expect(orders.ingest(batch('b1', 0))).rejects.toMatchObject({ code: 'DATAFLOW_ERR_COMMAND_REFUSED' });
    await orders.start();
    const first = await orders.ingest(batch('b1', 0, 3));
    expect(first).toMatchObject({ batchId: 'b1', successCount: 2, failureCount: 1, duplicate: false });
    expect(await orders.ingest(batch('b1', 0, 3))).toMatchObject({ successCount: 2, failureCount: 1, duplicate: true });
    expect(await orders.ingest(batch('b2', 3, 2))).toMatchObject({ duplicate: false });
    expect(await orders.state()).toMatchObject({
      checkpoint: { offset: 5, recordsProcessed: 3 },
      metrics: { totalBatchesProcessed: 2, totalRecordsProcessed: 3, totalRecordsFailed: 2 },
    });
    const of = { pipeline_id: 'orders' };
    expect(await metricValue('dataflow.batches.deduplicated', of)).toBe(1);
    expect(await metricValue('dataflow.batches.processed', of)).toBe(2);
    expect(await metricValue('dataflow.records.processed', of)).toBe(3);
    expect(await metricValue('dataflow.records.failed', of)).toBe(2);
    expect(await metricValue('dataflow.checkpoint.updates', of)).toBe(2);
    await platform.shutdown();
  });

  test.each([
    [{ batchId: '', records: [1], sourceOffset: 0 }, ['batchId']],
    [{ batchId: 'x', records: [], sourceOffset: 0 }, ['records']],
    [{ batchId: 'x', records: new Array(10_001).fill(1), sourceOffset: 0 }, ['records']],
    [{ batchId: 1, records: 'x', sourceOffset: -1 }, ['batchId', 'records', 'sourceOffset']],
    [{}, ['batchId', 'records', 'sourceOffset']],
  ])('are checked: case %#', async (input, paths) => {
    const { platform } = await startTestPlatform();
    const orders = await platform.spawnPipeline(push('orders'));
    await orders.start();
    const error = await orders.ingest(input as never).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'DATAFLOW_ERR_COMMAND_INVALID' });
    expect((error as { problems: { path: string }[] }).problems.map(({ path }) => path)).toEqual(paths);
    await platform.shutdown();
  });

  test('wait through retries, and a second batch is refused meanwhile', async () => {
    const { platform, clock, metricValue } = await startTestPlatform();
    let failures = 2;
    const written: unknown[] = [];
    const orders = await platform.spawnPipeline(
      push('orders', {
        sink: {
          write(records: readonly unknown[]) {
            if (failures-- > 0) throw Object.assign(new Error('down'), { code: 'ECONNREFUSED' });
            written.push(...records);
          },
        },
      }),
    );
    await orders.start();
    const pending = orders.ingest(batch('b1', 0));
    await clock.advance(0);
    await expect(orders.ingest(batch('b2', 2))).rejects.toMatchObject({ code: 'DATAFLOW_ERR_BATCH_ACTIVE' });
    await clock.advance(1_000);
    await clock.advance(2_000);
    expect(await pending).toMatchObject({ successCount: 2 });
    expect(written).toHaveLength(2);
    const of = { pipeline_id: 'orders' };
    const byCode = { ...of, error_code: 'CONNECTION_FAILED' };
    expect(await metricValue('dataflow.batches.failed', byCode)).toBe(2);
    expect(await metricValue('dataflow.retries.scheduled', byCode)).toBe(2);
    expect(await metricValue('dataflow.batches.processed', of)).toBe(1);
    await platform.shutdown();
  });

  test('reject when the pipeline fails on them, is paused while they wait, or the platform ends', async () => {
    const { platform, clock } = await startTestPlatform();
    const failing = (code: string): PipelineSpec['sink'] => ({
      write: async () => {
        throw Object.assign(new Error('no way'), { code });
      },
    });
    const fatal = await platform.spawnPipeline(push('fatal', { sink: failing('EBADF') }));
    await fatal.start();
    await expect(fatal.ingest(batch('b', 0))).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_PIPELINE_FAILED',
      message: expect.stringContaining('no way'),
    });
    await expect(fatal.completion()).rejects.toMatchObject({ code: 'DATAFLOW_ERR_PIPELINE_FAILED' });
    expect(await fatal.reset()).toMatchObject({ status: 'configured' });

    const retried = await platform.spawnPipeline(push('retried', { sink: failing('ETIMEDOUT') }));
    await retried.start();
    const first = expect(retried.ingest(batch('b', 0))).rejects.toMatchObject({ code: 'DATAFLOW_ERR_BATCH_ABANDONED' });
    await clock.advance(0);
    expect(await retried.pause()).toMatchObject({ status: 'paused' });
    await first;
    await retried.resume();
    const second = expect(retried.ingest(batch('b2', 0))).rejects.toMatchObject({
      code: expect.stringMatching(/^DATAFLOW_ERR_(?:BATCH_ABANDONED|PIPELINE_STOPPED)$/),
    });
    await clock.advance(0);
    await platform.shutdown();
    await second;
  });

  test('time out by the clock, count as timeouts and are retried', async () => {
    const { platform, clock, metricValue } = await startTestPlatform();
    let calls = 0;
    const orders = await platform.spawnPipeline(
      push('orders', {
        batchTimeoutMs: 5_000,
        sink: {
          write: (_records, { signal }) =>
            calls++ > 0
              ? undefined
              : new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
        },
      }),
    );
    await orders.start();
    const pending = orders.ingest(batch('b', 0));
    await clock.advance(5_000);
    await clock.advance(1_000);
    expect(await pending).toMatchObject({ successCount: 2 });
    const of = { pipeline_id: 'orders' };
    expect(await metricValue('dataflow.batches.timeouts', of)).toBe(1);
    expect(await metricValue('dataflow.batches.failed', { ...of, error_code: 'TIMEOUT' })).toBe(1);
    expect(await metricValue('dataflow.retries.scheduled', { ...of, error_code: 'TIMEOUT' })).toBe(1);
    await platform.shutdown();
  });
});

test('each command does what it says, and is refused where the state does not take it', async () => {
  const { platform } = await startTestPlatform();
  const orders = await platform.spawnPipeline(push('orders'));
  const refused = (work: Promise<unknown>, remedy: RegExp) =>
    expect(work).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_COMMAND_REFUSED',
      message: expect.stringMatching(remedy),
    });
  await refused(orders.pause(), /configured.*start it first/);
  await refused(orders.reset(), /only a failed/);
  expect(await orders.start()).toMatchObject({ status: 'running' });
  await refused(orders.start(), /running/);
  await refused(orders.updateConfig(push('orders', { description: 'x' })), /stop it first/);
  expect(await orders.updateCheckpoint()).toMatchObject({ status: 'running' });
  expect(await orders.pause('lunch')).toMatchObject({ status: 'paused', pauseReason: 'lunch' });
  await refused(orders.pause(), /paused/);
  expect(await orders.resume()).toMatchObject({ status: 'running' });
  await refused(orders.resume(), /running/);
  expect(await orders.stop('done')).toMatchObject({ status: 'stopped', stopReason: 'done' });
  expect(await orders.completion()).toMatchObject({ stopReason: 'done' });
  await refused(orders.stop(), /stopped/);
  expect(await orders.updateConfig(push('orders', { description: 'new' }))).toMatchObject({
    status: 'configured',
    description: 'new',
  });
  await expect(orders.updateConfig({ id: 'orders' } as never)).rejects.toMatchObject({
    code: 'DATAFLOW_ERR_PIPELINE_INVALID',
  });
  await orders.start();
  await expect(orders.reportFailure({ code: '', message: '' })).rejects.toMatchObject({
    code: 'DATAFLOW_ERR_COMMAND_INVALID',
  });
  expect(await orders.reportFailure({ code: 'BROKEN', message: 'by hand' })).toMatchObject({
    status: 'failed',
    error: { code: 'BROKEN', message: 'by hand' },
  });
  expect(platform.health()).toMatchObject({ status: 'Critical' });
  expect(await orders.reset()).toMatchObject({ status: 'configured', description: 'new' });
  await platform.shutdown();
});

test('a removed pipeline leaves no series, and its id may be used again', async () => {
  const { platform } = await startTestPlatform();
  const orders = await platform.spawnPipeline(push('orders'));
  await orders.start();
  await orders.ingest(batch('b1', 0));
  await platform.removePipeline('orders');
  expect(() => platform.pipeline('orders')).toThrow(expect.objectContaining({ code: 'DATAFLOW_ERR_PIPELINE_UNKNOWN' }));
  expect(platform.listPipelines()).toEqual([]);
  const left = (await platform.metrics.snapshot()).filter(({ attributes }) => attributes.pipeline_id === 'orders');
  expect(left).toEqual([]);
  await expect(orders.state()).rejects.toMatchObject({ code: expect.stringMatching(/^DATAFLOW_ERR_/) });

  const again = await platform.spawnPipeline(push('orders', { description: 'the second' }));
  expect(await again.start()).toMatchObject({ checkpoint: { offset: 0 }, metrics: { totalBatchesProcessed: 0 } });
  // The ids of the first life are not remembered in the second.
  expect(await again.ingest(batch('b1', 0))).toMatchObject({ duplicate: false });
  expect(await again.state()).toMatchObject({ description: 'the second', metrics: { totalBatchesProcessed: 1 } });
  await platform.shutdown();
});

test('lists by status and tells the health', async () => {
  const { platform } = await startTestPlatform();
  expect(platform.health()).toEqual({
    status: 'Idle',
    pipelines: { configured: 0, running: 0, paused: 0, stopped: 0, failed: 0, unavailable: 0 },
  });
  for (const id of ['c-c', 'a-a', 'b-b', 'd-d', 'e-e']) await platform.spawnPipeline(push(id));
  for (const id of ['a-a', 'b-b', 'c-c', 'd-d']) await platform.pipeline(id).start();
  expect(platform.health().status).toBe('Healthy');
  await platform.pipeline('d-d').reportFailure({ code: 'X', message: 'x' });
  expect(platform.health()).toMatchObject({ status: 'Degraded', pipelines: { running: 3, failed: 1, configured: 1 } });
  await platform.pipeline('c-c').pause();
  await platform.pipeline('b-b').stop();
  // One failed, one running: more than half.
  expect(platform.health().status).toBe('Critical');
  expect(platform.listPipelines().map(({ id }) => id)).toEqual(['a-a', 'b-b', 'c-c', 'd-d', 'e-e']);
  expect(platform.listPipelines('paused')).toMatchObject([{ id: 'c-c', name: 'c-c-name', status: 'paused' }]);
  expect(platform.listPipelines('stopped')).toHaveLength(1);
  const { metrics } = platform;
  const points = await metrics.snapshot();
  const gauges = Object.fromEntries(
    points.filter(({ name }) => /^dataflow\.pipelines\./.test(name)).map(({ name, value }) => [name.slice(19), value]),
  );
  expect(gauges).toEqual({ running: 1, stopped: 1, paused: 1, failed: 1 });
  await platform.shutdown();
});

test('known series stand at zero as soon as a pipeline is created', async () => {
  const { platform, metricValue } = await startTestPlatform();
  await platform.spawnPipeline(push('orders'));
  for (const name of [
    'dataflow.batches.processed',
    'dataflow.batches.timeouts',
    'dataflow.records.processed',
    'dataflow.records.failed',
    'dataflow.checkpoint.updates',
    'dataflow.records.throughput.per.second',
  ]) {
    expect([name, await metricValue(name, { pipeline_id: 'orders' })]).toEqual([name, 0]);
  }
  await platform.shutdown();
});
