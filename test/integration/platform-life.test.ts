import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { createMemoryJournal } from '../../src/journals/memory.ts';
import { startPlatform } from '../../src/platform/start.ts';
import { startTestPlatform } from '../../src/testing/test-platform.ts';
import { folderWith } from '../support/folder.ts';

const INDEX = new URL('../../dist/index.js', import.meta.url).href;
const QUIET = {
  env: {},
  configFile: false as const,
  journal: { kind: 'memory' as const },
  statusPage: { enabled: false },
};
const NULL = { type: 'null', connectionString: 'none' };

/** Runs a module in a process of its own; it prints one line of JSON. */
async function inChild(body: string, name = 'child.mjs'): Promise<unknown> {
  const cwd = await folderWith();
  await writeFile(join(cwd, name), body);
  const env = { PATH: process.env.PATH };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--expose-gc', name], {
    cwd,
    env,
    timeout: 150_000,
    maxBuffer: 1e7,
  });
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

describe('shutdown', () => {
  test('takes nothing back of a pipeline that has stopped', async () => {
    const { platform } = await startTestPlatform();
    const pipeline = await platform.spawnPipeline({ id: 'one', name: 'one', sink: NULL });
    await pipeline.start();
    await pipeline.stop('done');
    await platform.shutdown();
    expect(await pipeline.completion()).toMatchObject({ status: 'stopped', stopReason: 'done' });
  });

  test('is idempotent, and every call after it ends with a code', async () => {
    const { platform } = await startTestPlatform();
    const pipeline = await platform.spawnPipeline({ id: 'one', name: 'one', sink: NULL });
    await pipeline.start();
    const ends = [platform.shutdown(), platform.shutdown({ timeoutMs: 1 }), platform[Symbol.asyncDispose]()];
    await Promise.all(ends);
    const shutDown = expect.objectContaining({ code: 'DATAFLOW_ERR_PLATFORM_SHUT_DOWN' });
    await expect(platform.spawnPipeline({ id: 'two', sink: NULL })).rejects.toEqual(shutDown);
    await expect(platform.removePipeline('one')).rejects.toEqual(shutDown);
    for (const call of [
      () => platform.pipeline('one'),
      () => platform.listPipelines(),
      () => platform.health(),
      () => platform.registerSink('x', () => ({ write: () => {} })),
      () => platform.registerSource('x', () => []),
      () => platform.registerTransform('x', () => () => 1),
    ]) {
      expect(call).toThrow(shutDown);
    }
    for (const call of [
      () => pipeline.start(),
      () => pipeline.stop(),
      () => pipeline.state(),
      () => pipeline.completion(),
      () => pipeline.ingest({ batchId: 'b', records: [1], sourceOffset: 0 }),
      () => pipeline.updateConfig({ id: 'one', sink: NULL }),
      () => platform.metrics.snapshot(),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: expect.stringMatching(/^DATAFLOW_ERR_/) });
    }
  });

  test('lets the batch in progress finish', async () => {
    const { platform } = await startTestPlatform();
    let finish = () => {};
    const pipeline = await platform.spawnPipeline({
      id: 'one',
      name: 'one',
      sink: {
        write: () =>
          new Promise<void>((resolve) => {
            finish = resolve;
          }),
      },
    });
    await pipeline.start();
    const batch = pipeline.ingest({ batchId: 'b', records: [1], sourceOffset: 0 });
    await pipeline.state();
    await new Promise(setImmediate);
    const ended = platform.shutdown();
    finish();
    expect(await batch).toMatchObject({ successCount: 1 });
    await ended;
  });

  test('ends in time with a sink that never answers', async () => {
    const platform = await startPlatform({ ...QUIET, metrics: { enabled: false } });
    const pipeline = await platform.spawnPipeline({
      id: 'one',
      name: 'one',
      sink: { write: () => new Promise<void>(() => {}) },
    });
    await pipeline.start();
    const batch = expect(pipeline.ingest({ batchId: 'b', records: [1], sourceOffset: 0 })).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_SHUTDOWN_TIMEOUT',
    });
    await pipeline.state();
    await platform.shutdown({ timeoutMs: 20 });
    await batch;
  });
});

