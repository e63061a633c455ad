import type { PipelineCommand } from '../../domain/command.ts';
import { type DecideContext, type Decision, decide } from '../../domain/decide.ts';
import { redactText } from '../../domain/secrets.ts';
import type { DefinedState, PipelineState, PipelineStatus } from '../../domain/state.ts';
import { codeOf } from '../../errors.ts';
import type { Activity, LastError } from './pipeline-activity.ts';
import type { ActionName, PipelineView } from './ports.ts';

export type ShownState = Exclude<PipelineStatus, 'empty'>;

/** Counts since the process started; null where the metrics do not record them. */
export interface PipelineNumbers {
  readonly batchesFailed: number | null;
  readonly retries: number | null;
  readonly timeouts: number | null;
  readonly deadLettered: number | null;
  readonly throughputPerSecond: number | null;
  readonly p95Ms: number | null;
}

/** What lists and ticks hold of a pipeline. Times are ISO 8601. */
export interface PipelineSummary extends PipelineNumbers {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly state: ShownState;
  readonly sourceType: string | null;
  readonly sinkType: string | null;
  readonly recordsProcessed: number;
  readonly recordsFailed: number;
  readonly batchesProcessed: number;
  readonly averageProcessingTimeMs: number;
  readonly checkpointOffset: number | string | null;
  readonly checkpointAt: string | null;
  readonly lastBatchAt: string | null;
  readonly lagRecords: number | null;
  readonly batchInFlight: boolean;
  readonly lastError: { readonly code: string; readonly message: string; readonly at: string | null } | null;
  readonly since: string | null;
}

export type AllowedAction = ActionName | 'remove' | 'updateConfig';

/** A pipeline that could not be recovered is shown as failed. */
export function shownState({ state, unavailable }: PipelineView): ShownState {
  return unavailable !== undefined || state.status === 'empty' ? 'failed' : state.status;
}

export function summaryOf(
  view: PipelineView,
  activity: Activity | undefined,
  numbers: PipelineNumbers,
  description: string,
): PipelineSummary {
  const { id, state } = view;
  const known = state.status === 'empty' ? undefined : state;
  return {
    id,
    name: known?.name ?? id,
    description,
    state: shownState(view),
    sourceType: known?.config.source.type ?? null,
    sinkType: known?.config.sink.type ?? null,
    recordsProcessed: known?.metrics.totalRecordsProcessed ?? 0,
    recordsFailed: known?.metrics.totalRecordsFailed ?? 0,
    batchesProcessed: known?.metrics.totalBatchesProcessed ?? 0,
    batchesFailed: numbers.batchesFailed,
    retries: numbers.retries,
    timeouts: numbers.timeouts,
    deadLettered: numbers.deadLettered,
    throughputPerSecond: numbers.throughputPerSecond,
    averageProcessingTimeMs: known?.metrics.averageProcessingTimeMs ?? 0,
    p95Ms: numbers.p95Ms,
    checkpointOffset: known?.checkpoint.offset ?? null,
    checkpointAt: iso(known?.checkpoint.timestamp),
    lastBatchAt: iso(known?.metrics.lastProcessedAt),
    lagRecords: activity?.lagRecords ?? null,
    batchInFlight: (activity?.inflight ?? 0) > 0,
    lastError: errorOf(view, activity),
    since: iso(activity?.since ?? (known === undefined ? undefined : sinceOf(known))),
  };
}

function errorOf({ state, unavailable }: PipelineView, activity: Activity | undefined): PipelineSummary['lastError'] {
  if (unavailable !== undefined) {
    const code = codeOf(unavailable) ?? 'DATAFLOW_ERR_RECOVERY_FAILED';
    return { code, message: redactText(unavailable.message), at: null };
  }
  const last: LastError | undefined =
    activity?.lastError ??
    (state.status === 'failed'
      ? { code: state.error.code, message: redactText(state.error.message), at: state.failedAt }
      : undefined);
  return last === undefined ? null : { code: last.code, message: last.message, at: iso(last.at) };
}

/** As far as the state itself knows: a pipeline that was resumed says when it was started. */
function sinceOf(state: DefinedState): number {
  switch (state.status) {
    case 'configured':
      return state.createdAt;
    case 'running':
      return state.startedAt;
    case 'paused':
      return state.pausedAt;
    case 'stopped':
      return state.stoppedAt;
    case 'failed':
      return state.failedAt;
  }
}

let lastTime = Number.NaN;
let lastText: string | null = null;

export function iso(time: number | null | undefined): string | null {
  if (time === null || time === undefined) return null;
  // The times of one batch are often one time.
  if (time === lastTime) return lastText;
  const date = new Date(time);
  lastText = Number.isNaN(date.getTime()) ? null : date.toISOString();
  lastTime = time;
  return lastText;
}

/** What only the detail holds. `spec` comes with its secrets hidden. */
export function detailOf(view: PipelineView, redact: (value: unknown) => unknown) {
  const { id, state } = view;
  if (state.status === 'empty') {
    return { spec: null, reason: null, retryCount: 0, startedAt: null, allowedActions: allowedActions(view) };
  }
  return {
    spec: redact({ id, name: state.name, description: state.description, ...state.config }),
    reason: reasonOf(state),
    retryCount: 'retryCount' in state ? state.retryCount : 0,
    startedAt: 'startedAt' in state ? iso(state.startedAt) : null,
    allowedActions: allowedActions(view),
  };
}

export function reasonOf(state: PipelineState): string | null {
  if (state.status === 'paused') return redactText(state.pauseReason);
  return state.status === 'stopped' ? redactText(state.stopReason) : null;
}

/** Asks the rules themselves, so that the page never offers what would be refused. */
export function allowedActions({ id, state, unavailable }: PipelineView): AllowedAction[] {
  if (unavailable !== undefined || state.status === 'empty') return [];
  const context: DecideContext = { pipelineId: id, now: 0, random: 0.5, activeBatchOrphaned: false };
  const { name, description, config } = state;
  const commands: readonly (readonly [AllowedAction, PipelineCommand])[] = [
    ['start', { type: 'StartPipeline' }],
    ['stop', { type: 'StopPipeline', reason: '' }],
    ['pause', { type: 'PausePipeline', reason: '' }],
    ['resume', { type: 'ResumePipeline' }],
    ['reset', { type: 'ResetPipeline' }],
    ['remove', { type: 'RemovePipeline' }],
    ['updateConfig', { type: 'UpdateConfig', name, description, config }],
  ];
  const accepts = (decision: Decision): boolean => decision.accepted;
  return commands.filter(([, command]) => accepts(decide(state, command, context))).map(([action]) => action);
}
