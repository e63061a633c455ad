import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectorRegistry } from '../../../../src/connectors/registry.ts';
import type { Json } from '../../../../src/domain/json.ts';
import type { PipelineConfig, SinkSpec, SourceSpec, TransformSpec } from '../../../../src/domain/spec.ts';
import type { Checkpoint } from '../../../../src/domain/state.ts';
import type { Sink, Source, SourceBatch, WriteResult } from '../../../../src/runtime/connector.ts';

export interface Folder {
  path(name: string): string;
  write(name: string, content: string | Uint8Array): string;
  remove(): void;
}

export function temporaryFolder(): Folder {
  const root = mkdtempSync(join(tmpdir(), 'dataflow-connectors-'));
  const path = (name: string) => join(root, name);
  return {
    path,
    write(name, content) {
      writeFileSync(path(name), content);
      return path(name);
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

export const START: Checkpoint = { offset: 0, timestamp: null, recordsProcessed: 0 };
export const NEVER = new AbortController().signal;
export const METADATA = { pipelineId: 'p', batchId: 'p:0', attempt: 1, offset: 0 };

export function sourceSpec(connectionString: string, options: SourceSpec['options'] = {}, type = 'file'): SourceSpec {
  return { type, connectionString, batchSize: 500, pollIntervalMs: 0, options };
}

export function sinkSpec(connectionString: string, options: SinkSpec['options'] = {}, type = 'file'): SinkSpec {
  return { type, connectionString, batchSize: 500, options };
}

export function pipelineConfig(
  source: SourceSpec,
  sink: SinkSpec,
  transforms: readonly TransformSpec[] = [],
  deadLetter?: SinkSpec,
): PipelineConfig {
  return {
    source,
    sink,
    transforms,
    ...(deadLetter && { deadLetter }),
    retry: { maxRetries: 1, initialMs: 1, maxMs: 1, jitter: 0 },
    batchTimeoutMs: 1_000,
    operationTimeoutMs: 1_000,
    onInterrupt: 'finish',
  };
}

export function transformOf(registry: ConnectorRegistry, type: string, config: TransformSpec['config']) {
  const made = registry.create(
    pipelineConfig(sourceSpec('in', {}, 'push'), sinkSpec('out', {}, 'null'), [{ type, config }]),
  );
  return (record: unknown) => made.transforms[0]!.apply(record, METADATA);
}

export async function readAll(
  source: Source,
  { checkpoint = START, batchSize = 500, signal = NEVER } = {},
): Promise<SourceBatch[]> {
  const batches: SourceBatch[] = [];
  const context = { pipelineId: 'p', spec: sourceSpec('x'), batchSize, signal };
  for await (const batch of source.read(checkpoint, context)) batches.push(batch);
  return batches;
}

export function recordsOf(batches: readonly SourceBatch[]): unknown[] {
  return batches.flatMap((batch) => batch.records);
}

export function rejectedOf(batches: readonly SourceBatch[]) {
  return batches.flatMap((batch) => batch.rejected ?? []);
}

export async function openSink(
  sink: Sink,
  committed?: Json,
  fresh = committed === undefined,
  signal = NEVER,
): Promise<void> {
  await sink.open?.({ pipelineId: 'p', spec: sinkSpec('x'), committed, fresh, signal });
}

export async function writeTo(
  sink: Sink,
  records: readonly unknown[],
  committed?: Json,
  signal = NEVER,
): Promise<WriteResult> {
  const context = { pipelineId: 'p', batchId: 'p:0', attempt: 1, committed, sequence: 3, signal };
  return (await sink.write(records, context)) ?? {};
}

/** The error that a promise rejects with; fails when it resolves. */
export async function failureOf(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await promise;
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error('expected a rejection');
}
