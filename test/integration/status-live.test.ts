import { afterEach, describe, expect, test } from '@jest/globals';
import { settle } from '../../src/testing/manual-clock.ts';
import { parsePrometheus } from '../support/prometheus-parser.ts';
import { PIPELINES, type StatusTest, startStatusTest } from '../support/status-page.ts';

let status: StatusTest;
afterEach(() => status.close());

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
    await status.pushed('one', 7);
    await status.pushed('two', 11);
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
    await status.pushed('one', 7);
    await status.pushed('two', 11);
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
    await status.pushed('one', 7);
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
    const pipeline = await status.pushed('one', 20);
    await status.clock.advance(10_000);
    await pipeline.ingest({ batchId: 'second', records: [1, 2, 3, 4, 5], sourceOffset: 20 });
    await status.pushed('two', 10);
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
    await status.pushed('one', 30);
    await status.clock.advance(10_000);
    await status.platform.removePipeline('one');
    await status.pushed('one', 10);
    await status.clock.advance(10_000);
    expect((await status.get(`${PIPELINES}/one/history`)).body.recordsPerSecond).toEqual([3, 1]);
  });
});

describe('live', () => {
  test('a tick tells what has changed, what has gone and the point of now', async () => {
    status = await startStatusTest();
    const pipeline = await status.pushed('one', 1);
    await status.pushed('two');
    const stream = await status.live();
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
    const stream = await status.live();
    await stream.next('hello');
    expect(status.clock.pending).toBe(idle + 1);
    stream.close();
    await stream.ended;
    while (status.clock.pending > idle) await settle();
    expect(status.clock.pending).toBe(idle);
  });

  test('streams are bounded in number, and end with the platform', async () => {
    status = await startStatusTest();
    const open = await Promise.all(Array.from({ length: 32 }, () => status.live()));
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
    await status.pushed('one');
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
