import { STATUS_CODES } from 'node:http';
import { redactText } from '../../domain/secrets.ts';
import { codeOf, DataflowError, type ErrorCode, messageOf } from '../../errors.ts';

/** What every answer that is no success holds. */
export interface ApiError {
  /** The name of the HTTP status. */
  readonly error: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: readonly { readonly path: string; readonly expected: string; readonly got: string }[] | null;
  readonly timestamp: string;
}

const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  DATAFLOW_ERR_API_REQUEST_INVALID: 400,
  DATAFLOW_ERR_API_UNAUTHORIZED: 401,
  DATAFLOW_ERR_API_FORBIDDEN: 403,
  DATAFLOW_ERR_API_NOT_FOUND: 404,
  DATAFLOW_ERR_API_METHOD_NOT_ALLOWED: 405,
  DATAFLOW_ERR_API_TOO_LARGE: 413,
  DATAFLOW_ERR_API_MEDIA_TYPE: 415,
  DATAFLOW_ERR_API_RATE_LIMITED: 429,
  DATAFLOW_ERR_PIPELINE_INVALID: 400,
  DATAFLOW_ERR_COMMAND_INVALID: 400,
  DATAFLOW_ERR_CONNECTOR_UNKNOWN: 400,
  DATAFLOW_ERR_CONNECTOR_INVALID: 400,
  DATAFLOW_ERR_EXPRESSION_INVALID: 400,
  DATAFLOW_ERR_JOURNAL_INPUT_INVALID: 400,
  DATAFLOW_ERR_PIPELINE_UNKNOWN: 404,
  DATAFLOW_ERR_PIPELINE_CONFLICT: 409,
  DATAFLOW_ERR_PIPELINE_DETACHED: 409,
  DATAFLOW_ERR_PIPELINE_ELSEWHERE: 409,
  DATAFLOW_ERR_PIPELINE_FAILED: 409,
  DATAFLOW_ERR_COMMAND_REFUSED: 409,
  DATAFLOW_ERR_BATCH_ACTIVE: 409,
  DATAFLOW_ERR_API_FAILED: 500,
};

/** What fastify and Node.js call their refusals. */
const FOREIGN: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'DATAFLOW_ERR_API_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'DATAFLOW_ERR_API_MEDIA_TYPE',
  HPE_HEADER_OVERFLOW: 'DATAFLOW_ERR_API_TOO_LARGE',
};

/** A problem of this package's own: the platform, its journal or its metrics cannot serve now. */
const UNAVAILABLE = 503;

export interface Answer {
  readonly status: number;
  readonly body: ApiError;
}

/** Of whatever was thrown; a fault that nobody expected says nothing of itself. */
export function answerTo(error: unknown, now: number): Answer {
  const known = asDataflowError(error);
  const status = STATUS[known.code] ?? UNAVAILABLE;
  const { problems } = known;
  const body: ApiError = {
    error: STATUS_CODES[status] ?? 'Error',
    code: known.code,
    message: redactText(known.message),
    details:
      problems.length === 0
        ? null
        : problems.map(({ path, expected, got }) => ({
            path: redactText(path),
            expected: redactText(expected),
            got: redactText(got),
          })),
    timestamp: new Date(now).toISOString(),
  };
  return { status, body };
}

/** True for a fault that an operator should hear of. */
export function isUnexpected(error: unknown): boolean {
  return asDataflowError(error).code === 'DATAFLOW_ERR_API_FAILED';
}

function asDataflowError(error: unknown): DataflowError {
  const code = codeOf(error) ?? '';
  if (code.startsWith('DATAFLOW_ERR_')) {
    const { problems = [] } = error as Partial<DataflowError>;
    return new DataflowError(code as ErrorCode, messageOf(error), { problems });
  }
  const foreign = FOREIGN[code];
  if (foreign !== undefined) return new DataflowError(foreign, remedied(foreign));
  const status = statusOf(error);
  if (status !== undefined && status >= 400 && status < 500) {
    return new DataflowError('DATAFLOW_ERR_API_REQUEST_INVALID', `The request cannot be read: ${messageOf(error)}.`);
  }
  return new DataflowError(
    'DATAFLOW_ERR_API_FAILED',
    'The request failed because of a fault in the platform: try again; its warnings say more.',
  );
}

function remedied(code: ErrorCode): string {
  return code === 'DATAFLOW_ERR_API_MEDIA_TYPE'
    ? 'The body must be JSON: send it with Content-Type: application/json.'
    : 'The request is larger than the limit: send less.';
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}
