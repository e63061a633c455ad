import { afterEach, describe, expect, test } from '@jest/globals';
import { metrics } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { METER_NAME } from '../../src/metrics/names.ts';
import { PipelineMetricsReporter } from '../../src/metrics/reporter.ts';
import { MetricsEngine } from '../../src/telemetry/engine/metrics-engine.ts';
import { createTelemetry } from '../../src/telemetry/start-telemetry.ts';
import { DEFAULT_TELEMETRY_CONFIG, mergeTelemetryConfig } from '../../src/telemetry/telemetry-config.ts';
import { parsePrometheus, sampleValue } from '../support/prometheus-parser.ts';

const HOUR = 3_600_000;
const quiet = mergeTelemetryConfig(DEFAULT_TELEMETRY_CONFIG, {
  runtime: { enabled: false },
  process: { enabled: false },
  host: { groups: [] },
});
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function inMemory(temporality = AggregationTemporality.CUMULATIVE) {
  const exporter = new InMemoryMetricExporter(temporality);
  return { exporter, reader: new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: HOUR }) };
}

function exported(exporter: InMemoryMetricExporter): MetricData[] {
  return exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
}

function record(reporter: PipelineMetricsReporter): void {
  reporter.recordStateTransition('p', 'configured', 'running');
  reporter.recordBatchProcessed('p', 1000, 5, 250);
  reporter.recordBatchFailed('p', 'TIMEOUT');
}

