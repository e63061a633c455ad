import { afterEach, describe, expect, test } from '@jest/globals';
import { createMemoryJournal } from '../../src/journals/memory.ts';
import { settle } from '../../src/testing/manual-clock.ts';
import { parsePrometheus } from '../support/prometheus-parser.ts';
import { type LiveStream, openLive, type StatusTest, startStatusTest } from '../support/status-page.ts';

const NULL = { type: 'null', connectionString: 'none' };
const PIPELINES = '/api/v1/pipelines';

let status: StatusTest;
const streams: LiveStream[] = [];
afterEach(async () => {
  for (const stream of streams.splice(0)) stream.close();
  await status.platform.shutdown();
});

async function pushed(id: string, records = 0) {
  const pipeline = await status.platform.spawnPipeline({ id, sink: NULL });
  await pipeline.start();
  if (records > 0) {
    await pipeline.ingest({ batchId: 'first', records: Array.from({ length: records }, (_, n) => n), sourceOffset: 0 });
  }
  return pipeline;
}

async function live(): Promise<LiveStream> {
  const stream = await openLive(status.platform.statusUrl!);
  streams.push(stream);
  return stream;
}

describe('pipelines', () => {
  test('are listed in order, with counts of all and a page of some', async () => {
    status = await startStatusTest();
    await pushed('bbb', 3);
    await pushed('aaa');
    await (await pushed('ccc')).pause('lunch');
    const { status: code, body, headers } = await status.get(PIPELINES);
    expect(code).toBe(200);
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    expect(body).toMatchObject({
      total: 3,
      counts: { configured: 0, running: 2, paused: 1, stopped: 0, failed: 0 },
      health: 'Healthy',
      serverTime: '2026-01-01T00:00:00.000Z',
    });
    expect(body.pipelines.map(({ id }: { id: string }) => id)).toEqual(['aaa', 'bbb', 'ccc']);
    expect(body.pipelines[1]).toMatchObject({
      name: 'bbb',
      state: 'running',
      sourceType: 'push',
      sinkType: 'null',
      recordsProcessed: 3,
      batchesProcessed: 1,
      batchesFailed: 0,
      checkpointOffset: 3,
      lastBatchAt: '2026-01-01T00:00:00.000Z',
      lastError: null,
      batchInFlight: false,
    });
    const paused = await status.get(`${PIPELINES}?status=paused`);
    expect(paused.body).toMatchObject({ total: 1, counts: { running: 2 }, pipelines: [{ id: 'ccc' }] });
    const page = await status.get(`${PIPELINES}?offset=1&limit=1`);
    expect(page.body).toMatchObject({ total: 3, pipelines: [{ id: 'bbb' }] });
  });

  test('have a detail that says what may be done', async () => {
    status = await startStatusTest();
    const pipeline = await pushed('one', 2);
    const running = (await status.get(`${PIPELINES}/one`)).body;
    expect(running).toMatchObject({
      id: 'one',
      state: 'running',
      reason: null,
      retryCount: 0,
      sequenceNumber: 5,
      spec: { id: 'one', sink: { type: 'null' }, retry: { maxRetries: 5 } },
      allowedActions: ['stop', 'pause', 'remove'],
    });
    await pipeline.pause('lunch');
    expect((await status.get(`${PIPELINES}/one`)).body).toMatchObject({
      reason: 'lunch',
      allowedActions: ['stop', 'resume', 'remove'],
    });
    await pipeline.stop('enough');
    expect((await status.get(`${PIPELINES}/one`)).body).toMatchObject({
      reason: 'enough',
      allowedActions: ['start', 'remove', 'updateConfig'],
    });
    expect(await status.get(`${PIPELINES}/two`)).toMatchObject({
      status: 404,
      body: { error: 'Not Found', code: 'DATAFLOW_ERR_PIPELINE_UNKNOWN', details: null },
    });
  });

  test('that fail say why, in summary, health and overall', async () => {
    status = await startStatusTest();
    const pipeline = await status.platform.spawnPipeline({
      id: 'bad',
      sink: { write: () => Promise.reject(Object.assign(new Error('the disk is gone'), { code: 'EIO' })) },
    });
    await pipeline.start();
    await expect(pipeline.ingest({ batchId: '1', records: [1], sourceOffset: 0 })).rejects.toMatchObject({});
    const { body } = await status.get(`${PIPELINES}/bad`);
    expect(body).toMatchObject({
      state: 'failed',
      batchesFailed: 1,
      retries: 0,
      lastError: { code: 'EIO', message: 'the disk is gone', at: '2026-01-01T00:00:00.000Z' },
      since: '2026-01-01T00:00:00.000Z',
      allowedActions: ['reset', 'remove'],
    });
    expect((await status.get(`${PIPELINES}/bad/health`)).body).toEqual({
      pipelineId: 'bad',
      status: 'failed',
      reasons: ['EIO: the disk is gone'],
    });
    expect(await status.get('/health')).toMatchObject({
      status: 503,
      body: { status: 'Critical', pipelines: { failed: 1 }, uptimeSeconds: 0, version: expect.any(String) },
    });
  });

  test('that try again are degraded, those that work are healthy, those that rest are idle', async () => {
    status = await startStatusTest();
    await pushed('good', 1);
    let attempts = 0;
    const flaky = await status.platform.spawnPipeline({
      id: 'flaky',
      sink: {
        write: async () => {
          attempts += 1;
          if (attempts === 1) throw Object.assign(new Error('come back later'), { code: 'RATE_LIMITED' });
        },
      },
    });
    await flaky.start();
    const done = flaky.ingest({ batchId: '1', records: [1], sourceOffset: 0 });
    while ((await flaky.state()).status === 'running' && attempts === 0) await settle();
    await settle();
    expect((await status.get(`${PIPELINES}/flaky/health`)).body).toMatchObject({
      status: 'degraded',
      reasons: ['it tries again (1) after RATE_LIMITED'],
    });
    expect((await status.get(`${PIPELINES}/flaky`)).body).toMatchObject({ retries: 1, retryCount: 1 });
    await status.clock.advance(2000);
    await done;
    expect((await status.get(`${PIPELINES}/flaky/health`)).body).toMatchObject({ status: 'healthy', reasons: [] });
    expect((await status.get(`${PIPELINES}/good/health`)).body).toMatchObject({ status: 'healthy' });
    await flaky.pause('lunch');
    expect((await status.get(`${PIPELINES}/flaky/health`)).body).toMatchObject({
      status: 'idle',
      reasons: ['it is paused: lunch'],
    });
  });
});

