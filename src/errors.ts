/**
 * Every error this package throws carries one of these codes. A code is stable; a message is not.
 * Match on `code`, never on the class: two copies of the package may live in one process.
 *
 * disposition: `retry` the same call may succeed later, nothing was changed · `stop` the call or the
 * pipeline cannot go on as it is, others can · `fatal` the process must not go on with this input.
 */
export type Disposition = 'retry' | 'stop' | 'fatal';

interface ErrorDefinition {
  readonly disposition: Disposition;
  readonly meaning: string;
}

export const ERRORS = {
  DATAFLOW_ERR_CONFIG_INVALID: { disposition: 'fatal', meaning: 'The configuration has unknown keys or bad values.' },
  DATAFLOW_ERR_CONFIG_SYNTAX: { disposition: 'fatal', meaning: 'A YAML file does not parse.' },
  DATAFLOW_ERR_CONFIG_UNREADABLE: { disposition: 'fatal', meaning: 'A configuration file is missing or unreadable.' },
  DATAFLOW_ERR_CLI_USAGE: { disposition: 'fatal', meaning: 'A command was called with unknown or missing arguments.' },

  DATAFLOW_ERR_PIPELINE_INVALID: { disposition: 'stop', meaning: 'A pipeline specification breaks a rule.' },
  DATAFLOW_ERR_PIPELINE_CONFLICT: {
    disposition: 'stop',
    meaning: 'A pipeline of this id exists with another specification.',
  },
  DATAFLOW_ERR_PIPELINE_UNKNOWN: { disposition: 'stop', meaning: 'No pipeline of this id exists.' },
  DATAFLOW_ERR_PIPELINE_FAILED: { disposition: 'stop', meaning: 'The pipeline failed before the call could succeed.' },
  DATAFLOW_ERR_PIPELINE_DETACHED: {
    disposition: 'stop',
    meaning: 'The pipeline uses code or secrets that the journal does not hold; they were not attached again.',
  },

  DATAFLOW_ERR_COMMAND_REFUSED: {
    disposition: 'stop',
    meaning: 'The state of the pipeline does not accept the command.',
  },
  DATAFLOW_ERR_COMMAND_INVALID: { disposition: 'stop', meaning: 'A command carries values that break a rule.' },
  DATAFLOW_ERR_BATCH_ACTIVE: { disposition: 'retry', meaning: 'Another batch of the pipeline is being processed.' },
  DATAFLOW_ERR_BATCH_ABANDONED: {
    disposition: 'retry',
    meaning: 'The batch got no outcome because the pipeline left the running state; send it again.',
  },
  DATAFLOW_ERR_MAILBOX_FULL: { disposition: 'retry', meaning: 'The mailbox of the pipeline is at its limit.' },
  DATAFLOW_ERR_PIPELINE_STOPPED: {
    disposition: 'stop',
    meaning: 'The actor of the pipeline was stopped; the command became a dead letter.',
  },
  DATAFLOW_ERR_PLATFORM_SHUT_DOWN: { disposition: 'stop', meaning: 'The platform was shut down.' },
  DATAFLOW_ERR_SHUTDOWN_TIMEOUT: {
    disposition: 'stop',
    meaning: 'Work was still in progress when the shutdown timeout ended.',
  },

  DATAFLOW_ERR_KEY_IN_USE: { disposition: 'fatal', meaning: 'An actor of this persistence key lives already.' },
  DATAFLOW_ERR_RECOVERY_GAP: {
    disposition: 'fatal',
    meaning: 'The journal holds a gap, a duplicate or a foreign event for this pipeline.',
  },
  DATAFLOW_ERR_RECOVERY_EVENT_UNKNOWN: {
    disposition: 'fatal',
    meaning: 'The journal holds an event of a type or schema version that this version does not know.',
  },
  DATAFLOW_ERR_RECOVERY_FAILED: { disposition: 'retry', meaning: 'The journal could not be read while recovering.' },

  DATAFLOW_ERR_JOURNAL_CONFLICT: {
    disposition: 'stop',
    meaning: 'Another event is stored under the same sequence number.',
  },
  DATAFLOW_ERR_JOURNAL_APPEND_FAILED: {
    disposition: 'retry',
    meaning: 'The journal could not make the events durable.',
  },
  DATAFLOW_ERR_JOURNAL_FULL: { disposition: 'retry', meaning: 'No space is left for the journal.' },
  DATAFLOW_ERR_JOURNAL_LOCKED: { disposition: 'fatal', meaning: 'Another process owns this embedded journal.' },
  DATAFLOW_ERR_JOURNAL_CORRUPT: { disposition: 'fatal', meaning: 'The journal file is damaged.' },
  DATAFLOW_ERR_JOURNAL_FOREIGN: {
    disposition: 'fatal',
    meaning: 'The file is not a journal of this product or version.',
  },
  DATAFLOW_ERR_JOURNAL_OPEN_FAILED: { disposition: 'fatal', meaning: 'The journal could not be opened.' },
  DATAFLOW_ERR_JOURNAL_READ_FAILED: { disposition: 'retry', meaning: 'The journal could not be read.' },
  DATAFLOW_ERR_JOURNAL_CLOSED: { disposition: 'stop', meaning: 'The journal was closed.' },
  DATAFLOW_ERR_JOURNAL_INPUT_INVALID: {
    disposition: 'stop',
    meaning: 'A journal was given a key, sequence number, event or snapshot that it cannot hold.',
  },
  DATAFLOW_ERR_JOURNAL_FENCED: {
    disposition: 'stop',
    meaning: 'Another process has the lease of the key, or this one let it go; nothing was written.',
  },
  DATAFLOW_ERR_PIPELINE_ELSEWHERE: {
    disposition: 'retry',
    meaning: 'The pipeline runs in another process that shares the journal, or is on its way from one to another.',
  },
  DATAFLOW_ERR_CLUSTER_NODE_IN_USE: {
    disposition: 'fatal',
    meaning: 'Another process that shares the journal has the same node name.',
  },
  DATAFLOW_ERR_JOURNAL_DRIVER_MISSING: {
    disposition: 'fatal',
    meaning: 'The package that the journal needs is not installed.',
  },
  DATAFLOW_ERR_IMPORT_INVALID: {
    disposition: 'stop',
    meaning: 'A line to be imported into a journal is not one that an export writes.',
  },
  DATAFLOW_ERR_PROJECTION_IN_USE: {
    disposition: 'stop',
    meaning: 'The events of a projection of this name are being read already.',
  },
  DATAFLOW_ERR_JOURNAL_READ_ONLY: { disposition: 'stop', meaning: 'The journal was opened for reading only.' },

  DATAFLOW_ERR_CONNECTOR_UNKNOWN: {
    disposition: 'stop',
    meaning: 'No source, transform or sink of this type is registered.',
  },
  DATAFLOW_ERR_CONNECTOR_INVALID: {
    disposition: 'stop',
    meaning: 'A source, transform or sink has unknown or bad options.',
  },
  DATAFLOW_ERR_SOURCE_NOT_FOUND: { disposition: 'stop', meaning: 'The source does not exist.' },
  DATAFLOW_ERR_SOURCE_UNREADABLE: { disposition: 'stop', meaning: 'The source cannot be read.' },
  DATAFLOW_ERR_SOURCE_CHANGED: { disposition: 'stop', meaning: 'The source no longer matches the checkpoint.' },
  DATAFLOW_ERR_RECORD_MALFORMED: { disposition: 'stop', meaning: 'A record could not be parsed; it is a dead letter.' },
  DATAFLOW_ERR_RECORD_TOO_LARGE: {
    disposition: 'stop',
    meaning: 'A record is over the size limit; it is a dead letter.',
  },
  DATAFLOW_ERR_TRANSFORM_FAILED: { disposition: 'stop', meaning: 'A transform refused a record; it is a dead letter.' },
  DATAFLOW_ERR_EXPRESSION_INVALID: { disposition: 'stop', meaning: 'A CEL expression does not parse or check.' },
  DATAFLOW_ERR_SINK_UNWRITABLE: { disposition: 'stop', meaning: 'The sink cannot be written.' },
  DATAFLOW_ERR_SINK_CHANGED: { disposition: 'stop', meaning: 'The sink no longer matches the checkpoint.' },
  DATAFLOW_ERR_SINK_EXISTS: { disposition: 'stop', meaning: 'The sink holds data that this pipeline did not write.' },
  DATAFLOW_ERR_SINK_FENCED: {
    disposition: 'stop',
    meaning: 'Another process has taken the pipeline over and writes to the sink; nothing more is written here.',
  },
  DATAFLOW_ERR_SINK_REFUSED_RECORD: { disposition: 'stop', meaning: 'The sink refused a record; it is a dead letter.' },

  DATAFLOW_ERR_SERVER_PORT_IN_USE: { disposition: 'fatal', meaning: 'Another process listens on the port.' },
  DATAFLOW_ERR_SERVER_LISTEN_FAILED: { disposition: 'fatal', meaning: 'The server could not listen on its address.' },
  DATAFLOW_ERR_SERVER_TLS_INVALID: {
    disposition: 'fatal',
    meaning: 'The certificate or the private key of a server cannot be used.',
  },
  DATAFLOW_ERR_API_REQUEST_INVALID: {
    disposition: 'stop',
    meaning: 'A request to the API has a bad path, query, header or body.',
  },
  DATAFLOW_ERR_API_TOO_LARGE: { disposition: 'stop', meaning: 'A request to the API is larger than the limit.' },
  DATAFLOW_ERR_API_MEDIA_TYPE: { disposition: 'stop', meaning: 'The body of a request to the API is not JSON.' },
  DATAFLOW_ERR_API_NOT_FOUND: { disposition: 'stop', meaning: 'The API has nothing at this path.' },
  DATAFLOW_ERR_API_METHOD_NOT_ALLOWED: {
    disposition: 'stop',
    meaning: 'The path of the API does not take this method.',
  },
  DATAFLOW_ERR_API_UNAUTHORIZED: { disposition: 'stop', meaning: 'The API wants the configured token.' },
  DATAFLOW_ERR_API_FORBIDDEN: {
    disposition: 'stop',
    meaning: 'A request to the API came from another site, or under a name that is not the own one.',
  },
  DATAFLOW_ERR_API_RATE_LIMITED: { disposition: 'retry', meaning: 'Too many requests to the API, or live streams.' },
  DATAFLOW_ERR_API_FAILED: { disposition: 'retry', meaning: 'The API could not answer because of a fault of its own.' },

  DATAFLOW_ERR_SLO_MISSING: { disposition: 'stop', meaning: 'None of the pipelines has a service-level objective.' },
  DATAFLOW_ERR_OUTPUT_EXISTS: {
    disposition: 'stop',
    meaning: 'A file to be generated exists with another content; nothing was written.',
  },
  DATAFLOW_ERR_OUTPUT_UNWRITABLE: { disposition: 'stop', meaning: 'A generated file could not be written.' },
  DATAFLOW_ERR_METRICS_COLLECTION_FAILED: { disposition: 'retry', meaning: 'The metrics could not be collected.' },
} as const satisfies Record<string, ErrorDefinition>;

