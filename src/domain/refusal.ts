import type { ErrorCode, Problem } from '../errors.ts';
import type { PipelineCommand, PipelineCommandType } from './command.ts';
import type { PipelineState, PipelineStatus } from './state.ts';

/** Why a command was not accepted. A value: nothing was persisted, nothing changed. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly command: PipelineCommandType;
  readonly status: PipelineStatus;
  /** Names the pipeline, its state and what to do. */
  readonly message: string;
  readonly problems: readonly Problem[];
}

const REMEDY: Readonly<Record<PipelineStatus, string>> = {
  empty: 'create it first',
  configured: 'start it first',
  running: 'stop or pause it first',
  paused: 'resume or stop it first',
  stopped: 'start it first',
  failed: 'reset it first',
};

/** What to do where the usual way out of the state is the very command that was refused, or leads elsewhere. */
const SPECIAL: Readonly<Partial<Record<PipelineCommandType, Partial<Record<PipelineStatus, string>>>>> = {
  CreatePipeline: {
    configured: 'use updateConfig to change it',
    running: 'stop it and use updateConfig to change it',
    paused: 'stop it and use updateConfig to change it',
    stopped: 'use updateConfig to change it',
    failed: 'reset it and use updateConfig to change it',
  },
  StartPipeline: { running: 'nothing to do', paused: 'resume it instead' },
  StopPipeline: { stopped: 'nothing to do', failed: 'reset it instead' },
  PausePipeline: { paused: 'nothing to do' },
  ResumePipeline: { running: 'nothing to do' },
  ResetPipeline: {
    configured: 'only a failed pipeline is reset',
    running: 'only a failed pipeline is reset',
    paused: 'only a failed pipeline is reset',
    stopped: 'only a failed pipeline is reset',
  },
  UpdateConfig: { running: 'stop it first', paused: 'stop it first' },
};

const SUBJECT: Readonly<Record<PipelineStatus, string>> = {
  empty: 'does not exist',
  configured: 'is configured',
  running: 'is running',
  paused: 'is paused',
  stopped: 'is stopped',
  failed: 'has failed',
};

export function refuseByStatus(pipelineId: string, state: PipelineState, command: PipelineCommand): Refusal {
  const remedy = SPECIAL[command.type]?.[state.status] ?? REMEDY[state.status];
  return {
    code: 'DATAFLOW_ERR_COMMAND_REFUSED',
    command: command.type,
    status: state.status,
    message: `${command.type} refused: pipeline ${pipelineId} ${SUBJECT[state.status]}: ${remedy}`,
    problems: [],
  };
}

export function refuse(
  code: ErrorCode,
  state: PipelineState,
  command: PipelineCommand,
  message: string,
  problems: readonly Problem[] = [],
): Refusal {
  return {
    code,
    command: command.type,
    status: state.status,
    message: `${command.type} refused: ${message}`,
    problems,
  };
}
