import type {
  BatchFailed,
  BatchTimedOut,
  PipelineEvent,
  PipelineRemoved,
  RecordsDeadLettered,
  RetryScheduled,
} from '../domain/event.ts';
import type { PipelineState } from '../domain/state.ts';
import { type Measured, type MeasurementQueue, NOTHING_WAITS } from './measurement-queue.ts';
import type { PipelineRecorder } from './recorder.ts';
import type { PipelineMetricsReporter } from './reporter.ts';

/**
 * Turns what the runtime made durable into the documented measurements.
 *
 * @param queue where what comes with every batch may wait; default: nowhere. Who reads the reporter drains it first.
 */
export function createPipelineRecorder(
  reporter: PipelineMetricsReporter,
  queue: MeasurementQueue = NOTHING_WAITS,
): PipelineRecorder {
  return new EventRecorder(reporter, queue);
}

/** What is recorded of them comes with few batches. */
type RareEvent = BatchTimedOut | BatchFailed | RetryScheduled | RecordsDeadLettered | PipelineRemoved;

class EventRecorder implements PipelineRecorder {
  readonly #reporter: PipelineMetricsReporter;
  readonly #queue: MeasurementQueue;
  readonly #batches: Measured;
  readonly #checkpoints: Measured;
  readonly #appends: Measured;
  readonly #inflight: Measured;

  constructor(reporter: PipelineMetricsReporter, queue: MeasurementQueue) {
    this.#reporter = reporter;
    this.#queue = queue;
    this.#batches = {
      width: 5,
      take: (pipelineId, values, at) =>
        reporter.recordBatchProcessed(pipelineId, values[at]!, values[at + 1]!, values[at + 2]!, {
          wallMs: values[at + 3]!,
          monotonicMs: values[at + 4]!,
        }),
    };
    this.#checkpoints = {
      width: 1,
      take: (pipelineId, values, at) => reporter.recordCheckpointAt(pipelineId, values[at]!),
    };
    this.#appends = { width: 1, take: (_name, values, at) => reporter.recordJournalAppend(values[at]!) };
    this.#inflight = { width: 1, take: (id, values, at) => reporter.setBatchesInflight(id, values[at]!) };
  }

  record(event: PipelineEvent, before: PipelineState, after: PipelineState): void {
    // The states decide, not the event's type: every transition is counted, and only transitions are.
    if (before.status !== after.status && event.type !== 'PipelineRemoved') {
      this.#queue.drain();
      this.#reporter.recordStateTransition(event.pipelineId, before, after);
    }
    switch (event.type) {
      // Its counts tell the gauges all that the pipeline's own totals do: these grow by the same.
      case 'BatchProcessed': {
        const { pipelineId, successCount, failureCount, processingTimeMs, timestamp } = event;
        const now = this.#reporter.monotonic();
        this.#queue.add(this.#batches, pipelineId, successCount, failureCount, processingTimeMs, timestamp, now);
        break;
      }
      case 'CheckpointUpdated':
        this.#queue.add(this.#checkpoints, event.pipelineId, event.timestamp);
        break;
      case 'BatchTimedOut':
      case 'BatchFailed':
      case 'RetryScheduled':
      case 'RecordsDeadLettered':
      case 'PipelineRemoved':
        this.#queue.drain();
        this.#recordRare(event);
        break;
    }
  }

  restore(pipelineId: string, state: PipelineState): void {
    this.#queue.drain();
    this.#reporter.restorePipeline(pipelineId, state);
  }

  release(pipelineId: string): void {
    this.#queue.drain();
    this.#reporter.releasePipeline(pipelineId);
  }

  remove(pipelineId: string): void {
    this.#queue.drain();
    this.#reporter.removePipeline(pipelineId);
  }

  batchesInflight(pipelineId: string, count: number): void {
    this.#queue.add(this.#inflight, pipelineId, count);
  }

  // The number comes from a source, and is refused where it is none: the queue would make one of it.
  sourceLag(pipelineId: string, records: number | undefined): void {
    this.#reporter.setSourceLag(pipelineId, records);
  }

  batchDeduplicated(pipelineId: string): void {
    this.#queue.drain();
    this.#reporter.recordBatchDeduplicated(pipelineId);
  }

  recovered(durationSeconds: number, eventsReplayed: number): void {
    this.#queue.drain();
    this.#reporter.recordRecovery(durationSeconds, eventsReplayed);
  }

  appended(durationSeconds: number): void {
    this.#queue.add(this.#appends, '', durationSeconds);
  }

  #recordRare(event: RareEvent): void {
    const reporter = this.#reporter;
    const { pipelineId } = event;
    switch (event.type) {
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
}
