import { DataflowError } from '../errors.ts';

/** What a sender hears whose pipeline has its actor in another process. */
export function elsewhere(key: string, owner: string | undefined, address: string | null | undefined): DataflowError {
  const where =
    owner === undefined
      ? 'is on its way from one process to another: send the command again'
      : `runs on ${owner}${address ? ` (${address})` : ''}: send the command there`;
  return new DataflowError('DATAFLOW_ERR_PIPELINE_ELSEWHERE', `pipeline ${key} ${where}`, {
    details: { pipelineId: key, ...(owner !== undefined && { owner }) },
  });
}

/** What waits hears when the pipeline is handed over. */
export function movedAway(key: string): DataflowError {
  return elsewhere(key, undefined, undefined);
}

export function leaseLost(key: string): DataflowError {
  const message = `pipeline ${key} was given up here, since its lease could not be kept; whether the command was done is known to its next owner: ask for its state before sending it again`;
  return new DataflowError('DATAFLOW_ERR_PIPELINE_ELSEWHERE', message, { details: { pipelineId: key } });
}
