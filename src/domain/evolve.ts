import type { BatchProcessed, PipelineCreated, PipelineEvent } from './event.ts';
import { RecentBatches } from './recent-batches.ts';
import {
  type ConfiguredState,
  type DefinedState,
  INITIAL_CHECKPOINT,
  INITIAL_METRICS,
  type PipelineMetrics,
  type PipelineState,
  type RunningState,
} from './state.ts';

/**
 * The state after an event. Total: an event that the state cannot have produced leaves it as it is, so that no stream
 * of events, however strange, breaks an invariant of a state.
 */
export function evolve(state: PipelineState, event: PipelineEvent): PipelineState {
  if (event.type === 'PipelineRemoved') return { status: 'empty' };
  switch (state.status) {
    case 'empty':
      return event.type === 'PipelineCreated' ? created(event) : state;
    case 'running':
      return evolveRunning(state, event);
    case 'configured':
      if (event.type === 'PipelineStarted') return running(state, event.timestamp, 0);
      if (event.type === 'PipelineStopped') return stopped(state, event.reason, event.timestamp);
      break;
    case 'paused':
      if (event.type === 'PipelineResumed') return running(state, state.startedAt, state.retryCount);
      if (event.type === 'PipelineStopped') return stopped(state, event.reason, event.timestamp);
      return state;
    case 'stopped':
      if (event.type === 'PipelineStarted') return running(state, event.timestamp, 0);
      break;
    case 'failed':
      return event.type === 'PipelineReset' ? configured(state) : state;
  }
  if (event.type !== 'ConfigUpdated') return state;
  const { name, description, newConfig } = event;
  return { ...configured(state), name, description, config: newConfig };
}

function evolveRunning(state: RunningState, event: PipelineEvent): PipelineState {
  switch (event.type) {
    case 'BatchIngested': {
      const { batchId, recordCount, sourceOffset } = event;
      return { ...state, begun: true, activeBatch: { batchId, recordCount, sourceOffset, attempt: 1 } };
    }
    case 'BatchProcessed':
      return processed(state, event);
    case 'BatchFailed':
      if (state.activeBatch?.batchId !== event.batchId) return state;
      return { ...state, activeBatch: { ...state.activeBatch, attempt: event.attempt + 1 } };
    case 'RetryScheduled':
      return { ...state, retryCount: event.retryCount };
    case 'CheckpointUpdated':
      return { ...state, checkpoint: event.checkpoint };
    case 'PipelinePaused':
      return {
        ...defined(state),
        status: 'paused',
        startedAt: state.startedAt,
        pausedAt: event.timestamp,
        pauseReason: event.reason,
        retryCount: state.retryCount,
      };
    case 'PipelineStopped':
      return stopped(state, event.reason, event.timestamp);
    case 'PipelineFailed':
      return { ...defined(state), status: 'failed', failedAt: event.timestamp, error: event.error };
    default:
      return state;
  }
}

function created(event: PipelineCreated): ConfiguredState {
  return {
    status: 'configured',
    id: event.pipelineId,
    name: event.name,
    description: event.description,
    createdAt: event.timestamp,
    config: event.config,
    checkpoint: INITIAL_CHECKPOINT,
    metrics: INITIAL_METRICS,
    recentBatches: RecentBatches.empty(),
    begun: false,
  };
}

function processed(state: RunningState, event: BatchProcessed): RunningState {
  if (state.activeBatch?.batchId !== event.batchId) return state;
  const { batchId, successCount, failureCount, processingTimeMs } = event;
  return {
    ...state,
    metrics: addBatch(state.metrics, event),
    recentBatches: state.recentBatches.add([batchId, successCount, failureCount, processingTimeMs]),
    activeBatch: null,
    retryCount: 0,
  };
}

/** avg' = (avg · n + t) / (n + 1); throughput = ok / t · 1000, or its last value where t is 0 or too small to divide by. */
function addBatch(metrics: PipelineMetrics, event: BatchProcessed): PipelineMetrics {
  const { successCount, failureCount, processingTimeMs } = event;
  const n = metrics.totalBatchesProcessed;
  const throughput = (successCount / processingTimeMs) * 1000;
  return {
    totalRecordsProcessed: metrics.totalRecordsProcessed + successCount,
    totalRecordsFailed: metrics.totalRecordsFailed + failureCount,
    totalBatchesProcessed: n + 1,
    averageProcessingTimeMs: (metrics.averageProcessingTimeMs * n + processingTimeMs) / (n + 1),
    lastProcessedAt: event.timestamp,
    throughputPerSecond: Number.isFinite(throughput) ? throughput : metrics.throughputPerSecond,
  };
}

function running(state: DefinedState, startedAt: number, retryCount: number): RunningState {
  return { ...defined(state), status: 'running', startedAt, retryCount, activeBatch: null };
}

function stopped(state: DefinedState, stopReason: string, stoppedAt: number): PipelineState {
  return { ...defined(state), status: 'stopped', stoppedAt, stopReason };
}

function configured(state: DefinedState): ConfiguredState {
  return { ...defined(state), status: 'configured' };
}

/** What every state but `empty` carries on. */
function defined(state: DefinedState) {
  const { id, name, description, createdAt, config, checkpoint, metrics, recentBatches, begun } = state;
  return { id, name, description, createdAt, config, checkpoint, metrics, recentBatches, begun };
}
