import v8 from 'node:v8';
import { afterEach, describe, expect, test } from '@jest/globals';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { ActorMetrics } from '../../../src/metrics/actor-metrics.ts';
import { DEFAULT_ACTOR_METRICS_CONFIG } from '../../../src/metrics/actor-metrics-config.ts';
import { ClusterMetrics } from '../../../src/metrics/cluster-metrics.ts';
import { DEFAULT_ERROR_CODES } from '../../../src/metrics/error-codes.ts';
import { INSTRUMENT_LIST, METER_NAME } from '../../../src/metrics/names.ts';
import { PipelineMetricsReporter } from '../../../src/metrics/reporter.ts';
import { STATES } from '../../../src/metrics/state-labels.ts';
import { createTelemetry, startTelemetry, type Telemetry } from '../../../src/telemetry/start-telemetry.ts';
import {
  DEFAULT_TELEMETRY_CONFIG,
  mergeTelemetryConfig,
  type TelemetryOverrides,
} from '../../../src/telemetry/telemetry-config.ts';
import { viewsFor } from '../../../src/telemetry/views.ts';
import { quietTelemetry, scrape } from '../../support/collect-metrics.ts';
import { sampleValue } from '../../support/prometheus-parser.ts';

const opened: Telemetry[] = [];

async function start(overrides: TelemetryOverrides = {}): Promise<Telemetry> {
  const telemetry = await startTelemetry({ config: mergeTelemetryConfig(DEFAULT_TELEMETRY_CONFIG, overrides) });
  opened.push(telemetry);
  return telemetry;
}

function quiet(overrides: TelemetryOverrides = {}): Telemetry {
  const telemetry = quietTelemetry(overrides);
  opened.push(telemetry);
  return telemetry;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((telemetry) => telemetry.shutdown()));
});

