import { type HealthStatus, healthStatusOf } from '../domain/health.ts';
import type { PipelineState, PipelineStatus } from '../domain/state.ts';

export interface PipelineSummary {
  readonly id: string;
  readonly name: string;
  readonly status: PipelineStatus;
  readonly totalRecordsProcessed: number;
  readonly totalRecordsFailed: number;
  readonly totalBatchesProcessed: number;
  /** Why the pipeline takes no commands in this process: it could not be recovered, or its journal is gone. */
  readonly unavailable?: string;
}

export interface Health {
  readonly status: HealthStatus;
  readonly pipelines: Readonly<Record<Exclude<PipelineStatus, 'empty'> | 'unavailable', number>>;
}

export function summarise(id: string, state: PipelineState, unavailable: Error | undefined): PipelineSummary {
  const known = state.status === 'empty' ? undefined : state;
  return {
    id,
    name: known?.name ?? id,
    status: state.status,
    totalRecordsProcessed: known?.metrics.totalRecordsProcessed ?? 0,
    totalRecordsFailed: known?.metrics.totalRecordsFailed ?? 0,
    totalBatchesProcessed: known?.metrics.totalBatchesProcessed ?? 0,
    ...(unavailable !== undefined && { unavailable: unavailable.message }),
  };
}

/** A pipeline that is unavailable counts as failed. */
export function healthOf(summaries: readonly PipelineSummary[]): Health {
  const pipelines = { configured: 0, running: 0, paused: 0, stopped: 0, failed: 0, unavailable: 0 };
  for (const { status, unavailable } of summaries) {
    if (unavailable !== undefined) pipelines.unavailable += 1;
    else if (status !== 'empty') pipelines[status] += 1;
  }
  const failed = pipelines.failed + pipelines.unavailable;
  return { status: healthStatusOf({ total: summaries.length, running: pipelines.running, failed }), pipelines };
}
