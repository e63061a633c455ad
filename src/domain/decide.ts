import type {
  BatchTimeout,
  CompleteBatch,
  CreatePipeline,
  FailBatch,
  IngestBatch,
  PipelineCommand,
  ReportFailure,
  UpdateConfig,
} from './command.ts';
import { EVENT_SCHEMA_VERSION, type PipelineEvent } from './event.ts';
import { type Refusal, refuse, refuseByStatus } from './refusal.ts';
import { backoffMs, shouldRetry } from './retry.ts';
import type { BatchResult, DefinedState, PipelineError, PipelineState, RunningState } from './state.ts';

export interface DecideContext {
  readonly pipelineId: string;
  /** ms since the epoch; becomes the timestamp of the events. */
  readonly now: number;
  /** Uniform in [0, 1); spreads the backoff. */
  readonly random: number;
  /**
   * True when nobody works on the state's active batch: it was left by a process that ended. The next IngestBatch
   * then takes its place.
   */
  readonly activeBatchOrphaned: boolean;
}

export type Decision =
  | { readonly accepted: true; readonly events: readonly PipelineEvent[]; readonly duplicate?: BatchResult }
  | { readonly accepted: false; readonly refusal: Refusal };

/** What a pipeline in `state` makes of a command: the events that record it, none for a query, or a refusal. */
export function decide(state: PipelineState, command: PipelineCommand, context: DecideContext): Decision {
  if (command.type === 'GetState') return accept();
  switch (state.status) {
    case 'empty':
      return command.type === 'CreatePipeline' ? create(command, context) : byStatus(state, command, context);
    case 'configured':
      if (command.type === 'StartPipeline') return accept(event(context, { type: 'PipelineStarted' }));
      if (command.type === 'StopPipeline') return accept(stopped(state, command.reason, context));
      if (command.type === 'UpdateConfig') return accept(configUpdated(command, context));
      break;
    case 'running':
      return decideRunning(state, command, context);
    case 'paused':
      if (command.type === 'ResumePipeline') return accept(event(context, { type: 'PipelineResumed' }));
      if (command.type === 'StopPipeline') return accept(stopped(state, command.reason, context));
      break;
    case 'stopped':
      if (command.type === 'StartPipeline') return accept(event(context, { type: 'PipelineStarted' }));
      if (command.type === 'UpdateConfig') return accept(configUpdated(command, context));
      break;
    case 'failed':
      if (command.type === 'ResetPipeline') return accept(event(context, { type: 'PipelineReset' }));
      break;
  }
  if (command.type === 'RemovePipeline') return remove(state, context);
  return byStatus(state, command, context);
}

function decideRunning(state: RunningState, command: PipelineCommand, context: DecideContext): Decision {
  switch (command.type) {
    case 'IngestBatch':
      return ingest(state, command, context);
    case 'CompleteBatch':
      return ifActive(state, command, () => complete(state, command, context));
    case 'FailBatch':
      return ifActive(state, command, () => accept(...failure(state, command.error, context)));
    case 'BatchTimeout':
      return ifActive(state, command, () => timedOut(state, command, context));
    case 'ReportFailure':
      return accept(...reported(state, command, context));
    case 'UpdateCheckpoint':
      return accept(
        event(context, {
          type: 'CheckpointUpdated',
          checkpoint: Object.freeze({ ...state.checkpoint, timestamp: context.now }),
        }),
      );
    case 'PausePipeline':
      return accept(event(context, { type: 'PipelinePaused', reason: command.reason }));
    case 'StopPipeline':
      return accept(stopped(state, command.reason, context));
    case 'RemovePipeline':
      return remove(state, context);
    default:
      return byStatus(state, command, context);
  }
}

function create(command: CreatePipeline, context: DecideContext): Decision {
  const { name, description, config } = command;
  return accept(event(context, { type: 'PipelineCreated', name, description, config }));
}

function configUpdated(command: UpdateConfig, context: DecideContext): PipelineEvent {
  const { name, description, config } = command;
  return event(context, { type: 'ConfigUpdated', name, description, newConfig: config });
}

function stopped(state: DefinedState, reason: string, context: DecideContext): PipelineEvent {
  return event(context, { type: 'PipelineStopped', reason, finalMetrics: state.metrics });
}

function remove(state: DefinedState, context: DecideContext): Decision {
  const removed = event(context, { type: 'PipelineRemoved' });
  const live = state.status === 'running' || state.status === 'paused';
  return live ? accept(stopped(state, 'removed', context), removed) : accept(removed);
}