describe('what is collected', () => {
  test('runtime, process and host series under their documented names', async () => {
    const telemetry = await start();
    const families = await scrape(telemetry);
    const used = sampleValue(families, 'jvm_memory_heap_used_bytes') ?? 0;
    const max = sampleValue(families, 'jvm_memory_heap_max_bytes') ?? 0;
    expect(used).toBeGreaterThan(1_000_000);
    expect(max).toBeGreaterThan(used);
    expect(sampleValue(families, 'jvm_memory_non_heap_used_bytes')).toBeGreaterThan(0);
    expect(sampleValue(families, 'jvm_gc_promotion_bytes')).toBeGreaterThanOrEqual(0);
    const cpu = sampleValue(families, 'process_cpu_usage') ?? -1;
    expect(cpu).toBeGreaterThanOrEqual(0);
    expect(cpu).toBeLessThanOrEqual(1);
    if (process.platform === 'linux') expect(sampleValue(families, 'jvm_threads_total')).toBeGreaterThan(1);
    expect(families.get('system_cpu_time_seconds_total')?.type).toBe('counter');
    expect(families.has('system_network_io_total')).toBe(false);
    expect(sampleValue(families, 'target_info', { service_name: 'dataflow-platform' })).toBe(1);
    for (const { samples } of families.values()) {
      for (const { labels } of samples) expect(Object.keys(labels).filter((key) => /^otel_/.test(key))).toEqual([]);
    }
  });

  test('the spaces of the heap, and the time of the event loop', async () => {
    const telemetry = await start({ host: { groups: [] } });
    const families = await scrape(telemetry);
    const spaces = v8.getHeapSpaceStatistics().map(({ space_name }) => space_name);
    for (const what of ['used', 'space_size', 'space_available_size', 'space_physical_size']) {
      const { type, samples } = families.get(`v8js_memory_heap_${what}_bytes`) ?? { samples: [] };
      expect(type).toBe('gauge');
      expect(samples.map(({ labels }) => labels)).toEqual(spaces.map((name) => ({ v8js_heap_space_name: name })));
    }
    const inOldSpace = (what: string) =>
      sampleValue(families, `v8js_memory_heap_${what}_bytes`, { v8js_heap_space_name: 'old_space' }) ?? 0;
    expect(inOldSpace('used')).toBeGreaterThan(1_000_000);
    expect(inOldSpace('space_size')).toBeGreaterThan(inOldSpace('used'));
    expect(sampleValue(families, 'v8js_memory_heap_limit_bytes')).toBe(v8.getHeapStatistics().heap_size_limit);
    const time = families.get('nodejs_eventloop_time_seconds_total');
    expect(time?.type).toBe('counter');
    expect(time?.samples.map(({ labels }) => labels)).toEqual([
      { nodejs_eventloop_state: 'active' },
      { nodejs_eventloop_state: 'idle' },
    ]);
    const active = async () =>
      sampleValue(await scrape(telemetry), 'nodejs_eventloop_time_seconds_total', { nodejs_eventloop_state: 'active' });
    expect(await active()).toBeGreaterThan(time?.samples[0]?.value ?? Number.POSITIVE_INFINITY);
  });

  test('garbage collections become pauses by kind', async () => {
    const telemetry = await start({ host: { groups: [] } });
    let kept: object[] = [];
    let count = 0;
    // Entries arrive on later turns of the loop; the loop ends as soon as one was seen.
    for (let round = 0; round < 200 && count === 0; round++) {
      for (let index = 0; index < 200_000; index++) kept.push({ index });
      kept = [];
      await new Promise((resolve) => setImmediate(resolve));
      const families = await scrape(telemetry);
      count = sampleValue(families, 'jvm_gc_pause_seconds_count', { gc: 'minor' }) ?? 0;
    }
    expect(count).toBeGreaterThan(0);
  });

  test('runtime and process can be turned off each', async () => {
    const families = await scrape(await start({ runtime: { enabled: false }, process: { enabled: false } }));
    expect([...families.keys()].filter((name) => /^(jvm|process)_/.test(name))).toEqual([]);
    expect(families.has('system_memory_usage')).toBe(true);
  });

  test('the number of series of the previous collection', async () => {
    const telemetry = quiet();
    telemetry.meterProvider.getMeter('user').createCounter('mine').add(1);
    await telemetry.collect();
    expect(sampleValue(await scrape(telemetry), 'dataflow_metrics_series')).toBe(1);
  });

  test('host metrics collected at once or in a row stay finite (shared result)', async () => {
    const telemetry = await start();
    await Promise.all([telemetry.collect(), telemetry.collect()]);
    const families = await scrape(telemetry);
    for (const name of ['system_cpu_utilization', 'process_cpu_utilization']) {
      for (const { value } of families.get(name)?.samples ?? []) expect(Number.isFinite(value)).toBe(true);
    }
  });
});

