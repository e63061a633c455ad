import { codeOf, DataflowError, messageOf } from '../errors.ts';

export function stoppedError(key: string): DataflowError {
  const message = `pipeline ${key} takes no commands: its actor was stopped: start the platform again`;
  return new DataflowError('DATAFLOW_ERR_PIPELINE_STOPPED', message, { details: { pipelineId: key } });
}

export function shutdownTimeout(key: string, timeoutMs: number): DataflowError {
  const message = `pipeline ${key} had work in progress when the ${timeoutMs} ms of its shutdown ended: the command was not done`;
  return new DataflowError('DATAFLOW_ERR_SHUTDOWN_TIMEOUT', message, { details: { pipelineId: key } });
}

export function mailboxFull(key: string, limit: number): DataflowError {
  const message = `the mailbox of pipeline ${key} holds ${limit} commands: wait for answers before sending more, or raise runtime.mailboxLimit`;
  return new DataflowError('DATAFLOW_ERR_MAILBOX_FULL', message, { details: { pipelineId: key, limit } });
}

export function appendFailed(key: string, cause: unknown): DataflowError {
  const code =
    codeOf(cause) === 'DATAFLOW_ERR_JOURNAL_FULL' ? 'DATAFLOW_ERR_JOURNAL_FULL' : 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED';
  const message = `pipeline ${key}: the command was not made durable and did not happen: ${messageOf(cause)}`;
  return new DataflowError(code, message, { cause, details: { pipelineId: key } });
}

export function recoveryFailed(key: string, cause: unknown): DataflowError {
  const message = `pipeline ${key} cannot be recovered now, it is tried again: ${messageOf(cause)}`;
  return new DataflowError('DATAFLOW_ERR_RECOVERY_FAILED', message, { cause, details: { pipelineId: key } });
}

/** What a sender hears whose batch ended with the pipeline's failure. */
export function pipelineFailed(key: string, code: string, message: string): DataflowError {
  return new DataflowError('DATAFLOW_ERR_PIPELINE_FAILED', `pipeline ${key} failed with ${code}: ${message}`, {
    details: { pipelineId: key, code },
  });
}

export function batchAbandoned(batchId: string, reason: string): DataflowError {
  return new DataflowError('DATAFLOW_ERR_BATCH_ABANDONED', `batch ${batchId} got no outcome: ${reason}: send it again`);
}
