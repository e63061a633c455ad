import type { Problem } from '../errors.ts';
import { deepFreeze, isMapping, joinPath, type Mapping, own, ProblemCollector } from './problem-collector.ts';
import { DEFAULT_RETRY } from './retry.ts';
import { readSlo } from './slo.ts';
import type { PipelineConfig, PipelineDefinition, RetryPolicy, SinkSpec, SourceSpec, TransformSpec } from './spec.ts';

export const MAX_BATCH_RECORDS = 10_000;
export const DEFAULT_BATCH_SIZE = 500;
export const DEFAULT_BATCH_TIMEOUT_MS = 300_000;
export const DEFAULT_OPERATION_TIMEOUT_MS = 30_000;

/** The longest delay a timer keeps. */
const MAX_TIMER_MS = 2_147_483_647;
const MAX_POLL_INTERVAL_MS = 3_600_000;
const MAX_RETRIES = 1_000_000;
const MAX_TRANSFORMS = 1_000;
const WORD = /^[a-zA-Z0-9-_]+$/;

const SPEC_KEYS = [
  'id',
  'name',
  'description',
  'source',
  'transforms',
  'sink',
  'deadLetter',
  'retry',
  'batchTimeoutMs',
  'operationTimeoutMs',
  'onInterrupt',
  'slo',
];
const SOURCE_KEYS = ['type', 'connectionString', 'batchSize', 'pollIntervalMs', 'options'];
const SINK_KEYS = ['type', 'connectionString', 'batchSize', 'options'];
const TRANSFORM_KEYS = ['type', 'config'];
const RETRY_KEYS = ['maxRetries', 'initialMs', 'maxMs', 'jitter'];
const ERROR_TYPES = ['source', 'transform', 'sink', 'system'];

export type ParsedSpec =
  | { readonly ok: true; readonly definition: PipelineDefinition }
  | {
      readonly ok: false;
      readonly problems: readonly Problem[];
      /** What could be read, with defaults in place of what could not: for further checks of the rest. */
      readonly partial: PipelineDefinition | undefined;
    };

/**
 * From what a user writes (`id`, `name`, `description`, `source`, `transforms`, `sink`, `deadLetter`, `retry`,
 * `batchTimeoutMs`, `operationTimeoutMs`, `onInterrupt`, `slo`) to the complete, frozen definition, or every problem at once.
 * Never throws. Whether a type is registered and its options are right is the connectors' own check;
 * `withoutConsequences` tells which of its findings on a partial definition are news.
 */
export function parsePipelineSpec(input: unknown): ParsedSpec {
  const check = new ProblemCollector();
  let definition: PipelineDefinition | undefined;
  try {
    definition = readDefinition(check, input);
  } catch {
    check.problems.push({ path: '', expected: 'plain data', got: 'an object that throws when it is read' });
  }
  return definition !== undefined && check.problems.length === 0
    ? { ok: true, definition: deepFreeze(definition) }
    : { ok: false, problems: check.problems, partial: definition };
}

/** The problems that lie outside the paths that are refused already: a part that could not be read has no others. */
export function withoutConsequences(problems: readonly Problem[], refused: readonly Problem[]): Problem[] {
  const isInside = (path: string, outer: string) => outer === '' || path === outer || path.startsWith(`${outer}.`);
  return problems.filter(({ path }) => !refused.some((known) => isInside(path, known.path)));
}

function readDefinition(check: ProblemCollector, input: unknown): PipelineDefinition | undefined {
  const spec = check.mapping(input, '', SPEC_KEYS);
  if (spec === undefined) return undefined;
  const id = readPipelineId(check, own(spec, 'id'), 'id');
  const description = own(spec, 'description');
  return {
    id,
    name: readName(check, own(spec, 'name'), id),
    description:
      description === undefined
        ? ''
        : check.text(description, 'description', 'a text of at most 500 characters', (text) => text.length <= 500),
    config: readConfig(check, spec),
  };
}

export function readPipelineId(check: ProblemCollector, value: unknown, path: string): string {
  const expected = '1 to 100 letters, digits, - or _';
  return check.text(value, path, expected, (text) => text.length <= 100 && WORD.test(text));
}