test('a pipeline that cannot be recovered is shown as failed, with the reason, and nothing can be done to it', async () => {
  const journal = createMemoryJournal();
  await journal.append('broken', 0, [{ data: { type: 'FromTheFuture' }, tags: [], timestamp: 0 }]);
  status = await startStatusTest({ journal });
  const code = 'DATAFLOW_ERR_RECOVERY_EVENT_UNKNOWN';
  expect((await status.get(`${PIPELINES}/broken`)).body).toMatchObject({
    state: 'failed',
    lastError: { code, at: null },
    spec: null,
    allowedActions: [],
  });
  expect((await status.get(`${PIPELINES}/broken/health`)).body.status).toBe('failed');
  expect((await status.get('/health')).status).toBe(503);
  expect((await status.send('POST', `${PIPELINES}/broken/start`)).body.code).toBe(code);
  expect((await status.get(`${PIPELINES}/broken/events`)).body.events).toMatchObject([{ type: 'FromTheFuture' }]);
});

describe('events', () => {
  test('are paged from the journal, in both directions', async () => {
    status = await startStatusTest();
    await pushed('one', 1);
    const all = (await status.get(`${PIPELINES}/one/events`)).body;
    expect(all.events.map(({ sequenceNumber, type }: never) => [sequenceNumber, type])).toEqual([
      [1, 'PipelineCreated'],
      [2, 'PipelineStarted'],
      [3, 'BatchIngested'],
      [4, 'BatchProcessed'],
      [5, 'CheckpointUpdated'],
    ]);
    expect(all).toMatchObject({ highestSequenceNumber: 5, next: null });
    expect(all.events[3]).toMatchObject({
      timestamp: '2026-01-01T00:00:00.000Z',
      event: { pipelineId: 'one', batchId: 'first', successCount: 1 },
    });
    const walk = async (query: string): Promise<number[]> => {
      const seen: number[] = [];
      for (let from: number | null = null, first = true; first || from !== null; first = false) {
        const at: string = from === null ? '' : `&from=${from}`;
        const { body } = await status.get(`${PIPELINES}/one/events?limit=2${query}${at}`);
        seen.push(...body.events.map(({ sequenceNumber }: { sequenceNumber: number }) => sequenceNumber));
        from = body.next;
      }
      return seen;
    };
    expect(await walk('&order=asc')).toEqual([1, 2, 3, 4, 5]);
    expect(await walk('&order=desc')).toEqual([5, 4, 3, 2, 1]);
    expect((await status.get(`${PIPELINES}/one/events?from=99`)).body).toMatchObject({ events: [], next: null });
  });

  test('of a removed pipeline stay readable, those of one that never was are not there', async () => {
    status = await startStatusTest();
    await pushed('one');
    await status.send('DELETE', `${PIPELINES}/one`);
    const { body } = await status.get(`${PIPELINES}/one/events?order=desc&limit=1`);
    expect(body).toMatchObject({ events: [{ type: 'PipelineRemoved' }], next: 3 });
    expect((await status.get(`${PIPELINES}/nobody/events`)).body.code).toBe('DATAFLOW_ERR_PIPELINE_UNKNOWN');
  });
});

