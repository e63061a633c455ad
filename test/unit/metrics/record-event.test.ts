import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { PipelineEvent } from '../../../src/domain/event.ts';
import { RecentBatches } from '../../../src/domain/recent-batches.ts';
import type { PipelineState, PipelineStatus } from '../../../src/domain/state.ts';
import { METER_NAME } from '../../../src/metrics/names.ts';
import { createPipelineRecorder } from '../../../src/metrics/record-event.ts';
import type { PipelineRecorder } from '../../../src/metrics/recorder.ts';
import { PipelineMetricsReporter } from '../../../src/metrics/reporter.ts';
import type { Telemetry } from '../../../src/telemetry/start-telemetry.ts';
import { quietTelemetry, scrape } from '../../support/collect-metrics.ts';
import { sampleValue } from '../../support/prometheus-parser.ts';

const P = { pipeline_id: 'orders' };
const error = { errorType: 'sink', code: 'timeout', message: 'slow', retryable: true } as const;

let monotonicMs = 50_000;
let telemetry: Telemetry;
let recorder: PipelineRecorder;

function state(status: PipelineStatus): PipelineState {
  if (status === 'empty') return { status };
  return {
    status,
    id: 'orders',
    checkpoint: { offset: 10, timestamp: 1_000, recordsProcessed: 10 },
    metrics: {
      totalRecordsProcessed: 10,
      totalRecordsFailed: 0,
      totalBatchesProcessed: 1,
      averageProcessingTimeMs: 5,
      lastProcessedAt: 2_000,
      throughputPerSecond: 1,
    },
    recentBatches: RecentBatches.empty(),
  } as unknown as PipelineState;
}

function record(event: Record<string, unknown>, before: PipelineStatus, after: PipelineStatus = before): void {
  const whole = { schemaVersion: 1, pipelineId: 'orders', timestamp: 3_000, ...event } as unknown as PipelineEvent;
  recorder.record(whole, state(before), state(after));
}

beforeEach(() => {
  telemetry = quietTelemetry();
  const { series } = telemetry;
  const reporter = new PipelineMetricsReporter(telemetry.meterProvider.getMeter(METER_NAME), {
    ...(series === undefined ? {} : { series }),
    clock: { now: () => 9_000, monotonic: () => monotonicMs },
    warn: (message) => {
      throw new Error(message);
    },
  });
  recorder = createPipelineRecorder(reporter, telemetry.queue);
});

afterEach(() => telemetry.shutdown());

describe('transitions', () => {
  const steps: [string, PipelineStatus, PipelineStatus][] = [
    ['PipelineCreated', 'empty', 'configured'],
    ['PipelineStarted', 'configured', 'running'],
    ['PipelinePaused', 'running', 'paused'],
    ['PipelineResumed', 'paused', 'running'],
    ['PipelineFailed', 'running', 'failed'],
    ['PipelineReset', 'failed', 'configured'],
    ['PipelineStopped', 'configured', 'stopped'],
    ['ConfigUpdated', 'stopped', 'configured'],
  ];

  test('each change of state is one transition, no other event is', async () => {
    for (const [type, from, to] of steps) record({ type, error }, from, to);
    record({ type: 'ConfigUpdated' }, 'configured');
    const families = await scrape(telemetry);
    for (const [, from_state, to_state] of steps) {
      const labels = { ...P, from_state, to_state };
      expect([labels, sampleValue(families, 'dataflow_state_transitions_total', labels)]).toEqual([labels, 1]);
    }
    const all = families.get('dataflow_state_transitions_total')?.samples ?? [];
    expect(all.reduce((sum, { value }) => sum + value, 0)).toBe(steps.length);
  });

  test('removal is no transition; it takes the series away', async () => {
    record({ type: 'PipelineCreated' }, 'empty', 'configured');
    record({ type: 'PipelineRemoved' }, 'configured', 'empty');
    recorder.batchesInflight('orders', 0);
    const families = await scrape(telemetry);
    for (const { samples } of families.values()) {
      for (const { labels } of samples) expect(labels).not.toHaveProperty('pipeline_id');
    }
  });
});

test('each event reaches its measurement once', async () => {
  record({ type: 'PipelineStarted' }, 'configured', 'running');
  record({ type: 'BatchIngested', batchId: 'b', recordCount: 10, sourceOffset: 0 }, 'running');
  record({ type: 'BatchTimedOut', batchId: 'b', timeoutMs: 10 }, 'running');
  record({ type: 'BatchFailed', batchId: 'b', error, attempt: 1 }, 'running');
  record({ type: 'RetryScheduled', error, retryCount: 1, backoffMs: 10 }, 'running');
  record({ type: 'RecordsDeadLettered', batchId: 'b', count: 2, errorCode: 'BAD' }, 'running');
  record({ type: 'BatchProcessed', batchId: 'b', successCount: 8, failureCount: 2, processingTimeMs: 5 }, 'running');
  record({ type: 'CheckpointUpdated', checkpoint: { offset: 10, timestamp: 1, recordsProcessed: 10 } }, 'running');
  recorder.batchesInflight('orders', 1);
  recorder.batchDeduplicated('orders');
  recorder.sourceLag('orders', 99);
  recorder.recovered(0.1, 7);
  recorder.appended(0.01);
  const families = await scrape(telemetry);
  const expected: [string, Record<string, string>, number][] = [
    ['dataflow_batches_timeouts_total', P, 1],
    ['dataflow_batches_failed_total', { ...P, error_code: 'TIMEOUT' }, 1],
    ['dataflow_retries_scheduled_total', { ...P, error_code: 'TIMEOUT' }, 1],
    ['dataflow_records_dead_lettered_total', { ...P, error_code: 'BAD' }, 2],
    ['dataflow_batches_processed_total', P, 1],
    ['dataflow_records_processed_total', P, 8],
    ['dataflow_records_failed_total', P, 2],
    ['dataflow_batch_processing_time_ms_count', P, 1],
    ['dataflow_checkpoint_updates_total', P, 1],
    ['dataflow_batches_inflight', P, 1],
    ['dataflow_batches_deduplicated_total', P, 1],
    ['dataflow_source_lag_records', P, 99],
    ['dataflow_recovery_events_replayed_total', {}, 7],
    ['dataflow_recovery_duration_seconds_count', {}, 1],
    ['dataflow_journal_append_duration_seconds_count', {}, 1],
  ];
  for (const [name, labels, count] of expected)
    expect([name, sampleValue(families, name, labels)]).toEqual([name, count]);
});

