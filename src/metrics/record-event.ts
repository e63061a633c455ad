import type { PipelineEvent } from '../domain/event.ts';
import type { PipelineState } from '../domain/state.ts';
import type { PipelineRecorder } from './recorder.ts';
import type { PipelineMetricsReporter } from './reporter.ts';

/** Turns what the runtime made durable into the documented measurements. */
export function createPipelineRecorder(reporter: PipelineMetricsReporter): PipelineRecorder {
  return {
    record(event, before, after) {
      if (event.type === 'PipelineRemoved') {
        reporter.removePipeline(event.pipelineId);
        return;
      }
      // The states decide, not the event's type: every transition is counted, and only transitions are.
      if (before.status !== after.status) reporter.recordStateTransition(event.pipelineId, before, after);
      recordMeasurement(reporter, event, after);
    },
    restore: (pipelineId, state) => reporter.restorePipeline(pipelineId, state),
    release: (pipelineId) => reporter.releasePipeline(pipelineId),
    batchesInflight: (pipelineId, count) => reporter.setBatchesInflight(pipelineId, count),
    batchDeduplicated: (pipelineId) => reporter.recordBatchDeduplicated(pipelineId),
    sourceLag: (pipelineId, records) => reporter.setSourceLag(pipelineId, records),
    recovered: (durationSeconds, eventsReplayed) => reporter.recordRecovery(durationSeconds, eventsReplayed),
    appended: (durationSeconds) => reporter.recordJournalAppend(durationSeconds),
  };
}

function recordMeasurement(reporter: PipelineMetricsReporter, event: PipelineEvent, after: PipelineState): void {
  const { pipelineId } = event;
  switch (event.type) {
    case 'BatchProcessed':
      reporter.recordBatchProcessed(pipelineId, event.successCount, event.failureCount, event.processingTimeMs);
      if (after.status !== 'empty') reporter.updatePipelineMetrics(pipelineId, after.metrics);
      break;
    case 'CheckpointUpdated':
      reporter.recordCheckpointUpdate(pipelineId, event.checkpoint.offset);
      break;
    // A timed-out attempt is followed by its own BatchFailed with code TIMEOUT, so it is not counted as failed here.
    case 'BatchTimedOut':
      reporter.recordBatchTimeout(pipelineId, event.batchId);
      break;
    case 'BatchFailed':
      reporter.recordBatchFailed(pipelineId, event.error.code);
      break;
    case 'RetryScheduled':
      reporter.recordRetryScheduled(pipelineId, event.error.code, event.retryCount);
      break;
    case 'RecordsDeadLettered':
      reporter.recordDeadLettered(pipelineId, event.count, event.errorCode);
      break;
  }
}