describe('actions', () => {
  test('create, steer and remove a real pipeline; each is durable, audited and told to who looks', async () => {
    status = await startStatusTest();
    const stream = await live();
    expect((await stream.next('hello')).data).toMatchObject({ nodeVersion: process.version });
    const spec = { id: 'made', name: 'made-here', sink: NULL };
    expect(await status.send('POST', PIPELINES, spec)).toMatchObject({
      status: 201,
      body: { id: 'made', state: 'configured', allowedActions: ['start', 'stop', 'remove', 'updateConfig'] },
    });
    expect(await status.send('POST', PIPELINES, spec)).toMatchObject({ status: 200 });
    const outcomeOf = async (action: string, body = {}) => {
      const { status: code, body: detail } = await status.send('POST', `${PIPELINES}/made/${action}`, body);
      return [code, detail.state ?? detail.code, detail.reason];
    };
    expect(await outcomeOf('start')).toEqual([200, 'running', null]);
    expect(await outcomeOf('pause', { reason: 'a look' })).toEqual([200, 'paused', 'a look']);
    expect(await outcomeOf('resume')).toEqual([200, 'running', null]);
    expect(await outcomeOf('stop')).toEqual([200, 'stopped', 'stopped by a caller']);
    expect(await outcomeOf('reset')).toEqual([409, 'DATAFLOW_ERR_COMMAND_REFUSED', undefined]);
    const changed = { ...spec, description: 'changed' };
    expect(await status.send('PUT', `${PIPELINES}/made`, changed)).toMatchObject({
      status: 200,
      body: { description: 'changed', state: 'configured' },
    });
    expect(await status.send('POST', PIPELINES, spec)).toMatchObject({
      status: 409,
      body: { code: 'DATAFLOW_ERR_PIPELINE_CONFLICT' },
    });
    const { body: page } = await status.get(`${PIPELINES}/made/events`);
    expect(page.events.map(({ type }: { type: string }) => type)).toEqual([
      'PipelineCreated',
      'PipelineStarted',
      'PipelinePaused',
      'PipelineResumed',
      'PipelineStopped',
      'ConfigUpdated',
    ]);
    expect(await status.send('DELETE', `${PIPELINES}/made`)).toMatchObject({ status: 204, text: '' });
    expect(status.platform.listPipelines()).toEqual([]);

    expect(status.audit.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
      'create ok',
      'create ok',
      'start ok',
      'pause ok',
      'resume ok',
      'stop ok',
      'reset DATAFLOW_ERR_COMMAND_REFUSED',
      'updateConfig ok',
      'create DATAFLOW_ERR_PIPELINE_CONFLICT',
      'remove ok',
    ]);
    expect(status.audit[2]).toEqual({
      time: '2026-01-01T00:00:00.000Z',
      event: 'dataflow.audit',
      who: 'loopback',
      remoteAddress: '127.0.0.1',
      action: 'start',
      pipelineId: 'made',
      outcome: 'ok',
    });
    expect((await stream.next('action')).data).toEqual({
      time: '2026-01-01T00:00:00.000Z',
      action: 'create',
      pipelineId: 'made',
      outcome: 'ok',
    });
  });

  test('that are refused say every problem and change nothing', async () => {
    status = await startStatusTest();
    const { status: code, body } = await status.send('POST', PIPELINES, {
      id: 'no good',
      source: { type: 'file', batchSize: 0 },
      sink: { type: 'nowhere', connectionString: 'x' },
    });
    expect([code, body.code]).toEqual([400, 'DATAFLOW_ERR_PIPELINE_INVALID']);
    expect(body.details.map(({ path }: { path: string }) => path)).toEqual(
      expect.arrayContaining(['id', 'source.connectionString', 'source.batchSize', 'sink.type']),
    );
    for (const part of [[{ n: 1 }], { type: 'code', connectionString: 'code' }]) {
      const refused = await status.send('POST', PIPELINES, { id: 'coded', source: part, sink: NULL });
      expect(refused).toMatchObject({
        status: 400,
        body: { code: 'DATAFLOW_ERR_PIPELINE_INVALID', details: [{ path: 'source' }] },
      });
    }
    const hidden = { type: 'null', connectionString: 'postgres://me:***@db/x' };
    expect(await status.send('POST', PIPELINES, { id: 'copied', sink: hidden })).toMatchObject({
      status: 400,
      body: { details: [{ path: 'sink', got: '***', expected: expect.stringContaining('the secret itself') }] },
    });
    await pushed('one');
    expect(await status.send('PUT', `${PIPELINES}/one`, { id: 'two', sink: NULL })).toMatchObject({
      status: 400,
      body: { details: [{ path: 'id' }] },
    });
    expect(await status.send('PUT', `${PIPELINES}/one`, { sink: NULL, description: 'x' })).toMatchObject({
      status: 409,
      body: { code: 'DATAFLOW_ERR_COMMAND_REFUSED', message: expect.stringContaining('stop it first') },
    });
    for (const [method, path] of [
      ['POST', `${PIPELINES}/none/start`],
      ['PUT', `${PIPELINES}/none`],
      ['DELETE', `${PIPELINES}/none`],
    ] as const) {
      const refused = await status.send(method, path, { sink: NULL });
      expect([refused.status === 404 || refused.status === 400, refused.body.code]).toEqual([true, expect.any(String)]);
    }
    expect(status.platform.listPipelines().map(({ id }) => id)).toEqual(['one']);
  });
});

