/**
 * Sources, transforms and sinks that are code. The journal holds a mark in their place (`type: code`), and the code
 * itself is attached by the process that spawns the pipeline.
 */
import type { SourceLike } from '../connectors/user-code.ts';
import type { Json } from '../domain/json.ts';
import type { RetryPolicy, SloInput } from '../domain/spec.ts';
import type { RecordMetadata, Sink, Transform } from '../runtime/connector.ts';

export const CODE_TYPE = 'code';

interface Declared {
  readonly type: string;
  readonly connectionString?: string;
  readonly batchSize?: number;
  readonly options?: { readonly [key: string]: Json };
}

/** An iterable is read from its start each time it is opened, and records before the checkpoint are skipped. */
export type CodeSource = SourceLike & { readonly batchSize?: number; readonly pollIntervalMs?: number };
export type CodeTransform =
  // biome-ignore lint/suspicious/noExplicitAny: a user names the shape of their own records here.
  ((record: any, metadata: RecordMetadata) => unknown) | Transform;
export type CodeSink = Sink & { readonly batchSize?: number };

export type SourceInput = (Declared & { readonly pollIntervalMs?: number }) | CodeSource;
export type TransformInput =
  | { readonly type: string; readonly config?: { readonly [key: string]: Json } }
  | CodeTransform;
export type SinkInput = (Declared & { readonly connectionString: string }) | CodeSink;

/** What `spawnPipeline` takes. Every absent field gets its default. */
export interface PipelineSpec {
  /** 1 to 100 letters, digits, `-` or `_`. */
  readonly id: string;
  /** Default: the id. */
  readonly name?: string;
  readonly description?: string;
  /** Default: `push`, callers send the batches with `ingest`. */
  readonly source?: SourceInput;
  readonly transforms?: readonly TransformInput[];
  readonly sink: SinkInput;
  readonly deadLetter?: SinkInput;
  readonly retry?: Partial<RetryPolicy>;
  readonly batchTimeoutMs?: number;
  readonly operationTimeoutMs?: number;
  readonly onInterrupt?: 'finish' | 'abort';
  /** What `generateSloFiles` and `dataflow slo generate` make rules and alerts of; `window` is 30d by default. */
  readonly slo?: SloInput;
}

export interface CodeParts {
  readonly source?: CodeSource;
  readonly transforms: readonly (CodeTransform | undefined)[];
  readonly sink?: CodeSink;
  readonly deadLetter?: CodeSink;
}

/** The specification with a mark for each part that is code, and the code. Whatever is neither stays as it is. */
export function separateCode(input: unknown): { readonly plain: unknown; readonly code: CodeParts } {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    return { plain: input, code: { transforms: [] } };
  const spec = { source: { type: 'push' }, ...input } as Record<string, unknown>;
  const { source, transforms, sink, deadLetter } = spec;
  const plain = { ...spec };
  for (const key of Object.keys(plain)) if (plain[key] === undefined) delete plain[key];
  if (isCodeSource(source)) plain.source = mark(source, ['batchSize', 'pollIntervalMs']);
  if (isCodeSink(sink)) plain.sink = mark(sink, ['batchSize']);
  if (isCodeSink(deadLetter)) plain.deadLetter = mark(deadLetter, ['batchSize']);
  if (Array.isArray(transforms)) {
    plain.transforms = transforms.map((transform: unknown) =>
      isCodeTransform(transform) ? { type: CODE_TYPE, config: { name: nameOf(transform) } } : transform,
    );
  }
  return {
    plain,
    code: {
      ...(isCodeSource(source) && { source }),
      transforms: Array.isArray(transforms) ? transforms.map((item) => (isCodeTransform(item) ? item : undefined)) : [],
      ...(isCodeSink(sink) && { sink }),
      ...(isCodeSink(deadLetter) && { deadLetter }),
    },
  };
}

function mark(part: object, keys: readonly string[]): Record<string, unknown> {
  const plain: Record<string, unknown> = { type: CODE_TYPE, connectionString: CODE_TYPE };
  for (const key of keys) if (key in part) plain[key] = (part as Record<string, unknown>)[key];
  return plain;
}

function isCodeSource(value: unknown): value is CodeSource {
  if (typeof value !== 'object' || value === null) return false;
  return (
    Symbol.asyncIterator in value || Symbol.iterator in value || hasMethod(value, 'open') || hasMethod(value, 'read')
  );
}

function isCodeTransform(value: unknown): value is CodeTransform {
  return typeof value === 'function' || hasMethod(value, 'apply');
}

function isCodeSink(value: unknown): value is CodeSink {
  return hasMethod(value, 'write');
}

function hasMethod(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && typeof (value as Record<string, unknown>)[name] === 'function';
}

function nameOf(transform: CodeTransform): string {
  return typeof transform === 'function' && transform.name !== '' ? transform.name : 'anonymous';
}
