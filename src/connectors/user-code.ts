import type { SinkSpec, SourceSpec, TransformSpec } from '../domain/spec.ts';
import { DataflowError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { RecordMetadata, Sink, Source, Transform } from '../runtime/connector.ts';
import { iterableSource, type OpenableSource } from './sources/iterable.ts';

/** What code may give as a source: a Source, `{ open(checkpoint, context) }`, or records to iterate. */
export type SourceLike = Source | OpenableSource | AsyncIterable<unknown> | Iterable<unknown>;
/** `(record, metadata) => record | undefined | record[]`, also async; undefined drops the record. */
export type TransformFunction = (record: unknown, metadata: RecordMetadata) => unknown;
export type TransformLike = Transform | TransformFunction;

export type SourceFactory = (spec: SourceSpec) => SourceLike;
export type TransformFactory = (config: TransformSpec['config']) => TransformLike;
export type SinkFactory = (spec: SinkSpec) => Sink;

/** @throws DataflowError DATAFLOW_ERR_CONNECTOR_INVALID when the value is none of them. */
export function toSource(value: SourceLike, clock: Clock): Source {
  // An iterable comes first: a Node.js stream has methods named read and open as well, which mean something else.
  const isIterable = has(value, Symbol.asyncIterator) || has(value, Symbol.iterator);
  if (!isIterable && has(value, 'read')) return value as Source;
  if (isIterable || has(value, 'open')) {
    return iterableSource(value as OpenableSource | AsyncIterable<unknown> | Iterable<unknown>, clock);
  }
  throw notA('source', 'a Source with read(), an object with open(), or an iterable', value);
}

/** @throws DataflowError DATAFLOW_ERR_CONNECTOR_INVALID when the value is none of them. */
export function toTransform(value: TransformLike): Transform {
  if (typeof value === 'function') return { apply: value as TransformFunction };
  if (has(value, 'apply')) return value;
  throw notA('transform', 'a function or a Transform with apply()', value);
}

/** @throws DataflowError DATAFLOW_ERR_CONNECTOR_INVALID when the value has no write(). */
export function toSink(value: Sink): Sink {
  if (has(value, 'write')) return value;
  throw notA('sink', 'a Sink with write()', value);
}

function has(value: unknown, method: string | symbol): boolean {
  if (typeof value !== 'object' || value === null || !(method in value)) return false;
  return typeof (value as Record<string | symbol, unknown>)[method] === 'function';
}

function notA(kind: string, expected: string, value: unknown): DataflowError {
  const got = value === null ? 'null' : typeof value;
  return new DataflowError('DATAFLOW_ERR_CONNECTOR_INVALID', `The ${kind} must be ${expected}, but it is ${got}.`);
}
