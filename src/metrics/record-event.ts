import type { PipelineEvent } from '../domain/event.ts';
import type { PipelineState } from '../domain/state.ts';
import type { PipelineRecorder } from './recorder.ts';
import type { PipelineMetricsReporter } from './reporter.ts';

/** Turns what the runtime made durable into the documented measurements. */
export function createPipelineRecorder(reporter: PipelineMetricsReporter): PipelineRecorder {
  return new EventRecorder(reporter);
}

class EventRecorder implements PipelineRecorder {
  readonly #reporter: PipelineMetricsReporter;

  constructor(reporter: PipelineMetricsReporter) {
    this.#reporter = reporter;
  }

  record(event: PipelineEvent, before: PipelineState, after: PipelineState): void {
    const reporter = this.#reporter;
    const { pipelineId } = event;
    // The states decide, not the event's type: every transition is counted, and only transitions are.
    if (before.status !== after.status && event.type !== 'PipelineRemoved') {
      reporter.recordStateTransition(pipelineId, before, after);
    }
    switch (event.type) {
      // Its counts tell the gauges all that the pipeline's own totals do: these grow by the same.
      case 'BatchProcessed':
        reporter.recordBatchProcessed(pipelineId, event.successCount, event.failureCount, event.processingTimeMs);
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
      case 'PipelineRemoved':
        reporter.removePipeline(pipelineId);
        break;
    }
  }

  restore(pipelineId: string, state: PipelineState): void {
    this.#reporter.restorePipeline(pipelineId, state);
  }

  release(pipelineId: string): void {
    this.#reporter.releasePipeline(pipelineId);
  }

  batchesInflight(pipelineId: string, count: number): void {
    this.#reporter.setBatchesInflight(pipelineId, count);
  }

  batchDeduplicated(pipelineId: string): void {
    this.#reporter.recordBatchDeduplicated(pipelineId);
  }

  sourceLag(pipelineId: string, records: number): void {
    this.#reporter.setSourceLag(pipelineId, records);
  }

  recovered(durationSeconds: number, eventsReplayed: number): void {
    this.#reporter.recordRecovery(durationSeconds, eventsReplayed);
  }

  appended(durationSeconds: number): void {
    this.#reporter.recordJournalAppend(durationSeconds);
  }
}