function readName(check: ProblemCollector, given: unknown, id: string): string {
  const expected = '3 to 100 letters, digits, - or _';
  const accepts = (text: string) => text.length >= 3 && text.length <= 100 && WORD.test(text);
  if (given !== undefined) return check.text(given, 'name', expected, accepts);
  // A bad id has been refused already; a good one may still be too short to serve as the name.
  if (id !== '' && !accepts(id)) check.refuse('name', `${expected}; the id is too short to be the name`, given);
  return id;
}

function readConfig(check: ProblemCollector, spec: Mapping): PipelineConfig {
  const timer = (key: string, fallback: number) =>
    check.integer(own(spec, key), key, { min: 1, max: MAX_TIMER_MS, fallback });
  const deadLetter = own(spec, 'deadLetter');
  const config: PipelineConfig = {
    source: readSource(check, own(spec, 'source')),
    transforms: readTransforms(check, own(spec, 'transforms')),
    sink: readSink(check, own(spec, 'sink'), 'sink'),
    ...(deadLetter === undefined ? {} : { deadLetter: readSink(check, deadLetter, 'deadLetter') }),
    retry: readRetry(check, own(spec, 'retry')),
    batchTimeoutMs: timer('batchTimeoutMs', DEFAULT_BATCH_TIMEOUT_MS),
    operationTimeoutMs: timer('operationTimeoutMs', DEFAULT_OPERATION_TIMEOUT_MS),
    onInterrupt: check.choice(own(spec, 'onInterrupt'), 'onInterrupt', ['finish', 'abort'], 'finish'),
  };
  const given = own(spec, 'slo');
  const slo = given === undefined ? undefined : readSlo(check, given, 'slo', config.batchTimeoutMs);
  return slo === undefined ? config : { ...config, slo };
}

function readType(check: ProblemCollector, mapping: Mapping, path: string): string {
  return check.text(own(mapping, 'type'), joinPath(path, 'type'), 'a non-empty type name', isFilled);
}

function readConnectionString(check: ProblemCollector, value: unknown, path: string): string {
  return check.text(value, joinPath(path, 'connectionString'), 'a non-empty text', isFilled);
}

function readSource(check: ProblemCollector, value: unknown): SourceSpec {
  const source = check.mapping(value, 'source', SOURCE_KEYS) ?? {};
  const isRead = isMapping(value);
  const type = isRead ? readType(check, source, 'source') : '';
  const connectionString = own(source, 'connectionString');
  const at = (key: string) => [own(source, key), joinPath('source', key)] as const;
  return {
    type,
    // Callers send the batches of a push source: there is nothing to connect to.
    connectionString:
      !isRead || (type === 'push' && connectionString === undefined)
        ? 'push'
        : readConnectionString(check, connectionString, 'source'),
    batchSize: check.integer(...at('batchSize'), { min: 1, fallback: DEFAULT_BATCH_SIZE }),
    pollIntervalMs: check.integer(...at('pollIntervalMs'), { min: 0, max: MAX_POLL_INTERVAL_MS, fallback: 0 }),
    options: check.jsonMapping(...at('options')),
  };
}

function readSink(check: ProblemCollector, value: unknown, path: string): SinkSpec {
  const sink = check.mapping(value, path, SINK_KEYS) ?? {};
  const isRead = isMapping(value);
  return {
    type: isRead ? readType(check, sink, path) : '',
    connectionString: isRead ? readConnectionString(check, own(sink, 'connectionString'), path) : '',
    batchSize: check.integer(own(sink, 'batchSize'), joinPath(path, 'batchSize'), {
      min: 1,
      max: MAX_BATCH_RECORDS,
      fallback: DEFAULT_BATCH_SIZE,
    }),
    options: check.jsonMapping(own(sink, 'options'), joinPath(path, 'options')),
  };
}