/** What any reader must show of `record`. */
function expectRecorded(collected: readonly MetricData[]): void {
  const point = (name: string, labels: Record<string, string> = {}) =>
    collected
      .find(({ descriptor }) => descriptor.name === name)
      ?.dataPoints.find(({ attributes }) => Object.entries(labels).every(([key, value]) => attributes[key] === value))
      ?.value;
  expect(point('dataflow.batches.processed')).toBe(1);
  expect(point('dataflow.records.processed')).toBe(1000);
  expect(point('dataflow.batches.failed', { error_code: 'TIMEOUT' })).toBe(1);
  expect(point('dataflow.pipelines.running')).toBe(1);
  expect(point('dataflow.state.transitions', { from_state: 'configured', to_state: 'running' })).toBe(1);
  expect(point('dataflow.batch.processing.time.ms')).toMatchObject({ count: 1, sum: 250, min: 250, max: 250 });
  expect(point('dataflow.batch.processing.time.ms')).toMatchObject({
    buckets: {
      boundaries: [1, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000],
      counts: [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
    },
  });
}

describe('the same recorder', () => {
  test('with our own telemetry and a reader of its own', async () => {
    const { exporter, reader } = inMemory();
    const telemetry = createTelemetry({ config: quiet, readers: [reader] });
    closing.push(() => telemetry.shutdown());
    const reporter = new PipelineMetricsReporter(telemetry.meterProvider.getMeter(METER_NAME));
    telemetry.meterProvider.getMeter('user').createCounter('user.own').add(3);
    record(reporter);
    await reader.forceFlush();
    expectRecorded(exported(exporter));
    expect(exported(exporter).map(({ descriptor }) => descriptor.name)).toContain('user.own');
    expect(exporter.getMetrics()[0]?.resource.attributes).toMatchObject({ 'service.name': 'dataflow-platform' });
    reporter.close();
  });

  test('with the plain SDK of a host application', async () => {
    const { exporter, reader } = inMemory();
    const provider = new MeterProvider({ readers: [reader] });
    closing.push(() => provider.shutdown());
    const telemetry = createTelemetry({ config: quiet, meterProvider: provider });
    const reporter = new PipelineMetricsReporter(telemetry.meterProvider.getMeter(METER_NAME));
    record(reporter);
    await provider.forceFlush();
    expectRecorded(exported(exporter));
    reporter.close();
    await telemetry.shutdown();
  });

  test('with the global provider that NodeSDK sets up', async () => {
    const { exporter, reader } = inMemory();
    const sdk = new NodeSDK({
      metricReaders: [reader],
      instrumentations: [],
      autoDetectResources: false,
      spanProcessors: [],
    });
    sdk.start();
    closing.push(async () => {
      await sdk.shutdown();
      metrics.disable();
    });
    const telemetry = createTelemetry({ config: quiet, meterProvider: metrics.getMeterProvider() });
    const reporter = new PipelineMetricsReporter(telemetry.meterProvider.getMeter(METER_NAME));
    record(reporter);
    await reader.forceFlush();
    expectRecorded(exported(exporter));
    reporter.close();
    await telemetry.shutdown();
  });
});

describe('official readers of the engine', () => {
  test('PrometheusExporter and a periodic reader show the same numbers, each with a producer of its own', async () => {
    const engine = new MetricsEngine();
    const prometheus = new PrometheusExporter({ preventServerStart: true, metricProducers: [engine.producer()] });
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const periodic = new PeriodicExportingMetricReader({
      exporter,
      exportIntervalMillis: HOUR,
      metricProducers: [engine.producer()],
    });
    const provider = new MeterProvider({ readers: [prometheus, periodic] });
    closing.push(() => provider.shutdown());
    const reporter = new PipelineMetricsReporter(engine.getMeter(METER_NAME));
    record(reporter);
    const { resourceMetrics, errors } = await prometheus.collect();
    expect(errors).toEqual([]);
    const text = new PrometheusSerializer(undefined, false, undefined, true, true).serialize(resourceMetrics);
    // The parser reads the classic format, which has no UNIT.
    const families = parsePrometheus(text.replaceAll(/^# UNIT .*\n/gm, ''));
    const P = { pipeline_id: 'p' };
    expect(sampleValue(families, 'dataflow_batches_processed_total', P)).toBe(1);
    expect(sampleValue(families, 'dataflow_batch_processing_time_ms_bucket', { ...P, le: '250' })).toBe(1);
    expect(sampleValue(families, 'dataflow_pipelines_running')).toBe(1);
    await periodic.forceFlush();
    expectRecorded(exported(exporter));
    reporter.close();
  });

  test('a reader of deltas gets spans that follow each other, and only what changed', async () => {
    let now = 1000;
    const engine = new MetricsEngine({ now: () => now });
    const producer = engine.producer(() => AggregationTemporality.DELTA);
    const meter = engine.getMeter('m');
    const counter = meter.createCounter('c');
    const gauge = meter.createGauge('g');
    const points = async () => {
      const { resourceMetrics } = await producer.collect();
      return resourceMetrics.scopeMetrics.flatMap(({ metrics: list }) =>
        list.flatMap(({ descriptor, dataPoints, aggregationTemporality }) =>
          dataPoints.map(({ attributes, value, startTime, endTime }) => ({
            name: descriptor.name,
            id: attributes.pipeline_id,
            value,
            span: [startTime[0], endTime[0]],
            isDelta: aggregationTemporality === AggregationTemporality.DELTA,
          })),
        ),
      );
    };
    counter.add(5, { pipeline_id: 'a' });
    now = 10_000;
    expect(await points()).toEqual([{ name: 'c', id: 'a', value: 5, span: [1, 10], isDelta: true }]);
    now = 15_000;
    counter.add(0, { pipeline_id: 'b' });
    gauge.record(7, { pipeline_id: 'b' });
    now = 20_000;
    expect(await points()).toEqual([
      { name: 'c', id: 'b', value: 0, span: [15, 20], isDelta: true },
      { name: 'g', id: 'b', value: 7, span: [15, 20], isDelta: false },
    ]);
    counter.add(2, { pipeline_id: 'a' });
    engine.remove({ pipeline_id: 'b' });
    now = 25_000;
    counter.add(4, { pipeline_id: 'b' });
    now = 30_000;
    expect(await points()).toEqual([
      { name: 'c', id: 'a', value: 2, span: [20, 30], isDelta: true },
      { name: 'c', id: 'b', value: 4, span: [25, 30], isDelta: true },
    ]);
  });

  test('two collections of one reader at once do not report a delta twice', async () => {
    const engine = new MetricsEngine();
    const producer = engine.producer(() => AggregationTemporality.DELTA);
    const counter = engine.getMeter('m').createCounter('c');
    for (let index = 0; index < 5000; index++) counter.add(1, { pipeline_id: `p${index}` });
    const results = await Promise.all([producer.collect(), producer.collect()]);
    const counts = results.map(
      ({ resourceMetrics: { scopeMetrics } }) => scopeMetrics[0]?.metrics[0]?.dataPoints.length ?? 0,
    );
    expect(counts).toEqual([5000, 0]);
  });
});

describe('hostile labels through our telemetry', () => {
  const values = [
    '"',
    '\n',
    '\\',
    '\\n',
    'é',
    '日本\u{1F600}',
    '\uD800',
    '\uDC00x',
    'x'.repeat(10_240),
    ' ',
    '{a="b"}',
    '',
  ];
  const keys = [
    'le',
    '__name__',
    '',
    'a.b',
    'a_b',
    'a-b',
    '1',
    'ключ',
    'quantile',
    'otel_scope_name',
    'constructor',
    '__proto__',
  ];

  test('no key or value breaks the target, official or own, and totals stay exact', async () => {
    const engine = new MetricsEngine({ warn: () => {} });
    const histogram = engine.getMeter('m').createHistogram('h', { advice: { explicitBucketBoundaries: [1] } });
    let recorded = 0;
    for (const key of keys) {
      for (const value of values) {
        histogram.record(1, Object.fromEntries([[key, value]]));
        histogram.record(
          1,
          Object.fromEntries([
            [key, value],
            ['a.b', 'x'],
            ['a_b', 'y'],
          ]),
        );
        recorded += 2;
      }
    }
    const { resourceMetrics } = await engine.producer().collect();
    const text = new PrometheusSerializer(undefined, false, undefined, true, true).serialize(resourceMetrics);
    // Over the wire: what has no UTF-8 encoding would be changed there, and might become a duplicate.
    const families = parsePrometheus(Buffer.from(text).toString('utf8'));
    const counts = families.get('h')!.samples.filter(({ name }) => name === 'h_count');
    expect(counts.reduce((sum, { value }) => sum + value, 0)).toBe(recorded);
    expect(counts.length).toBeGreaterThan(100);
  });

  test('pipeline ids of any kind are shown as they are', async () => {
    const telemetry = createTelemetry({ config: quiet });
    closing.push(() => telemetry.shutdown());
    const reporter = new PipelineMetricsReporter(telemetry.meterProvider.getMeter(METER_NAME), {
      warn: () => {},
      ...(telemetry.series === undefined ? {} : { series: telemetry.series }),
    });
    for (const id of values) {
      reporter.recordStateTransition(id, 'configured', 'running');
      reporter.recordBatchProcessed(id, 1, 0, 1);
    }
    const { scopeMetrics } = await telemetry.collect();
    const processed = scopeMetrics[0]?.metrics.find(
      ({ descriptor }) => descriptor.name === 'dataflow.batches.processed',
    );
    const shown = processed?.dataPoints.map(({ attributes }) => attributes.pipeline_id);
    const wanted = values.filter((id) => id !== '').map((id) => id.replaceAll(/\p{Surrogate}/gu, '\u{FFFD}'));
    expect(shown?.sort()).toEqual(wanted.sort());
    for (const id of values) reporter.removePipeline(id);
    const left = (await telemetry.collect()).scopeMetrics.flatMap((scope) =>
      scope.metrics.flatMap(({ dataPoints }) => dataPoints.filter(({ attributes }) => 'pipeline_id' in attributes)),
    );
    expect(left).toEqual([]);
    reporter.close();
  });
});
