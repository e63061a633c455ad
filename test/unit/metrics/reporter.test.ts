import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createNoopMeter } from '@opentelemetry/api';
import { METER_NAME } from '../../../src/metrics/names.ts';
import { PipelineMetricsReporter, type PipelineMetricsReporterOptions } from '../../../src/metrics/reporter.ts';
import type { Telemetry } from '../../../src/telemetry/start-telemetry.ts';
import { quietTelemetry, scrape } from '../../support/collect-metrics.ts';
import { sampleValue } from '../../support/prometheus-parser.ts';

const P = { pipeline_id: 'orders' };

let telemetry: Telemetry;
let warnings: string[];
let time: { wall: number; monotonic: number };

function makeReporter(options: PipelineMetricsReporterOptions = {}): PipelineMetricsReporter {
  const { series } = telemetry;
  return new PipelineMetricsReporter(telemetry.meterProvider.getMeter(METER_NAME), {
    warn: (message) => warnings.push(message),
    clock: { now: () => time.wall, monotonic: () => time.monotonic },
    ...(series === undefined ? {} : { series }),
    ...options,
  });
}

async function value(name: string, labels: Record<string, string> = P): Promise<number | undefined> {
  return sampleValue(await scrape(telemetry), name, labels);
}

function code(error_code: string) {
  return { ...P, error_code };
}

beforeEach(() => {
  telemetry = quietTelemetry();
  warnings = [];
  time = { wall: 1_700_000_000_000, monotonic: 50_000 };
});

afterEach(() => telemetry.shutdown());

describe('counters', () => {
  test('known series stand at 0 from the first mention (R3)', async () => {
    makeReporter().recordStateTransition('orders', 'empty', 'configured');
    const families = await scrape(telemetry);
    for (const name of [
      'dataflow_batches_processed_total',
      'dataflow_batches_timeouts_total',
      'dataflow_records_processed_total',
      'dataflow_records_failed_total',
      'dataflow_checkpoint_updates_total',
      'dataflow_batches_deduplicated_total',
    ]) {
      expect([name, sampleValue(families, name, P)]).toEqual([name, 0]);
    }
    const transition = { ...P, from_state: 'configured', to_state: 'running' };
    expect(sampleValue(families, 'dataflow_state_transitions_total', transition)).toBe(0);
  });

  test('a processed batch counts batch, records and time', async () => {
    const reporter = makeReporter();
    reporter.recordBatchProcessed('orders', 1000, 5, 250);
    const families = await scrape(telemetry);
    expect(sampleValue(families, 'dataflow_batches_processed_total', P)).toBe(1);
    expect(sampleValue(families, 'dataflow_records_processed_total', P)).toBe(1000);
    expect(sampleValue(families, 'dataflow_records_failed_total', P)).toBe(5);
    expect(sampleValue(families, 'dataflow_batch_processing_time_ms_sum', P)).toBe(250);
    expect(sampleValue(families, 'dataflow_batch_processing_time_ms_bucket', { ...P, le: '100' })).toBe(0);
    expect(sampleValue(families, 'dataflow_batch_processing_time_ms_bucket', { ...P, le: '250' })).toBe(1);
    expect(sampleValue(families, 'dataflow_batch_duration_seconds_sum', P)).toBe(0.25);
    expect(sampleValue(families, 'dataflow_pipeline_last_batch_timestamp_seconds', P)).toBe(1_700_000_000);
  });

  test('failures, retries, timeouts, checkpoints and the rest', async () => {
    const reporter = makeReporter();
    reporter.recordBatchFailed('orders', 'timeout');
    reporter.recordBatchFailed('orders', ' TIMEOUT ');
    reporter.recordRetryScheduled('orders', 'CONNECTION_FAILED', 2);
    reporter.recordBatchTimeout('orders', 'batch-456');
    reporter.recordCheckpointUpdate('orders', 1000);
    reporter.recordCheckpointUpdate('orders', 'opaque:7');
    reporter.recordBatchDeduplicated('orders');
    reporter.recordDeadLettered('orders', 3, 'RECORD_MALFORMED');
    reporter.setBatchesInflight('orders', 1);
    reporter.setSourceLag('orders', 42);
    reporter.recordRecovery(0.5, 1234);
    reporter.recordJournalAppend(0.002);
    const families = await scrape(telemetry);
    expect(sampleValue(families, 'dataflow_batches_failed_total', code('TIMEOUT'))).toBe(2);
    expect(sampleValue(families, 'dataflow_retries_scheduled_total', code('CONNECTION_FAILED'))).toBe(1);
    expect(sampleValue(families, 'dataflow_batches_timeouts_total', P)).toBe(1);
    expect(sampleValue(families, 'dataflow_checkpoint_updates_total', P)).toBe(2);
    expect(sampleValue(families, 'dataflow_checkpoint_timestamp_seconds', P)).toBe(1_700_000_000);
    expect(sampleValue(families, 'dataflow_batches_deduplicated_total', P)).toBe(1);
    expect(sampleValue(families, 'dataflow_records_dead_lettered_total', code('RECORD_MALFORMED'))).toBe(3);
    expect(sampleValue(families, 'dataflow_batches_inflight', P)).toBe(1);
    expect(sampleValue(families, 'dataflow_source_lag_records', P)).toBe(42);
    expect(sampleValue(families, 'dataflow_recovery_duration_seconds_sum')).toBe(0.5);
    expect(sampleValue(families, 'dataflow_recovery_events_replayed_total')).toBe(1234);
    expect(sampleValue(families, 'dataflow_journal_append_duration_seconds_count')).toBe(1);
    expect(warnings).toEqual([]);
  });

  test.each([Number.NaN, -1, Number.POSITIVE_INFINITY, '2', undefined])(
    'a retry of number %p is refused',
    async (count) => {
      const reporter = makeReporter();
      for (const retryCount of [count as number, 1]) reporter.recordRetryScheduled('orders', 'TIMEOUT', retryCount);
      expect(sampleValue(await scrape(telemetry), 'dataflow_retries_scheduled_total', code('TIMEOUT'))).toBe(1);
      expect(warnings).toEqual([expect.stringContaining('recordRetryScheduled: retryCount')]);
    },
  );

  test('error codes are cut, bounded and folded into OTHER with one warning (R4)', async () => {
    const reporter = makeReporter({ errorCodeLimit: 2 });
    reporter.recordBatchFailed('orders', 'x'.repeat(100));
    reporter.recordBatchFailed('orders', '');
    for (const text of ['A', 'B', 'C']) reporter.recordRetryScheduled('orders', text, 1);
    const families = await scrape(telemetry);
    expect(sampleValue(families, 'dataflow_batches_failed_total', code('X'.repeat(64)))).toBe(1);
    expect(sampleValue(families, 'dataflow_batches_failed_total', code('UNKNOWN'))).toBe(1);
    expect(sampleValue(families, 'dataflow_retries_scheduled_total', code('OTHER'))).toBe(3);
    expect(sampleValue(families, 'dataflow_metrics_overflow_total')).toBe(3);
    expect(warnings).toHaveLength(1);
  });
});

