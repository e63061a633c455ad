import type { Json } from '../domain/json.ts';
import type { SinkSpec, SourceSpec } from '../domain/spec.ts';
import type { Checkpoint, Offset } from '../domain/state.ts';

/** A record that never became one: a malformed or oversized line. It counts as failed and is dead-lettered. */
export interface RejectedRecord {
  readonly code: string;
  readonly message: string;
  /** 1-based line in the source. */
  readonly line?: number;
  /** The raw text, cut to a readable length. */
  readonly raw?: string;
}

export interface SourceBatch {
  readonly records: readonly unknown[];
  readonly rejected?: readonly RejectedRecord[];
  /** The offset after this batch; default: the start plus the number of records and rejects. */
  readonly nextOffset?: Offset;
  /** The source's own position after this batch; comes back in `checkpoint.source`. */
  readonly position?: Json;
  /** Records not read yet, where the source knows. */
  readonly lagRecords?: number;
  /** Same unit for both, for instance bytes; for the progress display. */
  readonly progress?: { readonly done: number; readonly total: number };
}

export interface SourceContext {
  readonly pipelineId: string;
  readonly spec: SourceSpec;
  /** Records a batch, 1..10,000. */
  readonly batchSize: number;
  /** Aborted when the pipeline leaves the running state: end the iteration soon. */
  readonly signal: AbortSignal;
}

/**
 * PORT: a source. `read` yields batches from the checkpoint on; for the same checkpoint and data it yields the same
 * batches, since batch ids are derived from offsets. It ends when the source is exhausted. Errors it throws fail or
 * retry the pipeline by their code.
 */
export interface Source {
  read(checkpoint: Checkpoint, context: SourceContext): AsyncIterable<SourceBatch>;
}

export interface RecordMetadata {
  readonly pipelineId: string;
  readonly batchId: string;
  readonly attempt: number;
  /** The record's own offset where the batch has a numeric one, else null. */
  readonly offset: number | null;
}

/** One record in; none (undefined), one or several out. A throw refuses that record alone. */
export type TransformResult = unknown;
export interface Transform {
  apply(record: unknown, metadata: RecordMetadata): TransformResult | Promise<TransformResult>;
}

/**
 * The right to run a pipeline, where several processes share the journal. One actor holds one lease as long as it lives.
 * A process that was frozen past its lease may go on writing when it wakes, so a sink that keeps somebody else's data
 * apart from its own refuses what comes under an older lease.
 */
export interface SinkLease {
  /**
   * From 1 on; grows with each change of the pipeline's owner. A sink that remembers the highest (epoch, sequence) it
   * has seen of a pipelineId refuses writes with a lower one.
   */
  readonly epoch: number;
  /**
   * The epoch of the last owner that took the pipeline over from one that had not let go of it (its lease had expired)
   * and so may still write; 0 when that never happened. Stays as it is when the pipeline is handed over cleanly later:
   * whatever was written under a lower epoch may still be in the hands of somebody who wakes up.
   */
  readonly takeoverEpoch: number;
}

export interface SinkOpenContext {
  readonly pipelineId: string;
  readonly spec: SinkSpec;
  /** What this sink returned as `committed` with the last durable batch; undefined before the first. */
  readonly committed: Json | undefined;
  /** True when this pipeline has never started a batch, so nothing that is there can be its own. */
  readonly fresh: boolean;
  /** Undefined where one process owns the journal. */
  readonly lease?: SinkLease | undefined;
  readonly signal: AbortSignal;
}

export interface WriteContext {
  readonly pipelineId: string;
  readonly batchId: string;
  readonly attempt: number;
  /** As in SinkOpenContext: whatever lies beyond it was never committed and must be overwritten. */
  readonly committed: Json | undefined;
  /**
   * The sequence number of the journal's BatchIngested event that this work began with. The same for every write and
   * every attempt of it, dead letters included. A batch that runs again in another process, or after a restart, was
   * ingested again and has a higher one under the same batchId. Never decreases for a pipeline, not under any lease.
   */
  readonly sequence: number;
  /** As in SinkOpenContext. */
  readonly lease?: SinkLease | undefined;
  /** Aborted on timeout and on an aborting stop: write nothing after it. */
  readonly signal: AbortSignal;
}

export interface WriteResult {
  /** The sink's position once this write is committed; kept in the checkpoint. */
  readonly committed?: Json;
  /** Records of this write that the sink refuses, by index. */
  readonly rejected?: readonly { readonly index: number; readonly code: string; readonly message: string }[];
}

/**
 * PORT: a sink. `write` resolves when the records are as durable as the sink promises. One write at a time.
 * A batch may be written again after a failure or a crash, with the same `batchId` and `committed`.
 */
export interface Sink {
  open?(context: SinkOpenContext): Promise<void> | void;
  write(
    records: readonly unknown[],
    context: WriteContext,
    // biome-ignore lint/suspicious/noConfusingVoidType: a user's sink may simply return nothing.
  ): Promise<WriteResult | void> | WriteResult | void;
  close?(): Promise<void> | void;
}

/** What a pipeline runs with, made anew each time it starts. */
export interface PipelineConnectors {
  readonly source: Source | undefined;
  readonly transforms: readonly Transform[];
  readonly sink: Sink;
  readonly deadLetter: Sink | undefined;
}
