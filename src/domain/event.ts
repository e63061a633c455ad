import type { PipelineConfig } from './spec.ts';
import type { Checkpoint, Offset, PipelineError, PipelineMetrics } from './state.ts';

/** The version of the event shapes below. A change of shape raises it and teaches `upcast` the old one. */
export const EVENT_SCHEMA_VERSION = 1;

interface Base<T extends string> {
  readonly type: T;
  readonly schemaVersion: number;
  readonly pipelineId: string;
  /** ms since the epoch. */
  readonly timestamp: number;
}

export interface PipelineCreated extends Base<'PipelineCreated'> {
  readonly name: string;
  readonly description: string;
  readonly config: PipelineConfig;
}
export type PipelineStarted = Base<'PipelineStarted'>;
export interface PipelineStopped extends Base<'PipelineStopped'> {
  readonly reason: string;
  readonly finalMetrics: PipelineMetrics;
}
export interface PipelinePaused extends Base<'PipelinePaused'> {
  readonly reason: string;
}
export type PipelineResumed = Base<'PipelineResumed'>;
export interface BatchIngested extends Base<'BatchIngested'> {
  readonly batchId: string;
  readonly recordCount: number;
  readonly sourceOffset: Offset;
}
export interface BatchProcessed extends Base<'BatchProcessed'> {
  readonly batchId: string;
  readonly successCount: number;
  readonly failureCount: number;
  readonly processingTimeMs: number;
}
export interface CheckpointUpdated extends Base<'CheckpointUpdated'> {
  readonly checkpoint: Checkpoint;
}
export interface PipelineFailed extends Base<'PipelineFailed'> {
  readonly error: PipelineError;
}
export type PipelineReset = Base<'PipelineReset'>;
export interface ConfigUpdated extends Base<'ConfigUpdated'> {
  readonly name: string;
  readonly description: string;
  readonly newConfig: PipelineConfig;
}
export interface RetryScheduled extends Base<'RetryScheduled'> {
  readonly error: PipelineError;
  readonly retryCount: number;
  readonly backoffMs: number;
}
export interface BatchTimedOut extends Base<'BatchTimedOut'> {
  readonly batchId: string;
  readonly timeoutMs: number;
}
export interface BatchFailed extends Base<'BatchFailed'> {
  readonly batchId: string;
  readonly error: PipelineError;
  readonly attempt: number;
}
export interface RecordsDeadLettered extends Base<'RecordsDeadLettered'> {
  readonly batchId: string;
  readonly count: number;
  readonly errorCode: string;
}
export type PipelineRemoved = Base<'PipelineRemoved'>;

export type PipelineEvent =
  | PipelineCreated
  | PipelineStarted
  | PipelineStopped
  | PipelinePaused
  | PipelineResumed
  | BatchIngested
  | BatchProcessed
  | CheckpointUpdated
  | PipelineFailed
  | PipelineReset
  | ConfigUpdated
  | RetryScheduled
  | BatchTimedOut
  | BatchFailed
  | RecordsDeadLettered
  | PipelineRemoved;

export type PipelineEventType = PipelineEvent['type'];
