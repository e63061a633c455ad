import { canonicalCode, isRetriedCode } from '../domain/retry.ts';
import { redactText } from '../domain/secrets.ts';
import type { PipelineError } from '../domain/state.ts';
import { codeOf, messageOf } from '../errors.ts';

/** What connectors throw, as far as we look into it. */
interface Thrown {
  readonly status?: unknown;
  readonly statusCode?: unknown;
  readonly retryable?: unknown;
  readonly stack?: unknown;
}

const STACK_LINES = 12;

/**
 * Any thrown value as the error that events carry. The code is the thrown one (or an HTTP status), in upper case, with
 * foreign names mapped on ours; without one it is SOURCE_ERROR, SINK_ERROR and so on. Secrets in its texts are hidden,
 * since it goes into the journal.
 */
export function toPipelineError(error: unknown, errorType: PipelineError['errorType']): PipelineError {
  const thrown: Thrown = typeof error === 'object' && error !== null ? error : {};
  const status = thrown.status ?? thrown.statusCode;
  const raw = codeOf(error) ?? (typeof status === 'number' ? String(status) : undefined);
  const code = raw === undefined || raw.trim() === '' ? `${errorType.toUpperCase()}_ERROR` : canonicalCode(raw);
  const message = redactText(messageOf(error)).trim();
  return {
    errorType,
    code,
    message: message === '' ? code : message,
    ...(typeof thrown.stack === 'string' && {
      stackTrace: redactText(thrown.stack.split('\n').slice(0, STACK_LINES).join('\n')),
    }),
    retryable: thrown.retryable === false ? false : isRetriedCode(code),
  };
}

/** An error that already knows its PipelineError, so that the part that failed is not lost on the way. */
export class AttemptError extends Error {
  readonly pipelineError: PipelineError;

  constructor(cause: unknown, errorType: PipelineError['errorType']) {
    super(messageOf(cause), { cause });
    this.pipelineError = toPipelineError(cause, errorType);
  }
}