function ingest(state: RunningState, command: IngestBatch, context: DecideContext): Decision {
  const { batchId, recordCount, sourceOffset } = command;
  const known = state.recentBatches.find(batchId);
  if (known !== undefined) {
    const [, successCount, failureCount, processingTimeMs] = known;
    return {
      accepted: true,
      events: [],
      duplicate: { batchId, successCount, failureCount, processingTimeMs, duplicate: true },
    };
  }
  if (state.activeBatch !== null && !context.activeBatchOrphaned) {
    const message = `batch ${state.activeBatch.batchId} of pipeline ${context.pipelineId} is in progress: wait for its result`;
    return { accepted: false, refusal: refuse('DATAFLOW_ERR_BATCH_ACTIVE', state, command, message) };
  }
  return accept(event(context, { type: 'BatchIngested', batchId, recordCount, sourceOffset }));
}

function complete(state: RunningState, command: CompleteBatch, context: DecideContext): Decision {
  const { batchId, successCount, failureCount, processingTimeMs, deadLettered, progress } = command;
  return accept(
    ...deadLettered.map(({ errorCode, count }) =>
      event(context, { type: 'RecordsDeadLettered', batchId, count, errorCode }),
    ),
    event(context, { type: 'BatchProcessed', batchId, successCount, failureCount, processingTimeMs }),
    event(context, {
      type: 'CheckpointUpdated',
      checkpoint: Object.freeze({
        ...progress,
        timestamp: context.now,
        recordsProcessed: state.metrics.totalRecordsProcessed + successCount,
      }),
    }),
  );
}

function timedOut(state: RunningState, command: BatchTimeout, context: DecideContext): Decision {
  const timeoutMs = state.config.batchTimeoutMs;
  const error: PipelineError = {
    errorType: 'system',
    code: 'TIMEOUT',
    message: `batch ${command.batchId} took longer than ${timeoutMs} ms`,
    retryable: true,
  };
  return accept(
    event(context, { type: 'BatchTimedOut', batchId: command.batchId, timeoutMs }),
    ...failure(state, error, context),
  );
}

/** A failed attempt, if one was in progress, and what follows from it: another attempt or the end. */
function failure(state: RunningState, error: PipelineError, context: DecideContext): PipelineEvent[] {
  const events: PipelineEvent[] = [];
  if (state.activeBatch !== null) {
    const { batchId, attempt } = state.activeBatch;
    events.push(event(context, { type: 'BatchFailed', batchId, error, attempt }));
  }
  const { retryCount, config } = state;
  if (shouldRetry(error, retryCount, config.retry)) {
    const backoff = backoffMs(config.retry, retryCount, context.random);
    events.push(event(context, { type: 'RetryScheduled', error, retryCount: retryCount + 1, backoffMs: backoff }));
  } else {
    events.push(event(context, { type: 'PipelineFailed', error }));
  }
  return events;
}

/** A failure that a caller or the source reports; an orphaned batch made no attempt that could have failed. */
function reported(state: RunningState, command: ReportFailure, context: DecideContext): PipelineEvent[] {
  const attempted = context.activeBatchOrphaned ? { ...state, activeBatch: null } : state;
  return failure(attempted, command.error, context);
}

/** An outcome counts only for the batch that is active; a late one of an earlier batch is refused. */
function ifActive(
  state: RunningState,
  command: CompleteBatch | FailBatch | BatchTimeout,
  decision: () => Decision,
): Decision {
  if (state.activeBatch?.batchId === command.batchId) return decision();
  const active = state.activeBatch === null ? 'no batch' : `batch ${state.activeBatch.batchId}`;
  const message = `${active} is in progress, not ${command.batchId}`;
  return { accepted: false, refusal: refuse('DATAFLOW_ERR_COMMAND_REFUSED', state, command, message) };
}

function byStatus(state: PipelineState, command: PipelineCommand, context: DecideContext): Decision {
  return { accepted: false, refusal: refuseByStatus(context.pipelineId, state, command) };
}

function accept(...events: PipelineEvent[]): Decision {
  return { accepted: true, events };
}

type Body<T> = T extends PipelineEvent ? Omit<T, 'schemaVersion' | 'pipelineId' | 'timestamp'> : never;
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Completes the literal that the caller has just made (a spread over sixteen shapes would cost more than the decision)
 * and freezes it: an event is a fact, and journals may keep it without a copy.
 */
function event(context: DecideContext, body: Body<PipelineEvent>): PipelineEvent {
  const completed = body as Mutable<PipelineEvent>;
  completed.schemaVersion = EVENT_SCHEMA_VERSION;
  completed.pipelineId = context.pipelineId;
  completed.timestamp = context.now;
  return Object.freeze(completed);
}
