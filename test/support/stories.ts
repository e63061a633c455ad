import type { PipelineCommand, PipelineCommandType } from '../../src/domain/command.ts';
import type { PipelineError, PipelineStatus } from '../../src/domain/state.ts';
import type { EventBody } from '../../src/testing/given.ts';
import { CONFIG } from './lab.ts';

export const PERMANENT: PipelineError = { errorType: 'sink', code: 'DISK_GONE', message: 'gone', retryable: false };
export const TRANSIENT: PipelineError = { errorType: 'sink', code: 'TIMEOUT', message: 'slow', retryable: true };
export const NO_METRICS = {
  totalRecordsProcessed: 0,
  totalRecordsFailed: 0,
  totalBatchesProcessed: 0,
  averageProcessingTimeMs: 0,
  lastProcessedAt: null,
  throughputPerSecond: 0,
};

export const created: EventBody = { type: 'PipelineCreated', name: 'p', description: 'd', config: CONFIG };
export const started: EventBody = { type: 'PipelineStarted' };
export const ingested = (batchId: string): EventBody => ({
  type: 'BatchIngested',
  batchId,
  recordCount: 3,
  sourceOffset: 0,
});
export const processed = (batchId: string, successCount = 3, failureCount = 0, processingTimeMs = 10): EventBody => ({
  type: 'BatchProcessed',
  batchId,
  successCount,
  failureCount,
  processingTimeMs,
});
export const stopped: EventBody = { type: 'PipelineStopped', reason: 'r', finalMetrics: NO_METRICS };
export const failed: EventBody = { type: 'PipelineFailed', error: PERMANENT };

/** Events that lead to each state. */
export const STORIES: Readonly<Record<PipelineStatus, readonly EventBody[]>> = {
  empty: [],
  configured: [created],
  running: [created, started],
  paused: [created, started, { type: 'PipelinePaused', reason: 'r' }],
  stopped: [created, started, stopped],
  failed: [created, started, failed],
};

/** One of each command; the internal outcomes speak of batch `b`. */
export const COMMANDS: { readonly [T in PipelineCommandType]: Extract<PipelineCommand, { type: T }> } = {
  CreatePipeline: { type: 'CreatePipeline', id: 'pipeline', name: 'n', description: 'd', config: CONFIG },
  StartPipeline: { type: 'StartPipeline' },
  StopPipeline: { type: 'StopPipeline', reason: 'enough' },
  PausePipeline: { type: 'PausePipeline', reason: 'lunch' },
  ResumePipeline: { type: 'ResumePipeline' },
  ResetPipeline: { type: 'ResetPipeline' },
  RemovePipeline: { type: 'RemovePipeline' },
  UpdateConfig: { type: 'UpdateConfig', name: 'n2', description: 'd2', config: { ...CONFIG, batchTimeoutMs: 1 } },
  IngestBatch: { type: 'IngestBatch', batchId: 'b', recordCount: 3, sourceOffset: 7 },
  UpdateCheckpoint: { type: 'UpdateCheckpoint' },
  ReportFailure: { type: 'ReportFailure', error: PERMANENT },
  GetState: { type: 'GetState' },
  CompleteBatch: {
    type: 'CompleteBatch',
    batchId: 'b',
    successCount: 2,
    failureCount: 1,
    processingTimeMs: 4,
    deadLettered: [{ errorCode: 'X', count: 1 }],
    progress: { offset: 10, source: { byte: 5 }, sink: 99 },
  },
  FailBatch: { type: 'FailBatch', batchId: 'b', error: TRANSIENT },
  BatchTimeout: { type: 'BatchTimeout', batchId: 'b' },
};