export type ErrorCode = keyof typeof ERRORS;

/** One thing that is wrong with an input: where it is, what was expected, what was found. */
export interface Problem {
  /** Dotted path from the root of the input, `''` for the root, for instance `sink.batchSize`. */
  readonly path: string;
  readonly expected: string;
  readonly got: string;
  readonly file?: string;
  /** 1-based. */
  readonly line?: number;
  readonly column?: number;
}

export interface DataflowErrorOptions {
  readonly cause?: unknown;
  readonly problems?: readonly Problem[];
  /** Facts for programs: sequence numbers, paths, pids. Never a secret. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The one error class. `message` says what was wrong and what to do about it. */
export class DataflowError extends Error {
  readonly code: ErrorCode;
  readonly disposition: Disposition;
  readonly problems: readonly Problem[];
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: DataflowErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'DataflowError';
    this.code = code;
    this.disposition = ERRORS[code].disposition;
    this.problems = options.problems ?? [];
    this.details = options.details ?? {};
  }
}

/** The string `code` of any thrown value, ours or Node's, or undefined. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  const { code } = error;
  return typeof code === 'string' ? code : typeof code === 'number' ? String(code) : undefined;
}

export function messageOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string') {
    return error.message;
  }
  return textOf(error);
}

/** `String(value)` for values that may refuse it: no prototype, a broken toString. */
export function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return `[${typeof value}]`;
  }
}

/** `path: expected …, got …`, one line a problem, with file and line where they are known. */
export function describeProblem(problem: Problem): string {
  const position =
    problem.line === undefined ? '' : `:${problem.line}${problem.column === undefined ? '' : `:${problem.column}`}`;
  const file = problem.file === undefined ? '' : `${problem.file}${position}: `;
  const path = problem.path === '' ? '' : `${problem.path}: `;
  return `${file}${path}expected ${problem.expected}, got ${problem.got}`;
}
