/** The shapes of the API as JSON Schema (draft 2020-12, as OpenAPI 3.1 wants it): documentation, and what tests compare answers with. */
import { OVERVIEW_COLUMNS, PIPELINE_COLUMNS, SPARK_POINTS } from './history.ts';

export type Schema = { readonly [key: string]: unknown };

const text: Schema = { type: 'string' };
const number: Schema = { type: 'number' };
const integer: Schema = { type: 'integer' };
const boolean: Schema = { type: 'boolean' };
const time: Schema = { type: 'string', format: 'date-time' };
const orNull = (schema: Schema): Schema => ({ ...schema, type: [schema.type, 'null'] });
const list = (items: Schema): Schema => ({ type: 'array', items });
const choice = (...values: readonly string[]): Schema => ({ type: 'string', enum: values });
const object = (properties: Readonly<Record<string, Schema>>, more: Schema = {}): Schema => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
  ...more,
});
export const ref = (name: string): Schema => ({ $ref: `${name}#` });

const STATES = ['configured', 'running', 'paused', 'stopped', 'failed'] as const;
const ACTIONS = ['start', 'stop', 'pause', 'resume', 'reset'] as const;

const counts = object(Object.fromEntries(STATES.map((state) => [state, integer])));
const health = choice('Healthy', 'Degraded', 'Critical', 'Idle');

const SUMMARY: Readonly<Record<string, Schema>> = {
  id: text,
  name: text,
  description: text,
  state: choice(...STATES),
  sourceType: orNull(text),
  sinkType: orNull(text),
  recordsProcessed: integer,
  recordsFailed: integer,
  batchesProcessed: integer,
  batchesFailed: { ...orNull(integer), description: 'Failed attempts since the process started.' },
  retries: { ...orNull(integer), description: 'Since the process started.' },
  timeouts: { ...orNull(integer), description: 'Since the process started.' },
  deadLettered: { ...orNull(integer), description: 'Records, since the process started.' },
  throughputPerSecond: { ...orNull(number), description: 'Records per second over the recent window.' },
  averageProcessingTimeMs: number,
  p95Ms: { ...orNull(number), description: 'Of the last 10 s in which batches were processed.' },
  checkpointOffset: { type: ['integer', 'string', 'null'] },
  checkpointAt: orNull(time),
  lastBatchAt: orNull(time),
  lagRecords: { ...orNull(integer), description: 'Records not read yet, where the source knows.' },
  batchInFlight: boolean,
  lastError: { anyOf: [object({ code: text, message: text, at: orNull(time) }), { type: 'null' }] },
  since: { ...orNull(time), description: 'When the pipeline came into its state.' },
  history: {
    ...list(number),
    minItems: SPARK_POINTS,
    maxItems: SPARK_POINTS,
    description: 'Records per second of the last 60 minutes.',
  },
};

const column = list(orNull(number));
const historyOf = (...columns: readonly string[]): Schema =>
  object({
    intervalSeconds: number,
    times: { ...list(number), description: 'Seconds since the epoch, oldest first.' },
    ...Object.fromEntries(columns.map((name) => [name, column])),
  });

const connector: Schema = {
  type: 'object',
  properties: { type: text, connectionString: text, batchSize: integer, options: { type: 'object' } },
  required: ['type'],
};