describe('bad values (R1, R2)', () => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY, -1, '5', 5n, undefined, null])(
    'a count of %p is refused with one warning and poisons nothing',
    async (bad) => {
      const reporter = makeReporter();
      for (let times = 0; times < 3; times++) reporter.recordBatchProcessed('orders', bad as number, 0, 10);
      reporter.recordBatchProcessed('orders', 7, 0, bad as number);
      const families = await scrape(telemetry);
      expect(sampleValue(families, 'dataflow_records_processed_total', P)).toBe(7);
      expect(sampleValue(families, 'dataflow_batch_processing_time_ms_sum', P)).toBe(30);
      expect(warnings.map((text) => /: (\w+) must/.exec(text)?.[1])).toEqual(['successCount', 'processingTimeMs']);
    },
  );

  test('arguments of every wrong type neither throw nor make series', async () => {
    const reporter = makeReporter();
    for (const bad of [undefined, null, 1, {}, Symbol('x'), [], '']) {
      const id = bad as string;
      reporter.recordStateTransition(id, bad as 'empty', bad as 'empty');
      reporter.recordStateTransition('orders', bad as 'empty', 'running');
      reporter.recordBatchProcessed(id, 1, 1, 1);
      reporter.recordBatchFailed(id, id);
      reporter.recordRetryScheduled(id, id, 1);
      reporter.recordBatchTimeout(id, id);
      reporter.recordCheckpointUpdate(id, id);
      reporter.updatePipelineMetrics(id, bad as never);
      reporter.updatePipelineMetrics('orders', bad as never);
      reporter.removePipeline(id);
    }
    const families = await scrape(telemetry);
    const ids = [...families.values()].flatMap(({ samples }) => samples.map(({ labels }) => labels.pipeline_id));
    expect(new Set(ids)).toEqual(new Set([undefined, 'orders']));
    expect(await value('dataflow_pipelines_running', {})).toBe(0);
  });

  test('a meter whose instruments throw, a clock that throws, a warning that throws', () => {
    const meter = createNoopMeter();
    const thrower = () => {
      throw new Error('broken');
    };
    meter.createCounter = () => ({ add: thrower });
    const reporter = new PipelineMetricsReporter(meter, {
      warn: thrower,
      clock: { now: thrower, monotonic: thrower },
    });
    expect(() => reporter.recordBatchProcessed('orders', 1, 1, 1)).not.toThrow();
    expect(() => reporter.close()).not.toThrow();
  });
});

