import type { PipelineEvent } from '../domain/event.ts';
import type { PipelineState } from '../domain/state.ts';

/**
 * What the runtime tells the metrics. `record` is called exactly once for each event that this process decided and
 * made durable, never for a replayed one. No method throws.
 */
export interface PipelineRecorder {
  record(event: PipelineEvent, before: PipelineState, after: PipelineState): void;
  /** A pipeline was recovered or attached in this state: gauges follow, counters do not. */
  restore(pipelineId: string, state: PipelineState): void;
  /** The pipeline's actor left this process: its gauges go, its counters stay. */
  release(pipelineId: string): void;
  /** The pipeline was removed, by what this process has not recorded: every series of it goes. */
  remove(pipelineId: string): void;
  /** A batch attempt started (1) or ended (0). */
  batchesInflight(pipelineId: string, count: number): void;
  batchDeduplicated(pipelineId: string): void;
  /** Undefined: the source does not know it, or is not read any more. */
  sourceLag(pipelineId: string, records: number | undefined): void;
  recovered(durationSeconds: number, eventsReplayed: number): void;
  appended(durationSeconds: number): void;
}

export const NO_RECORDER: PipelineRecorder = {
  record() {},
  restore() {},
  release() {},
  remove() {},
  batchesInflight() {},
  batchDeduplicated() {},
  sourceLag() {},
  recovered() {},
  appended() {},
};
