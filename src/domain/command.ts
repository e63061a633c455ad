import type { Json } from './json.ts';
import type { PipelineConfig } from './spec.ts';
import type { Offset, PipelineError } from './state.ts';

export interface CreatePipeline {
  readonly type: 'CreatePipeline';
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly config: PipelineConfig;
}
export interface StartPipeline {
  readonly type: 'StartPipeline';
}
export interface StopPipeline {
  readonly type: 'StopPipeline';
  readonly reason: string;
}
export interface PausePipeline {
  readonly type: 'PausePipeline';
  readonly reason: string;
}
export interface ResumePipeline {
  readonly type: 'ResumePipeline';
}
export interface ResetPipeline {
  readonly type: 'ResetPipeline';
}
export interface RemovePipeline {
  readonly type: 'RemovePipeline';
}
export interface UpdateConfig {
  readonly type: 'UpdateConfig';
  readonly name: string;
  readonly description: string;
  readonly config: PipelineConfig;
}
/** The records themselves travel beside the command: a decision needs only their number. */
export interface IngestBatch {
  readonly type: 'IngestBatch';
  readonly batchId: string;
  readonly recordCount: number;
  readonly sourceOffset: Offset;
}
export interface UpdateCheckpoint {
  readonly type: 'UpdateCheckpoint';
}
export interface ReportFailure {
  readonly type: 'ReportFailure';
  readonly error: PipelineError;
}
export interface GetState {
  readonly type: 'GetState';
}

/** Internal: the work on the active batch ended well. */
export interface CompleteBatch {
  readonly type: 'CompleteBatch';
  readonly batchId: string;
  readonly successCount: number;
  readonly failureCount: number;
  readonly processingTimeMs: number;
  readonly deadLettered: readonly { readonly errorCode: string; readonly count: number }[];
  /** Where the next batch starts, and what the connectors need to go on from there. */
  readonly progress: {
    readonly offset: Offset;
    readonly source?: Json;
    readonly sink?: Json;
    readonly deadLetter?: Json;
  };
}
/** Internal: the work on the active batch ended with an error. */
export interface FailBatch {
  readonly type: 'FailBatch';
  readonly batchId: string;
  readonly error: PipelineError;
}
/** Internal: the work on the active batch took longer than config.batchTimeoutMs. */
export interface BatchTimeout {
  readonly type: 'BatchTimeout';
  readonly batchId: string;
}

export type PipelineCommand =
  | CreatePipeline
  | StartPipeline
  | StopPipeline
  | PausePipeline
  | ResumePipeline
  | ResetPipeline
  | RemovePipeline
  | UpdateConfig
  | IngestBatch
  | UpdateCheckpoint
  | ReportFailure
  | GetState
  | CompleteBatch
  | FailBatch
  | BatchTimeout;

export type PipelineCommandType = PipelineCommand['type'];