test('restoring moves gauges and counts nothing; releasing takes the gauges back', async () => {
  recorder.restore('orders', state('running'));
  recorder.restore('empty', state('empty'));
  let families = await scrape(telemetry);
  expect(sampleValue(families, 'dataflow_pipelines_running')).toBe(1);
  expect(sampleValue(families, 'dataflow_pipeline_last_batch_timestamp_seconds', P)).toBe(2);
  expect(sampleValue(families, 'dataflow_checkpoint_timestamp_seconds', P)).toBe(1);
  for (const { type, samples } of families.values()) {
    if (type === 'counter') expect(samples.filter(({ value }) => value !== 0)).toEqual([]);
    expect(samples.map(({ labels }) => labels.pipeline_id)).not.toContain('empty');
  }
  recorder.release('orders');
  families = await scrape(telemetry);
  expect(sampleValue(families, 'dataflow_pipelines_running')).toBe(0);
  expect(sampleValue(families, 'dataflow_batches_processed_total', P)).toBe(0);
});

test('removing one that was released takes its counters too, and what waits to be recorded; the next one begins at 0', async () => {
  record({ type: 'PipelineStarted' }, 'configured', 'running');
  record({ type: 'BatchFailed', batchId: 'b', error, attempt: 1 }, 'running');
  recorder.release('orders');
  record({ type: 'BatchProcessed', batchId: 'b', successCount: 8, failureCount: 2, processingTimeMs: 5 }, 'running');
  recorder.remove('orders');
  recorder.remove('unknown');
  let families = await scrape(telemetry);
  for (const { samples } of families.values()) {
    for (const { labels } of samples) expect(labels).not.toHaveProperty('pipeline_id');
  }
  expect(sampleValue(families, 'dataflow_pipelines_running')).toBe(0);
  recorder.restore('orders', state('running'));
  families = await scrape(telemetry);
  expect(sampleValue(families, 'dataflow_batches_processed_total', P)).toBe(0);
  expect(sampleValue(families, 'dataflow_pipelines_running')).toBe(1);
});

describe('what comes with every batch waits', () => {
  const batch = { type: 'BatchProcessed', batchId: 'b', successCount: 8, failureCount: 0, processingTimeMs: 5 };
  const checkpoint = { type: 'CheckpointUpdated', checkpoint: { offset: 10, timestamp: 3_000, recordsProcessed: 10 } };
  const processed = (families: Awaited<ReturnType<typeof scrape>>) =>
    sampleValue(families, 'dataflow_batches_processed_total', P);

  test('and is there for whoever reads', async () => {
    record({ type: 'PipelineStarted' }, 'configured', 'running');
    record(batch, 'running');
    const read = [...telemetry.families()].find(({ name }) => name === 'dataflow.batches.processed');
    expect([...(read?.points() ?? [])].map(({ value }) => value)).toEqual([1]);
    record(batch, 'running');
    expect(processed(await scrape(telemetry))).toBe(2);
    record(batch, 'running');
    const { scopeMetrics } = await telemetry.collect();
    const metric = scopeMetrics
      .flatMap(({ metrics }) => metrics)
      .find(({ descriptor }) => descriptor.name === read?.name);
    expect(metric?.dataPoints.map(({ value }) => value)).toEqual([3]);
  });

  test('with the time at which it came', async () => {
    record({ type: 'PipelineStarted' }, 'configured', 'running');
    record({ ...batch, timestamp: 3_500 }, 'running');
    record({ ...checkpoint, timestamp: 4_000 }, 'running');
    monotonicMs += 9_000;
    const families = await scrape(telemetry);
    expect(sampleValue(families, 'dataflow_pipeline_last_batch_timestamp_seconds', P)).toBe(3.5);
    expect(sampleValue(families, 'dataflow_checkpoint_timestamp_seconds', P)).toBe(4);
    expect(sampleValue(families, 'dataflow_records_throughput_per_second', P)).toBeCloseTo(8 / 9);
    record(batch, 'running');
    monotonicMs += 11_000;
    expect(sampleValue(await scrape(telemetry), 'dataflow_records_throughput_per_second', P)).toBe(0);
  });

  test('and neither brings back a pipeline that went nor is lost with one that left', async () => {
    record({ type: 'PipelineStarted' }, 'configured', 'running');
    record(batch, 'running');
    recorder.release('orders');
    let families = await scrape(telemetry);
    expect([processed(families), sampleValue(families, 'dataflow_batches_inflight', P)]).toEqual([1, undefined]);
    record(batch, 'running');
    record({ type: 'PipelineRemoved' }, 'stopped', 'empty');
    families = await scrape(telemetry);
    for (const { samples } of families.values()) {
      for (const { labels } of samples) expect(labels).not.toHaveProperty('pipeline_id');
    }
  });
});