describe('a start that fails releases everything', () => {
  test.each([
    ['a bad setting', `{ metrics: { prometheus: { port: 'x' } } }`, 'DATAFLOW_ERR_CONFIG_INVALID'],
    ['an unknown setting', `{ runtime: { mailbox: 1 } }`, 'DATAFLOW_ERR_CONFIG_INVALID'],
    ['a missing file', `{ configFile: 'nope.yaml' }`, 'DATAFLOW_ERR_CONFIG_UNREADABLE'],
    ['a busy port', `{ metrics: { prometheus: { port: taken } } }`, 'DATAFLOW_ERR_SERVER_PORT_IN_USE'],
    [
      'a busy port of the status page',
      `{ statusPage: { port: taken, retryOnRandomPort: false } }`,
      'DATAFLOW_ERR_SERVER_PORT_IN_USE',
    ],
    ['a status page for everybody', `{ statusPage: { host: '0.0.0.0' } }`, 'DATAFLOW_ERR_CONFIG_INVALID'],
    ['a journal in use', `{ journal: { path: './held' } }`, 'DATAFLOW_ERR_JOURNAL_LOCKED'],
    ['a registration that throws', `{ register() { throw Object.assign(new Error('x'), { code: 'MINE' }); } }`, 'MINE'],
  ])('%s', async (_name, options, code) => {
    const result = await inChild(`
      import { createServer } from 'node:http';
      import { once } from 'node:events';
      import { startPlatform, openEmbeddedJournal } from ${JSON.stringify(INDEX)};
      const server = createServer().listen(0); await once(server, 'listening');
      const taken = server.address().port;
      const held = await openEmbeddedJournal({ path: './held' });
      const before = process.getActiveResourcesInfo().sort();
      let code;
      try { await startPlatform({ journal: { path: './data' }, metrics: { prometheus: { port: 0 } }, statusPage: { port: 0 }, ...${options} }); }
      catch (error) { code = error.code; }
      await new Promise((resolve) => setTimeout(resolve, 50));
      const after = process.getActiveResourcesInfo().sort();
      // The journal that was made for nothing opens again.
      await (await openEmbeddedJournal({ path: './data' })).close();
      await held.close(); server.close();
      console.log(JSON.stringify({ code, before, after }));
    `);
    const { before, after } = result as { before: string[]; after: string[] };
    expect(result).toMatchObject({ code });
    expect(after).toEqual(before);
  });

  test('a journal that was given is closed', async () => {
    const journal = createMemoryJournal();
    await expect(startPlatform({ ...QUIET, journal, metrics: { prometheus: { port: -1 } } })).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_CONFIG_INVALID',
    });
    await expect(journal.keys()).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_CLOSED' });
  });
});

describe('metrics', () => {
  test('go to the provider of the host application, whose readers collect them', async () => {
    class Reader extends MetricReader {
      protected override async onForceFlush() {}
      protected override async onShutdown() {}
    }
    const reader = new Reader();
    const meterProvider = new MeterProvider({ readers: [reader] });
    const platform = await startPlatform({ ...QUIET, meterProvider, metrics: { runtime: { enabled: false } } });
    expect(platform.metricsUrl).toBeUndefined();
    const pipeline = await platform.spawnPipeline({ id: 'one', name: 'one', source: [1, 2], sink: NULL });
    await pipeline.start();
    await pipeline.completion();
    await expect(platform.metrics.snapshot()).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_METRICS_COLLECTION_FAILED',
      message: expect.stringContaining('host application'),
    });
    const { resourceMetrics } = await reader.collect();
    const all = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
    const processed = all.find(({ descriptor }) => descriptor.name === 'dataflow.records.processed');
    expect(processed?.dataPoints).toMatchObject([{ attributes: { pipeline_id: 'one' }, value: 2 }]);
    await platform.shutdown();
    // The provider is the host's: it still works.
    expect((await reader.collect()).errors).toEqual([]);
    await meterProvider.shutdown();
  });

  test('that are off leave no port, no timer and no series, and the process ends by itself', async () => {
    const result = await inChild(`
      import { startPlatform } from ${JSON.stringify(INDEX)};
      const platform = await startPlatform({ journal: { kind: 'memory' }, metrics: { enabled: false }, statusPage: { enabled: false } });
      const pipeline = await platform.spawnPipeline({ id: 'one', name: 'one', source: [1, 2], sink: { write() {} } });
      await pipeline.start(); await pipeline.completion();
      await new Promise(setImmediate);
      const resources = process.getActiveResourcesInfo().filter((name) => !/Pipe|TTY|Immediate/.test(name));
      console.log(JSON.stringify({ resources, snapshot: await platform.metrics.snapshot(), url: platform.metricsUrl ?? null }));
    `);
    expect(result).toEqual({ resources: [], snapshot: [], url: null });
  });

  test('say after a run what happened', async () => {
    const { platform, metricValue } = await startTestPlatform();
    const pipeline = await platform.spawnPipeline({
      id: 'one',
      name: 'one',
      source: Object.assign(
        Array.from({ length: 25 }, (_, n) => n),
        { batchSize: 10 },
      ),
      sink: NULL,
    });
    await pipeline.start();
    await pipeline.completion();
    const of = { pipeline_id: 'one' };
    const transition = (from_state: string, to_state: string) =>
      metricValue('dataflow.state.transitions', { ...of, from_state, to_state });
    expect(await metricValue('dataflow.batches.processed', of)).toBe(3);
    expect(await metricValue('dataflow.records.processed', of)).toBe(25);
    expect(await metricValue('dataflow.checkpoint.updates', of)).toBe(3);
    expect(await metricValue('dataflow.batch.processing.time.ms', of)).toMatchObject({ count: 3 });
    expect(await metricValue('dataflow.records.throughput.per.second', of)).toBe(0);
    expect(await metricValue('dataflow.batches.inflight', of)).toBe(0);
    expect([await transition('empty', 'configured'), await transition('configured', 'running')]).toEqual([1, 1]);
    expect(await transition('running', 'stopped')).toBe(1);
    expect(await metricValue('dataflow.pipelines.stopped')).toBe(1);
    expect(await metricValue('dataflow.pipeline.state', { ...of, state: 'stopped' })).toBe(1);
    await platform.shutdown();
  });
});