describe('metrics', () => {
  test('are the numbers of /metrics', async () => {
    status = await startStatusTest({
      metrics: {
        prometheus: { enabled: true, host: '127.0.0.1', port: 0 },
        runtime: { enabled: true },
        process: { enabled: true },
        host: { groups: ['system.memory'] },
      },
    });
    await pushed('one', 7);
    await pushed('two', 11);
    const { body } = await status.get('/api/v1/metrics?limit=10000');
    const families = parsePrometheus(await (await fetch(status.platform.metricsUrl!)).text());
    expect(body.truncated).toBe(false);
    const named = new Map<string, { series: { labels: object; value: number | null; histogram?: unknown }[] }>(
      body.instruments.map((instrument: { family: string }) => [instrument.family, instrument]),
    );
    // The count of series is of the scrape before; a garbage collection may come between both.
    expect(
      [...families.keys()].filter((name) => !named.has(name) && !/^(target_info|dataflow_metrics_|jvm_gc_)/.test(name)),
    ).toEqual([]);
    let compared = 0;
    for (const [name, { series }] of named) {
      if (!/^dataflow_(?!metrics_)/.test(name)) continue;
      const samples = families.get(name)!.samples;
      const served = (sample: string, labels: object) =>
        samples.find((one) => one.name === sample && isSame(one.labels, labels))?.value;
      for (const { labels, value, histogram } of series) {
        compared += 1;
        if (histogram === undefined) {
          expect([name, labels, value]).toEqual([name, labels, served(name, labels)]);
          continue;
        }
        const { count, sum, buckets } = histogram as {
          count: number;
          sum: number;
          buckets: { le: number | string; count: number }[];
        };
        expect([count, sum]).toEqual([served(`${name}_count`, labels), served(`${name}_sum`, labels)]);
        for (const bucket of buckets) {
          const counted = served(`${name}_bucket`, { ...labels, le: String(bucket.le) });
          expect([name, bucket.le, bucket.count]).toEqual([name, bucket.le, counted]);
        }
      }
    }
    expect(compared).toBeGreaterThan(50);
  });

  test('are found by name, expression and label; a limit says that it cut', async () => {
    status = await startStatusTest();
    await pushed('one', 7);
    await pushed('two', 11);
    const families = async (query: string): Promise<string[]> =>
      (await status.get(`/api/v1/metrics?${query}`)).body.instruments.map(({ family }: { family: string }) => family);
    expect(await families('name=records.processed')).toEqual(['dataflow_records_processed_total']);
    expect(await families('name=RECORDS_PROCESSED')).toEqual(['dataflow_records_processed_total']);
    expect(await families('regex=%5Edataflow_records_.*_total$&label=pipeline_id%3Done')).toEqual([
      'dataflow_records_processed_total',
      'dataflow_records_failed_total',
    ]);
    expect(await families('name=nothing-of-the-kind')).toEqual([]);
    const one = await status.get('/api/v1/metrics?name=records.processed&label=pipeline_id=two');
    expect(one.body.instruments[0]).toMatchObject({
      name: 'dataflow.records.processed',
      kind: 'counter',
      seriesCount: 1,
      series: [{ name: 'dataflow_records_processed_total', labels: { pipeline_id: 'two' }, value: 11 }],
    });
    const two = await status.get('/api/v1/metrics?name=transitions&label=pipeline_id=one&label=to_state=running');
    expect(two.body.instruments[0].seriesCount).toBe(3);
    expect((await status.get('/api/v1/metrics?name=records.processed&limit=1')).body).toMatchObject({
      truncated: true,
      instruments: [{ seriesCount: 2, series: [{}] }],
    });
    const own = (await status.get(`${PIPELINES}/two/metrics`)).body;
    expect(own.pipelineId).toBe('two');
    expect(new Set(own.series.map(({ labels }: { labels: object }) => JSON.stringify(labels)))).not.toContain('{}');
    expect(own.series.find(({ name }: { name: string }) => name === 'dataflow_records_processed_total').value).toBe(11);
    const names = (await status.get('/status/metrics')).body.metrics;
    expect(
      names.find(({ instrument }: { instrument: string }) => instrument === 'dataflow.state.transitions'),
    ).toMatchObject({
      family: 'dataflow_state_transitions_total',
      attributes: ['from_state', 'pipeline_id', 'to_state'],
      seriesCount: 22,
    });
  });

  test('that are off leave the page working with what there is', async () => {
    status = await startStatusTest({ metrics: { enabled: false } });
    await pushed('one', 7);
    await status.clock.advance(10_000);
    const { body } = await status.get(`${PIPELINES}/one`);
    expect(body).toMatchObject({ recordsProcessed: 7, batchesFailed: null, throughputPerSecond: null, p95Ms: null });
    expect((await status.get('/api/v1/metrics')).body).toEqual({ instruments: [], truncated: false });
    expect((await status.get('/status/metrics')).body).toEqual({ metrics: [] });
    expect((await status.get(`${PIPELINES}/one/metrics`)).body.series).toEqual([]);
    const { body: history } = await status.get('/api/v1/history');
    expect(history).toMatchObject({ recordsPerSecond: [null], heapUsedBytes: [expect.any(Number)] });
  });
});

