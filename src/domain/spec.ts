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

/** The share of attempts of batches that succeed. */
export interface SuccessObjective {
  /** Between 0 and 1, both excluded. */
  readonly target: number;
}

/** The share of batches that are processed in time; an attempt that ran into the batch timeout was not. */
export interface LatencyObjective {
  readonly target: number;
  /** ms; a boundary of the histogram `dataflow_batch_duration_seconds`, at most `batchTimeoutMs`. */
  readonly underMs: number;
}

/** The share of the time, while the pipeline runs or has failed, in which its last batch is recent enough. */
export interface FreshnessObjective {
  readonly target: number;
  /** ms since the last batch, 60,000..604,800,000. */
  readonly withinMs: number;
}

/** What a pipeline promises: at least one objective. */
export interface SloSpec {
  readonly success?: SuccessObjective;
  readonly latency?: LatencyObjective;
  readonly freshness?: FreshnessObjective;
  /** The time over which the promise holds, in days: `7d` to `366d`. */
  readonly window: string;
}

/** As it is written: an absent window is 30 days. */
export type SloInput = Omit<SloSpec, 'window'> & Partial<Pick<SloSpec, 'window'>>;

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
  readonly slo?: SloSpec;
}

export interface PipelineDefinition {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly config: PipelineConfig;
}