describe('configuration', () => {
  test('buckets, filter and resource are honoured, and no View doubles a value', async () => {
    const telemetry = quiet({
      buckets: { 'dataflow.batch.duration': [1, 2], 'user.latency': [7], 'dataflow.batches.processed': [1] },
      filter: { include: [], exclude: ['dataflow.records.**', 'user.secret'] },
      resource: { team: 'data' },
      service: 'mine',
    });
    const reporter = new PipelineMetricsReporter(telemetry.meterProvider.getMeter(METER_NAME));
    reporter.recordBatchProcessed('p', 3, 0, 1500);
    const user = telemetry.meterProvider.getMeter('user');
    user.createHistogram('user.latency').record(5);
    user.createCounter('user.secret').add(1);
    const families = await scrape(telemetry);
    const bounds = (name: string) => families.get(name)?.samples.flatMap(({ labels }) => labels.le ?? []);
    expect(bounds('dataflow_batch_duration_seconds')).toEqual(['1', '2', '+Inf']);
    expect(bounds('user_latency')).toEqual(['7', '+Inf']);
    expect(bounds('dataflow_batch_processing_time_ms')).toHaveLength(16);
    expect(sampleValue(families, 'dataflow_batch_processing_time_ms_count', { pipeline_id: 'p' })).toBe(1);
    expect(sampleValue(families, 'dataflow_batches_processed_total', { pipeline_id: 'p' })).toBe(1);
    expect([...families.keys()].filter((name) => /records|secret/.test(name))).toEqual([]);
    expect(sampleValue(families, 'target_info', { service_name: 'mine', team: 'data' })).toBe(1);
    reporter.close();
  });

  test.each(['user', METER_NAME])('buckets of %s make no histogram of what is none', async (scope) => {
    const telemetry = quiet({ buckets: { 'app.*': [1, 2], 'app.orders': [3] } });
    const meter = telemetry.meterProvider.getMeter(scope);
    meter.createCounter('app.orders').add(4);
    meter.createUpDownCounter('app.open').add(4);
    meter.createObservableGauge('app.load').addCallback((result) => result.observe(4));
    meter.createHistogram('app.size').record(4);
    const families = await scrape(telemetry);
    expect(sampleValue(families, 'app_orders_total')).toBe(4);
    expect(sampleValue(families, 'app_open')).toBe(4);
    expect(sampleValue(families, 'app_load')).toBe(4);
    expect(families.get('app_size')?.samples.flatMap(({ labels }) => labels.le ?? [])).toEqual(['1', '2', '+Inf']);
  });

  test('the limit of series is the configured one', async () => {
    const telemetry = quiet({ seriesLimit: 5000 });
    const reporter = new PipelineMetricsReporter(telemetry.meterProvider.getMeter(METER_NAME));
    for (let index = 0; index < 3000; index++) reporter.recordBatchProcessed(`p${index}`, 1, 0, 1);
    for (let index = 0; index < 3000; index++) reporter.recordBatchProcessed(`p${index}`, 1, 0, 1);
    const families = await scrape(telemetry);
    const samples = families.get('dataflow_batches_processed_total')?.samples ?? [];
    expect(samples).toHaveLength(3000);
    expect(samples.filter(({ value }) => value !== 2)).toEqual([]);
    expect(sampleValue(families, 'dataflow_batch_duration_seconds_count', { pipeline_id: 'p2999' })).toBe(2);
    reporter.close();
  });

  test('disabled telemetry records, collects and stops nothing (R1)', async () => {
    const telemetry = await start({ enabled: false });
    const reporter = new PipelineMetricsReporter(telemetry.meterProvider.getMeter(METER_NAME));
    reporter.recordBatchProcessed('p', 1, 0, 1);
    expect((await telemetry.collect()).scopeMetrics).toEqual([]);
  });
});

describe('collection (R3)', () => {
  test('concurrent collections are one', async () => {
    const telemetry = quiet();
    let calls = 0;
    telemetry.meterProvider
      .getMeter('user')
      .createObservableGauge('calls')
      .addCallback((result) => result.observe(++calls));
    const [first, second] = await Promise.all([telemetry.collect(), telemetry.collect()]);
    expect(first).toBe(second);
    expect(calls).toBe(1);
    await telemetry.collect();
    expect(calls).toBe(2);
  });

  test.each(['user', METER_NAME])(
    'a callback of %s that throws fails the collection instead of repeating old values',
    async (scope) => {
      const telemetry = quiet();
      let broken = true;
      telemetry.meterProvider
        .getMeter(scope)
        .createObservableGauge('flaky')
        .addCallback((result) => {
          if (broken) throw new Error('sensor is gone');
          result.observe(1);
        });
      await expect(telemetry.collect()).rejects.toMatchObject({
        code: 'DATAFLOW_ERR_METRICS_COLLECTION_FAILED',
        message: expect.stringContaining('sensor is gone'),
      });
      broken = false;
      expect(sampleValue(await scrape(telemetry), 'flaky')).toBe(1);
    },
  );

  test.each(['user', METER_NAME])('a callback of %s that never settles fails the collection in time', async (scope) => {
    const telemetry = createTelemetry({
      config: mergeTelemetryConfig(DEFAULT_TELEMETRY_CONFIG, { host: { groups: [] } }),
      collectTimeoutMs: 50,
    });
    opened.push(telemetry);
    telemetry.meterProvider
      .getMeter(scope)
      .createObservableGauge('stuck')
      .addCallback(() => new Promise(() => {}));
    await expect(telemetry.collect()).rejects.toMatchObject({ code: 'DATAFLOW_ERR_METRICS_COLLECTION_FAILED' });
  });

  test('after shutdown it is refused', async () => {
    const telemetry = quiet();
    await telemetry.shutdown();
    await telemetry.shutdown();
    await expect(telemetry.collect()).rejects.toMatchObject({ code: 'DATAFLOW_ERR_METRICS_COLLECTION_FAILED' });
  });
});

