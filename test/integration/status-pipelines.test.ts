import { afterEach, describe, expect, test } from '@jest/globals';
import { createMemoryJournal } from '../../src/journals/memory.ts';
import { settle } from '../../src/testing/manual-clock.ts';
import { NULL, PIPELINES, type StatusTest, startStatusTest } from '../support/status-page.ts';

let status: StatusTest;
afterEach(() => status.close());

describe('pipelines', () => {
  test('are listed in order, with counts of all and a page of some', async () => {
    status = await startStatusTest();
    await status.pushed('bbb', 3);
    await status.pushed('aaa');
    await (await status.pushed('ccc')).pause('lunch');
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
    const pipeline = await status.pushed('one', 2);
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
    await status.pushed('good', 1);
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
    await status.pushed('one', 1);
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
    await status.pushed('one');
    await status.send('DELETE', `${PIPELINES}/one`);
    const { body } = await status.get(`${PIPELINES}/one/events?order=desc&limit=1`);
    expect(body).toMatchObject({ events: [{ type: 'PipelineRemoved' }], next: 3 });
    expect((await status.get(`${PIPELINES}/nobody/events`)).body.code).toBe('DATAFLOW_ERR_PIPELINE_UNKNOWN');
  });
});

describe('actions', () => {
  test('create, steer and remove a real pipeline; each is durable, audited and told to who looks', async () => {
    status = await startStatusTest();
    const stream = await status.live();
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
    await status.pushed('one');
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
