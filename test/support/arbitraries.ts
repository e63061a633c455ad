import fc from 'fast-check';
import type { PipelineCommand } from '../../src/domain/command.ts';
import type { PipelineEvent } from '../../src/domain/event.ts';
import type { PipelineError } from '../../src/domain/state.ts';
import { CONFIG } from './lab.ts';

const batchId = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const count = fc.nat(10_000);
const offset = fc.oneof(fc.nat(), fc.string({ minLength: 1, maxLength: 5 }));
const ms = fc.oneof(fc.constant(0), fc.nat(100_000), fc.double({ min: 0, max: 1e6, noNaN: true }));
const reason = fc.string({ maxLength: 5 });
const config = fc
  .record({ maxRetries: fc.nat(3), batchTimeoutMs: fc.integer({ min: 1, max: 1000 }) })
  .map((values) => ({
    ...CONFIG,
    batchTimeoutMs: values.batchTimeoutMs,
    retry: { ...CONFIG.retry, maxRetries: values.maxRetries, jitter: 0.2 },
  }));
const error: fc.Arbitrary<PipelineError> = fc.record({
  errorType: fc.constantFrom('source', 'transform', 'sink', 'system'),
  code: fc.constantFrom('TIMEOUT', 'timeout', 'DEADLOCK', 'BAD'),
  message: fc.constant('m'),
  retryable: fc.boolean(),
});
const text = { name: fc.constant('n'), description: fc.constant('d') };

function of<T extends string, R extends Record<string, fc.Arbitrary<unknown>>>(type: T, fields: R) {
  return fc.record({ type: fc.constant(type), ...fields });
}

/** Any command; those that keep a pipeline busy come more often. */
export const anyCommand = fc.oneof(
  { arbitrary: of('CreatePipeline', { id: fc.constant('p'), ...text, config }), weight: 2 },
  { arbitrary: of('StartPipeline', {}), weight: 4 },
  { arbitrary: of('StopPipeline', { reason }), weight: 1 },
  { arbitrary: of('PausePipeline', { reason }), weight: 1 },
  { arbitrary: of('ResumePipeline', {}), weight: 2 },
  { arbitrary: of('ResetPipeline', {}), weight: 2 },
  { arbitrary: of('RemovePipeline', {}), weight: 1 },
  { arbitrary: of('UpdateConfig', { ...text, config }), weight: 1 },
  { arbitrary: of('IngestBatch', { batchId, recordCount: count, sourceOffset: offset }), weight: 8 },
  { arbitrary: of('UpdateCheckpoint', {}), weight: 1 },
  { arbitrary: of('ReportFailure', { error }), weight: 1 },
  { arbitrary: of('GetState', {}), weight: 1 },
  {
    arbitrary: of('CompleteBatch', {
      batchId,
      successCount: count,
      failureCount: count,
      processingTimeMs: ms,
      deadLettered: fc.array(fc.record({ errorCode: fc.constantFrom('X', 'Y'), count }), { maxLength: 2 }),
      progress: fc.record({ offset, sink: fc.nat() }, { requiredKeys: ['offset'] }),
    }),
    weight: 12,
  },
  { arbitrary: of('FailBatch', { batchId, error }), weight: 3 },
  { arbitrary: of('BatchTimeout', { batchId }), weight: 2 },
) as unknown as fc.Arbitrary<PipelineCommand>;

const metrics = fc.record({
  totalRecordsProcessed: count,
  totalRecordsFailed: count,
  totalBatchesProcessed: count,
  averageProcessingTimeMs: ms,
  lastProcessedAt: fc.option(fc.nat()),
  throughputPerSecond: ms,
});
const base = { schemaVersion: fc.constant(1), pipelineId: fc.constant('p'), timestamp: fc.nat() };
const event = <T extends string, R extends Record<string, fc.Arbitrary<unknown>>>(type: T, fields: R) =>
  of(type, { ...base, ...fields });

/** Any event with fields of the right types, whether or not it makes sense where it stands. */
export const anyEvent = fc.oneof(
  event('PipelineCreated', { ...text, config }),
  event('PipelineStarted', {}),
  event('PipelineStopped', { reason, finalMetrics: metrics }),
  event('PipelinePaused', { reason }),
  event('PipelineResumed', {}),
  event('BatchIngested', { batchId, recordCount: count, sourceOffset: offset }),
  event('BatchProcessed', { batchId, successCount: count, failureCount: count, processingTimeMs: ms }),
  event('CheckpointUpdated', {
    checkpoint: fc.record({ offset, timestamp: fc.option(fc.nat()), recordsProcessed: count }),
  }),
  event('PipelineFailed', { error }),
  event('PipelineReset', {}),
  event('ConfigUpdated', { ...text, newConfig: config }),
  event('RetryScheduled', { error, retryCount: fc.nat(9), backoffMs: count }),
  event('BatchTimedOut', { batchId, timeoutMs: count }),
  event('BatchFailed', { batchId, error, attempt: fc.integer({ min: 1, max: 9 }) }),
  event('RecordsDeadLettered', { batchId, count, errorCode: fc.constant('X') }),
  event('PipelineRemoved', {}),
) as unknown as fc.Arbitrary<PipelineEvent>;