describe('the history', () => {
  test('has the rates and percentiles of each ten seconds', async () => {
    status = await startStatusTest();
    const pipeline = await pushed('one', 20);
    await status.clock.advance(10_000);
    await pipeline.ingest({ batchId: 'second', records: [1, 2, 3, 4, 5], sourceOffset: 20 });
    await pushed('two', 10);
    await status.clock.advance(10_000);
    await status.clock.advance(10_000);
    const { body: one } = await status.get(`${PIPELINES}/one/history`);
    const start = Date.UTC(2026, 0, 1) / 1000;
    expect(one).toMatchObject({
      intervalSeconds: 10,
      times: [start + 10, start + 20, start + 30],
      recordsPerSecond: [2, 0.5, 0],
      batchesPerSecond: [0.1, 0.1, 0],
      failuresPerSecond: [0, 0, 0],
      retriesPerSecond: [0, 0, 0],
      p95Ms: [expect.any(Number), expect.any(Number), null],
    });
    expect((await status.get(`${PIPELINES}/two/history`)).body.recordsPerSecond).toEqual([null, 1, 0]);
    const { body: all } = await status.get('/api/v1/history');
    expect(all).toMatchObject({ recordsPerSecond: [2, 1.5, 0], batchesPerSecond: [0.1, 0.2, 0] });
    for (const column of ['eventLoopDelayP99Seconds', 'heapUsedBytes', 'rssBytes', 'cpuUsage', 'eventLoopUtilization'])
      expect(all[column]).toEqual([expect.any(Number), expect.any(Number), expect.any(Number)]);
    const { body: detail } = await status.get(`${PIPELINES}/one`);
    expect(detail.history.slice(-2)).toEqual([0, expect.closeTo(2.5 / 3, 4)]);
    expect(detail.p95Ms).toBe(one.p95Ms[1]);
  });

  test('begins anew with a pipeline that was removed and made again', async () => {
    status = await startStatusTest();
    await pushed('one', 30);
    await status.clock.advance(10_000);
    await status.platform.removePipeline('one');
    await pushed('one', 10);
    await status.clock.advance(10_000);
    expect((await status.get(`${PIPELINES}/one/history`)).body.recordsPerSecond).toEqual([3, 1]);
  });
});

