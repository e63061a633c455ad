/** The labels of states: the six words, and the transitions between them. */
import type { PipelineState, PipelineStatus } from '../domain/state.ts';

/** A pipeline state, or the word that names it. */
export type StateArgument = PipelineStatus | Pick<PipelineState, 'status'>;

export const STATES: readonly string[] = ['empty', 'configured', 'running', 'paused', 'stopped', 'failed'];

/** All that there are: each has its series from the first mention of a pipeline. */
export const TRANSITIONS = [
  ['empty', 'configured'],
  ['configured', 'running'],
  ['configured', 'stopped'],
  ['running', 'paused'],
  ['running', 'stopped'],
  ['running', 'failed'],
  ['paused', 'running'],
  ['paused', 'stopped'],
  ['stopped', 'running'],
  ['stopped', 'configured'],
  ['failed', 'configured'],
] as const;

/** Undefined where it is none. */
export function statusOf(state: unknown): PipelineStatus | undefined {
  const word = typeof state === 'object' && state !== null && 'status' in state ? state.status : state;
  const label = typeof word === 'string' ? word.toLowerCase() : '';
  return STATES.includes(label) ? (label as PipelineStatus) : undefined;
}
