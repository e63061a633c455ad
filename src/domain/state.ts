import type { Json } from './json.ts';
import type { RecentBatches } from './recent-batches.ts';
import type { PipelineConfig } from './spec.ts';

/** A position in a source: a count of records, or a string only the source understands. */
export type Offset = number | string;

/** How far the pipeline has come, and what its connectors need to go on from exactly there. */
export interface Checkpoint {
  readonly offset: Offset;
  /** ms since the epoch; null before the first batch. */
  readonly timestamp: number | null;
  readonly recordsProcessed: number;
  /** The source's own position that belongs to `offset`, for instance a byte and a line. */
  readonly source?: Json;
  /** What the sink has committed, for instance the length of its file. */
  readonly sink?: Json;
  readonly deadLetter?: Json;
}

export interface PipelineMetrics {
  readonly totalRecordsProcessed: number;
  readonly totalRecordsFailed: number;
  readonly totalBatchesProcessed: number;
  readonly averageProcessingTimeMs: number;
  /** The timestamp of the last BatchProcessed in ms since the epoch, so that replay gives the same state. */
  readonly lastProcessedAt: number | null;
  readonly throughputPerSecond: number;
}

export interface PipelineError {
  readonly errorType: 'source' | 'transform' | 'sink' | 'system';
  readonly code: string;
  readonly message: string;
  readonly stackTrace?: string;
  readonly retryable: boolean;
}

export interface BatchResult {
  readonly batchId: string;
  readonly successCount: number;
  readonly failureCount: number;
  readonly processingTimeMs: number;
  /** True when the batch had been processed before and nothing was done now. */
  readonly duplicate: boolean;
}

export interface ActiveBatch {
  readonly batchId: string;
  readonly recordCount: number;
  readonly sourceOffset: Offset;
  /** 1 for the first attempt. */
  readonly attempt: number;
}

export interface EmptyState {
  readonly status: 'empty';
}

interface Defined {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly createdAt: number;
  readonly config: PipelineConfig;
  readonly checkpoint: Checkpoint;
  readonly metrics: PipelineMetrics;
  /** The last 1,000 batch ids with their results; kept across pause, stop, failure and restart. */
  readonly recentBatches: RecentBatches;
  /** True once a batch was ever begun: from then on what the sink holds may be this pipeline's own. */
  readonly begun: boolean;
}

export interface ConfiguredState extends Defined {
  readonly status: 'configured';
}

export interface RunningState extends Defined {
  readonly status: 'running';
  readonly startedAt: number;
  readonly retryCount: number;
  readonly activeBatch: ActiveBatch | null;
}

export interface PausedState extends Defined {
  readonly status: 'paused';
  readonly startedAt: number;
  readonly pausedAt: number;
  readonly pauseReason: string;
  readonly retryCount: number;
}

export interface StoppedState extends Defined {
  readonly status: 'stopped';
  readonly stoppedAt: number;
  readonly stopReason: string;
}

export interface FailedState extends Defined {
  readonly status: 'failed';
  readonly failedAt: number;
  readonly error: PipelineError;
}

export type DefinedState = ConfiguredState | RunningState | PausedState | StoppedState | FailedState;
export type PipelineState = EmptyState | DefinedState;

/** The lower-case word that is also the `from_state` / `to_state` attribute. */
export type PipelineStatus = PipelineState['status'];

export const INITIAL_CHECKPOINT: Checkpoint = { offset: 0, timestamp: null, recordsProcessed: 0 };

export const INITIAL_METRICS: PipelineMetrics = {
  totalRecordsProcessed: 0,
  totalRecordsFailed: 0,
  totalBatchesProcessed: 0,
  averageProcessingTimeMs: 0,
  lastProcessedAt: null,
  throughputPerSecond: 0,
};

export function initialState(): PipelineState {
  return { status: 'empty' };
}