test('shutdown flushes a push exporter once, with the last values', async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  let exports = 0;
  const original = exporter.export.bind(exporter);
  let exported = '';
  exporter.export = (metrics, done) => {
    exports += 1;
    exported = JSON.stringify(metrics.scopeMetrics);
    original(metrics, done);
  };
  const config = mergeTelemetryConfig(DEFAULT_TELEMETRY_CONFIG, { host: { groups: [] } });
  const telemetry = createTelemetry({ config, readers: [reader] });
  const reporter = new PipelineMetricsReporter(telemetry.meterProvider.getMeter(METER_NAME));
  reporter.recordBatchProcessed('flushed', 1, 0, 1);
  await telemetry.shutdown();
  reporter.close();
  expect(exports).toBe(1);
  expect(exported).toContain('flushed');
});

test('a limit of pipelines leaves the figures of the process whole', () => {
  const limitOf = (name: string) =>
    viewsFor(mergeTelemetryConfig(DEFAULT_TELEMETRY_CONFIG, { seriesLimit: 1 }), () => true).find(
      ({ instrumentName }) => instrumentName === name,
    )?.aggregationCardinalityLimit;
  // As many as there are kinds of pauses; one for each pipeline.
  expect(limitOf('jvm.gc.pause')).toBe(5);
  expect(limitOf('dataflow.batch.duration')).toBe(1);
});

test('one pipeline is within a limit of one, whatever happens to it', async () => {
  const telemetry = quiet({ seriesLimit: 1 });
  const reporter = new PipelineMetricsReporter(telemetry.meterProvider.getMeter(METER_NAME));
  for (const from of STATES) for (const to of STATES) reporter.recordStateTransition('p', from as never, to as never);
  for (let code = 0; code < DEFAULT_ERROR_CODES; code++) reporter.recordBatchFailed('p', `CODE_${code}`);
  reporter.recordBatchFailed('p', 'OTHER');
  const families = await scrape(telemetry);
  expect(sampleValue(families, 'dataflow_metrics_overflow_total')).toBe(0);
  reporter.close();
});

test('every instrument of the table has a source: each one is created by the reporter or the telemetry', async () => {
  const telemetry = await start({ host: { groups: [] } });
  const meter = telemetry.meterProvider.getMeter(METER_NAME);
  const reporter = new PipelineMetricsReporter(meter, { version: '1' });
  reporter.recordStateTransition('p', 'configured', 'running');
  reporter.recordBatchProcessed('p', 1, 1, 1);
  reporter.recordBatchFailed('p', 'E');
  reporter.recordRetryScheduled('p', 'E', 1);
  reporter.recordCheckpointUpdate('p', 1);
  reporter.recordDeadLettered('p', 1, 'E');
  reporter.setSourceLag('p', 1);
  reporter.recordRecovery(1, 1);
  reporter.recordJournalAppend(1);
  const config = { ...DEFAULT_ACTOR_METRICS_CONFIG, track: { include: ['a'] }, groups: { g: { include: ['a'] } } };
  const actors = new ActorMetrics(meter, { config, system: 's' });
  const actor = actors.started({ path: 'a', mailboxSize: 0 });
  actor.waited(1);
  actor.turnEnded(1);
  const cluster = new ClusterMetrics(meter, () => ({ held: 1, liveNodes: 1 }));
  await telemetry.collect();
  const { scopeMetrics } = await telemetry.collect();
  const names = scopeMetrics.flatMap(({ metrics }) => metrics.map(({ descriptor }) => descriptor.name));
  const missing = INSTRUMENT_LIST.map(({ name }) => name).filter((name) => !names.includes(name));
  // A pause exists once the collector has run, a delay once a timer has fired; their own tests wait for them.
  const later = ['jvm.gc.pause', 'v8js.gc.duration'];
  expect(missing.filter((name) => !later.includes(name) && !name.startsWith('nodejs.eventloop.delay.'))).toEqual([]);
  reporter.close();
  actors.close();
  cluster.close();
});
