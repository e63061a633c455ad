/**
 * Owns what the page shows of a pipeline and neither its state nor a metric holds: since when it is in its state, its
 * last error, its lag. Sees every durable event of this process on its way to the metrics.
 *
 * R1 What it keeps is bounded a pipeline, and goes with the pipeline.
 */
import type { PipelineEvent } from '../../domain/event.ts';
import { redactText } from '../../domain/secrets.ts';
import type { PipelineError, PipelineState } from '../../domain/state.ts';
import type { PipelineRecorder } from '../../metrics/recorder.ts';

export interface LastError {
  readonly code: string;
  readonly message: string;
  /** ms since the epoch. */
  readonly at: number;
}

export interface Activity {
  /** ms since the epoch; undefined while the state has not changed in this process. */
  since: number | undefined;
  lastError: LastError | undefined;
  lagRecords: number | undefined;
  inflight: number;
  /** Grows with each change of the others. */
  changes: number;
}

export class PipelineActivity {
  readonly #activities = new Map<string, Activity>();

  of(pipelineId: string): Activity | undefined {
    return this.#activities.get(pipelineId);
  }

  /** The recorder that tells this as well. */
  beside(recorder: PipelineRecorder): PipelineRecorder {
    return {
      record: (event, before, after) => {
        recorder.record(event, before, after);
        this.#record(event, before, after);
      },
      restore: (pipelineId, state) => {
        recorder.restore(pipelineId, state);
        this.#made(pipelineId);
      },
      release: (pipelineId) => {
        recorder.release(pipelineId);
        this.#activities.delete(pipelineId);
      },
      remove: (pipelineId) => {
        recorder.remove(pipelineId);
        this.#activities.delete(pipelineId);
      },
      batchesInflight: (pipelineId, count) => {
        recorder.batchesInflight(pipelineId, count);
        const activity = this.#activities.get(pipelineId);
        if (activity === undefined) return;
        activity.inflight = count;
        activity.changes += 1;
      },
      sourceLag: (pipelineId, records) => {
        recorder.sourceLag(pipelineId, records);
        const activity = this.#activities.get(pipelineId);
        if (activity === undefined) return;
        activity.lagRecords = records;
        activity.changes += 1;
      },
      batchDeduplicated: (pipelineId) => recorder.batchDeduplicated(pipelineId),
      recovered: (durationSeconds, eventsReplayed) => recorder.recovered(durationSeconds, eventsReplayed),
      appended: (durationSeconds) => recorder.appended(durationSeconds),
    };
  }

  #made(pipelineId: string): Activity {
    let activity = this.#activities.get(pipelineId);
    if (activity === undefined) {
      activity = { since: undefined, lastError: undefined, lagRecords: undefined, inflight: 0, changes: 0 };
      this.#activities.set(pipelineId, activity);
    }
    return activity;
  }

  #record(event: PipelineEvent, before: PipelineState, after: PipelineState): void {
    if (event.type === 'PipelineRemoved') {
      this.#activities.delete(event.pipelineId);
      return;
    }
    const activity = this.#made(event.pipelineId);
    activity.changes += 1;
    if (before.status !== after.status) activity.since = event.timestamp;
    if (event.type === 'BatchFailed' || event.type === 'RetryScheduled' || event.type === 'PipelineFailed') {
      activity.lastError = shown(event.error, event.timestamp);
    }
  }
}

export function shown({ code, message }: Pick<PipelineError, 'code' | 'message'>, at: number): LastError {
  return { code, message: redactText(message), at };
}