export const SCHEMAS: Readonly<Record<string, Schema>> = {
  Error: object({
    error: { ...text, description: 'The name of the HTTP status.' },
    code: { ...text, pattern: '^DATAFLOW_ERR_[A-Z_]+$' },
    message: { ...text, description: 'What was wrong, where, and what to do about it.' },
    details: {
      anyOf: [list(object({ path: text, expected: text, got: text })), { type: 'null' }],
    },
    timestamp: time,
  }),
  PipelineSpec: {
    type: 'object',
    description: 'As in a pipelines file. Parts that are code cannot be given here.',
    properties: {
      id: text,
      name: text,
      description: text,
      source: { ...connector, properties: { ...(connector.properties as object), pollIntervalMs: integer } },
      transforms: list({ type: 'object', properties: { type: text, config: { type: 'object' } }, required: ['type'] }),
      sink: connector,
      deadLetter: connector,
      retry: {
        type: 'object',
        properties: { maxRetries: integer, initialMs: number, maxMs: number, jitter: number },
      },
      batchTimeoutMs: integer,
      operationTimeoutMs: integer,
      onInterrupt: choice('finish', 'abort'),
      slo: { type: 'object' },
    },
    required: ['sink'],
  },
  PipelineSummary: object(SUMMARY),
  PipelineDetail: object({
    ...SUMMARY,
    spec: { anyOf: [ref('PipelineSpec'), { type: 'null' }], description: 'Secrets are `***`.' },
    reason: { ...orNull(text), description: 'Why it was paused or stopped.' },
    retryCount: integer,
    startedAt: orNull(time),
    sequenceNumber: integer,
    allowedActions: list(choice(...ACTIONS, 'remove', 'updateConfig')),
  }),
  PipelineList: object({
    pipelines: list(ref('PipelineSummary')),
    total: integer,
    counts,
    health,
    serverTime: time,
  }),
  PipelineHealth: object({
    pipelineId: text,
    status: choice('healthy', 'degraded', 'failed', 'idle'),
    reasons: list(text),
  }),
  PipelineEvents: object({
    events: list(
      object({
        sequenceNumber: integer,
        type: text,
        timestamp: time,
        event: { type: 'object', description: 'As the journal holds it; secrets are `***`.' },
      }),
    ),
    highestSequenceNumber: integer,
    next: { ...orNull(integer), description: 'What `from` is for the next page.' },
  }),
  PipelineHistory: historyOf(...PIPELINE_COLUMNS),
  History: historyOf(...OVERVIEW_COLUMNS),
  Series: {
    type: 'object',
    properties: {
      name: { ...text, description: 'As in /metrics.' },
      labels: { type: 'object', additionalProperties: text },
      kind: choice('counter', 'gauge', 'histogram'),
      value: { ...orNull(number), description: 'Null for a histogram, and for what JSON has no number for.' },
      histogram: object({
        count: integer,
        sum: orNull(number),
        buckets: list(object({ le: { anyOf: [number, { const: '+Inf' }] }, count: integer })),
      }),
    },
    required: ['name', 'labels', 'kind', 'value'],
    additionalProperties: false,
  },
  PipelineMetrics: object({ pipelineId: text, series: list(ref('Series')) }),
  Metrics: object({
    instruments: list(
      object({
        name: text,
        family: text,
        kind: choice('counter', 'gauge', 'histogram'),
        unit: text,
        help: text,
        seriesCount: { ...integer, description: 'Of those that match the labels asked for.' },
        series: list(ref('Series')),
      }),
    ),
    truncated: boolean,
  }),
  MetricNames: object({
    metrics: list(
      object({
        instrument: text,
        family: text,
        kind: choice('counter', 'gauge', 'histogram'),
        unit: text,
        attributes: list(text),
        help: text,
        seriesCount: integer,
      }),
    ),
  }),
  Settings: object({
    settings: list(
      object({
        path: text,
        value: { description: 'Secrets are `***`; null where there is none.' },
        default: {},
        source: choice('default', 'file', 'environment', 'code'),
        environment: list(text),
        description: text,
      }),
    ),
  }),
  Modules: object({
    modules: list(
      object({
        name: text,
        kind: choice('reporter', 'reader', 'journal', 'server', 'instrumentation'),
        enabled: boolean,
        description: text,
        state: text,
      }),
    ),
  }),
  Instrumentation: object({
    instrumentation: list(object({ name: text, version: text, active: boolean, description: text })),
  }),
  Cluster: object({
    nodes: list(
      object({ node: text, address: orNull(text), pipelines: integer, self: boolean, state: choice('up', 'gone') }),
    ),
  }),
  OpenApi: { type: 'object', description: 'An OpenAPI 3.1 document.' },
  Health: object({ status: health, pipelines: counts, uptimeSeconds: number, version: text }),
};

export const PARAMS_ID: Schema = {
  type: 'object',
  properties: { id: { type: 'string', minLength: 1, maxLength: 100 } },
  required: ['id'],
};
