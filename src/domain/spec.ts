import type { Json } from './json.ts';

/** Where records come from. `type` names a registered source; `push` means that callers send batches. */
export interface SourceSpec {
  readonly type: string;
  readonly connectionString: string;
  /** Records a batch, ≥ 1; a batch never holds more than 10,000. */
  readonly batchSize: number;
  /** Pause between two batches in ms, 0..3,600,000; 0 = as fast as it goes. */
  readonly pollIntervalMs: number;
  readonly options: { readonly [key: string]: Json };
}

export interface TransformSpec {
  readonly type: string;
  readonly config: { readonly [key: string]: Json };
}

export interface SinkSpec {
  readonly type: string;
  readonly connectionString: string;
  /** Records a write, 1..10,000. */
  readonly batchSize: number;
  readonly options: { readonly [key: string]: Json };
}

/** delay before retry n (from 0) = min(maxMs, initialMs · 2^n), ± jitter as a share of it. */
export interface RetryPolicy {
  readonly maxRetries: number;
  readonly initialMs: number;
  readonly maxMs: number;
  /** 0..1 */
  readonly jitter: number;
}

/** What the journal holds of a pipeline's specification: complete, every default filled in. */
export interface PipelineConfig {
  readonly source: SourceSpec;
  readonly transforms: readonly TransformSpec[];
  readonly sink: SinkSpec;
  readonly deadLetter?: SinkSpec;
  readonly retry: RetryPolicy;
  /** ms for one attempt of a batch. */
  readonly batchTimeoutMs: number;
  /** ms for opening or closing a connector. */
  readonly operationTimeoutMs: number;
  /** What pause and stop do with the batch in progress. */
  readonly onInterrupt: 'finish' | 'abort';
}

export interface PipelineDefinition {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly config: PipelineConfig;
}