function readTransforms(check: ProblemCollector, value: unknown): TransformSpec[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > MAX_TRANSFORMS) {
    check.refuse('transforms', `a list of at most ${MAX_TRANSFORMS} transforms`, value);
    return [];
  }
  return Array.from(value, (item: unknown, index) => {
    const path = joinPath('transforms', index);
    const transform = check.mapping(item, path, TRANSFORM_KEYS);
    return {
      type: transform === undefined ? '' : readType(check, transform, path),
      config: transform === undefined ? {} : check.jsonMapping(own(transform, 'config'), joinPath(path, 'config')),
    };
  });
}

function readRetry(check: ProblemCollector, value: unknown): RetryPolicy {
  if (value === undefined) return DEFAULT_RETRY;
  const retry = check.mapping(value, 'retry', RETRY_KEYS);
  if (retry === undefined) return DEFAULT_RETRY;
  const integer = (key: 'maxRetries' | 'initialMs' | 'maxMs', max: number, fallback = DEFAULT_RETRY[key]) =>
    check.integer(own(retry, key), joinPath('retry', key), { min: 0, max, fallback });
  const maxRetries = integer('maxRetries', MAX_RETRIES);
  const initialMs = integer('initialMs', MAX_TIMER_MS);
  const maxMs = integer('maxMs', MAX_TIMER_MS, Math.max(DEFAULT_RETRY.maxMs, initialMs));
  if (maxMs < initialMs) check.refuse('retry.maxMs', `at least retry.initialMs (${initialMs})`, maxMs);
  const { jitter = DEFAULT_RETRY.jitter } = { jitter: own(retry, 'jitter') };
  if (typeof jitter === 'number' && jitter >= 0 && jitter <= 1)
    return { maxRetries, initialMs, maxMs, jitter: jitter + 0 };
  check.refuse('retry.jitter', 'a number from 0 to 1', jitter);
  return DEFAULT_RETRY;
}

export interface BatchInput {
  readonly batchId: unknown;
  readonly records: unknown;
  readonly sourceOffset: unknown;
}

/** The problems of a batch that someone wants to ingest; none when it is good. */
export function validateBatch(batch: BatchInput): Problem[] {
  const check = new ProblemCollector();
  check.text(batch.batchId, 'batchId', 'a non-empty text', isFilled);
  const { records, sourceOffset } = batch;
  if (!Array.isArray(records) || records.length < 1 || records.length > MAX_BATCH_RECORDS) {
    check.refuse('records', `a list of 1 to ${MAX_BATCH_RECORDS} records`, records);
  }
  checkOffset(check, sourceOffset, 'sourceOffset');
  return check.problems;
}

/** An offset is a count of records, or a text that only the source understands. */
export function validateOffset(offset: unknown, path = 'offset'): Problem[] {
  const check = new ProblemCollector();
  checkOffset(check, offset, path);
  return check.problems;
}

function checkOffset(check: ProblemCollector, offset: unknown, path: string): void {
  if (typeof offset === 'string' ? offset !== '' : Number.isSafeInteger(offset) && (offset as number) >= 0) return;
  check.refuse(path, 'an integer of at least 0 or a non-empty text', offset);
}

/** The problems of an error that someone reports about a pipeline. `errorType`, `retryable`, `stackTrace` may be absent. */
export function validateError(error: unknown): Problem[] {
  const check = new ProblemCollector();
  if (typeof error !== 'object' || error === null || Array.isArray(error)) {
    check.refuse('', 'an error with code and message', error);
    return check.problems;
  }
  // Not `own`: an Error of a library may inherit what it says.
  const { code, message, errorType, retryable, stackTrace } = error as Mapping;
  check.text(code, 'code', 'a non-empty text', isFilled);
  check.text(message, 'message', 'a non-empty text', isFilled);
  if (errorType !== undefined) check.choice(errorType, 'errorType', ERROR_TYPES, 'system');
  if (retryable !== undefined && typeof retryable !== 'boolean') check.refuse('retryable', 'true or false', retryable);
  if (stackTrace !== undefined) check.text(stackTrace, 'stackTrace', 'a text', () => true);
  return check.problems;
}

function isFilled(text: string): boolean {
  return text.trim() !== '';
}