test('CommonJS can require the package, and nothing is left after a shutdown', async () => {
  const path = JSON.stringify(fileURLToPath(INDEX));
  const result = await inChild(
    `
    const { startPlatform, DataflowError, MetricsReporter } = require(${path});
    (async () => {
      const platform = await startPlatform({ metrics: { prometheus: { port: 0 } }, statusPage: { port: 0 } });
      const scraped = (await fetch(platform.metricsUrl)).status;
      const health = (await fetch(platform.statusUrl + 'health')).status;
      await platform.shutdown();
      console.log(JSON.stringify({ scraped, health, names: [typeof DataflowError, typeof MetricsReporter.init] }));
    })();
  `,
    'child.cjs',
  );
  expect(result).toEqual({ scraped: 200, health: 200, names: ['function', 'function'] });
});

test('a thousand pipelines start, run, recover and shut down', async () => {
  const result = await inChild(`
    import { startPlatform } from ${JSON.stringify(INDEX)};
    const options = { metrics: { prometheus: { enabled: false }, host: { groups: [] } }, statusPage: { port: 0 } };
    const spec = (n) => ({ id: 'pipeline-' + n, source: [1, 2, 3], sink: { write() {} } });
    const ids = Array.from({ length: 1000 }, (_, n) => n);
    const first = await startPlatform(options);
    const pipelines = await Promise.all(ids.map((n) => first.spawnPipeline(spec(n))));
    await Promise.all(pipelines.map((pipeline) => pipeline.start()));
    await Promise.all(pipelines.map((pipeline) => pipeline.completion()));
    const points = await first.metrics.snapshot();
    const records = points.filter(({ name }) => name === 'dataflow.records.processed');
    const sum = records.reduce((total, { value }) => total + value, 0);
    await first.shutdown();
    const second = await startPlatform(options);
    const stopped = second.listPipelines('stopped').length;
    await second.shutdown();
    console.log(JSON.stringify({ series: records.length, sum, stopped }));
  `);
  expect(result).toEqual({ series: 1000, sum: 3000, stopped: 1000 });
});

test('memory does not grow with the size of a file', async () => {
  const peak = (records: number) =>
    inChild(`
      import { createWriteStream } from 'node:fs';
      import { once } from 'node:events';
      import { startPlatform } from ${JSON.stringify(INDEX)};
      const file = createWriteStream('in.ndjson');
      for (let n = 0; n < ${records}; n += 1000) {
        const line = JSON.stringify({ n, pad: 'x'.repeat(200) }) + '\\n';
        if (!file.write(line.repeat(1000))) await once(file, 'drain');
      }
      file.end(); await once(file, 'close');
      const platform = await startPlatform({ metrics: { enabled: false }, statusPage: { enabled: false } });
      const pipeline = await platform.spawnPipeline({
        id: 'big',
        name: 'big',
        source: { type: 'file', connectionString: './in.ndjson' },
        sink: { type: 'file', connectionString: './out.ndjson' },
      });
      await pipeline.start();
      const state = await pipeline.completion();
      await platform.shutdown();
      gc();
      console.log(JSON.stringify({
        records: state.metrics.totalRecordsProcessed,
        heapMiB: process.memoryUsage().heapUsed / 1024 / 1024,
        peakMiB: process.resourceUsage().maxRSS / 1024,
      }));
    `) as Promise<{ records: number; heapMiB: number; peakMiB: number }>;
  const small = await peak(20_000);
  const large = await peak(200_000);
  expect([small.records, large.records]).toEqual([20_000, 200_000]);
  expect(large.heapMiB - small.heapMiB).toBeLessThan(8);
  expect(large.peakMiB - small.peakMiB).toBeLessThan(60);
});