describe('gauges', () => {
  const counts = async () => {
    const families = await scrape(telemetry);
    return ['running', 'stopped', 'paused', 'failed'].map((s) => sampleValue(families, `dataflow_pipelines_${s}`));
  };

  test('count live pipelines by state, with the reporter alone, and are 0 before any', async () => {
    const reporter = makeReporter();
    expect(await counts()).toEqual([0, 0, 0, 0]);
    reporter.recordStateTransition('a', 'configured', 'running');
    reporter.recordStateTransition('b', 'configured', { status: 'running' });
    reporter.recordStateTransition('c', 'running', 'Failed' as 'failed');
    expect(await counts()).toEqual([2, 0, 0, 1]);
    reporter.recordStateTransition('a', 'running', 'paused');
    reporter.recordStateTransition('b', 'running', 'stopped');
    reporter.recordStateTransition('b', 'running', 'stopped');
    reporter.recordStateTransition('c', 'failed', 'configured');
    expect(await counts()).toEqual([0, 1, 1, 0]);
    reporter.removePipeline('a');
    reporter.removePipeline('a');
    expect(await counts()).toEqual([0, 1, 0, 0]);
  });

  test('the state gauge is 1 for the state and 0 for the others', async () => {
    const reporter = makeReporter();
    reporter.recordStateTransition('orders', 'configured', 'running');
    reporter.recordStateTransition('orders', 'running', 'paused');
    const family = (await scrape(telemetry)).get('dataflow_pipeline_state');
    const shown = Object.fromEntries(family?.samples.map(({ labels, value: v }) => [labels.state, v]) ?? []);
    expect(shown).toEqual({ configured: 0, running: 0, paused: 1, stopped: 0, failed: 0 });
  });

  test('throughput follows the window, and is 0 when idle or not running', async () => {
    const reporter = makeReporter();
    const rate = () => value('dataflow_records_throughput_per_second');
    reporter.recordStateTransition('orders', 'configured', 'running');
    time.monotonic += 2000;
    reporter.recordBatchProcessed('orders', 1000, 0, 10);
    expect(await rate()).toBe(500);
    reporter.recordStateTransition('orders', 'running', 'paused');
    expect(await rate()).toBe(0);
    reporter.recordStateTransition('orders', 'paused', 'running');
    reporter.recordBatchProcessed('orders', 100, 0, 10);
    expect(await rate()).toBe(100);
    time.monotonic += 20_000;
    expect(await rate()).toBe(0);
  });

  test('totals feed the throughput once, together with batches or without them', async () => {
    const reporter = makeReporter();
    const metrics = (totalRecordsProcessed: number) => ({
      totalRecordsProcessed,
      totalRecordsFailed: 0,
      totalBatchesProcessed: 1,
      averageProcessingTimeMs: 1,
      lastProcessedAt: 1_600_000_000_000,
      throughputPerSecond: 9e9,
    });
    reporter.recordStateTransition('orders', 'configured', 'running');
    reporter.updatePipelineMetrics('orders', metrics(5000));
    expect(await value('dataflow_records_throughput_per_second')).toBe(0);
    expect(await value('dataflow_pipeline_last_batch_timestamp_seconds')).toBe(1_600_000_000);
    reporter.recordBatchProcessed('orders', 100, 0, 10);
    reporter.updatePipelineMetrics('orders', metrics(5100));
    expect(await value('dataflow_records_throughput_per_second')).toBe(100);
    reporter.updatePipelineMetrics('orders', metrics(5400));
    expect(await value('dataflow_records_throughput_per_second')).toBe(400);
    expect(await value('dataflow_records_processed_total')).toBe(100);
  });
});

describe('pipelines that go', () => {
  const names = async () => {
    const families = await scrape(telemetry);
    return [...families.values()].filter(({ samples }) =>
      samples.some(({ labels }) => labels.pipeline_id === 'orders'),
    );
  };

  test('all series of a removed pipeline are gone from the next scrape; it may come back', async () => {
    const reporter = makeReporter();
    reporter.recordStateTransition('orders', 'configured', 'running');
    reporter.recordBatchProcessed('orders', 1, 0, 1);
    expect((await names()).length).toBeGreaterThan(10);
    reporter.removePipeline('orders');
    reporter.setBatchesInflight('orders', 0);
    reporter.setSourceLag('orders', 5);
    expect(await names()).toEqual([]);
    reporter.recordStateTransition('orders', 'empty', 'configured');
    expect(await value('dataflow_pipeline_state', { ...P, state: 'configured' })).toBe(1);
  });

  test('a released pipeline keeps its counters only', async () => {
    const reporter = makeReporter();
    reporter.recordStateTransition('orders', 'configured', 'running');
    reporter.recordBatchProcessed('orders', 1, 0, 1);
    reporter.releasePipeline('orders');
    expect((await names()).map(({ type }) => type)).not.toContain('gauge');
    expect(await value('dataflow_batches_processed_total')).toBe(1);
    expect(await value('dataflow_pipelines_running', {})).toBe(0);
  });

  test('closing stops the gauges', async () => {
    const reporter = makeReporter({ version: '1.2.3' });
    expect(await value('dataflow_build_info', { version: '1.2.3', node_version: process.versions.node })).toBe(1);
    reporter.recordStateTransition('orders', 'configured', 'running');
    reporter.close();
    expect(await value('dataflow_pipeline_state', { ...P, state: 'running' })).toBeUndefined();
  });
});