describe('live', () => {
  test('a tick tells what has changed, what has gone and the point of now', async () => {
    status = await startStatusTest();
    const pipeline = await pushed('one', 1);
    await pushed('two');
    const stream = await live();
    await stream.next('hello');
    await pipeline.ingest({ batchId: 'second', records: [1, 2, 3, 4], sourceOffset: 1 });
    await status.clock.advance(1000);
    const { data: first } = await stream.next('tick');
    expect(first.pipelines.map(({ id }: { id: string }) => id)).toEqual(['one']);
    expect(first.pipelines[0]).toMatchObject({ recordsProcessed: 5, history: expect.any(Array) });
    expect(first).toMatchObject({ removed: [], health: 'Healthy', counts: { running: 2 } });
    expect(first.point).toMatchObject({ recordsPerSecond: 4, batchesPerSecond: 1, heapUsedBytes: expect.any(Number) });
    await status.platform.removePipeline('two');
    await status.clock.advance(1000);
    expect((await stream.next('tick')).data).toMatchObject({ removed: ['two'], counts: { running: 1 } });
  });

  test('costs nothing while nobody looks', async () => {
    status = await startStatusTest();
    await settle();
    const idle = status.clock.pending;
    const stream = await live();
    await stream.next('hello');
    expect(status.clock.pending).toBe(idle + 1);
    stream.close();
    await stream.ended;
    while (status.clock.pending > idle) await settle();
    expect(status.clock.pending).toBe(idle);
  });

  test('streams are bounded in number, and end with the platform', async () => {
    status = await startStatusTest();
    const open = await Promise.all(Array.from({ length: 32 }, live));
    await Promise.all(open.map((stream) => stream.next('hello')));
    expect(await status.get('/api/v1/events')).toMatchObject({
      status: 429,
      body: { code: 'DATAFLOW_ERR_API_RATE_LIMITED' },
    });
    open[0]!.close();
    await status.platform.shutdown();
    await Promise.all(open.map((stream) => stream.ended));
  });
});

describe('about the platform', () => {
  test('settings, modules, instrumentation and nodes', async () => {
    status = await startStatusTest({ env: { KAMON_SERVICE_NAME: 'shop' } });
    const { body } = await status.get('/status/settings');
    const setting = (path: string) => body.settings.find((one: { path: string }) => one.path === path);
    expect(setting('metrics.service')).toEqual({
      path: 'metrics.service',
      value: 'shop',
      default: 'dataflow-platform',
      source: 'environment',
      environment: ['KAMON_SERVICE_NAME', 'OTEL_SERVICE_NAME'],
      description: expect.any(String),
    });
    expect(setting('journal.kind')).toMatchObject({ value: 'memory', source: 'code' });
    expect(setting('runtime.mailboxLimit')).toMatchObject({ value: 1000, source: 'default' });
    expect(setting('metrics.tickInterval')).toMatchObject({ value: 10_000, default: '10s' });
    const { modules } = (await status.get('/status/modules')).body;
    expect(modules.find(({ name }: { name: string }) => name === 'status page')).toMatchObject({
      kind: 'server',
      enabled: true,
      state: status.platform.statusUrl,
    });
    const { instrumentation } = (await status.get('/status/instrumentation')).body;
    expect(instrumentation[0]).toMatchObject({ name: 'dataflow-platform', active: true });
    await pushed('one');
    expect((await status.get('/api/v1/cluster')).body.nodes).toEqual([
      { node: expect.any(String), address: status.platform.statusUrl, pipelines: 1, self: true, state: 'up' },
    ]);
  });
});

function isSame(a: object, b: object): boolean {
  const own = Object.entries(a);
  return (
    own.length === Object.keys(b).length && own.every(([key, value]) => (b as Record<string, string>)[key] === value)
  );
}
