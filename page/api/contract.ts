/**
 * The shapes of the status server's JSON API as the page reads them. Times are ISO 8601 in UTC, a number that is not
 * known is null.
 */
export const PIPELINE_STATES = ['configured', 'running', 'paused', 'stopped', 'failed'] as const;

export type State = (typeof PIPELINE_STATES)[number];
export type Counts = Readonly<Record<State, number>>;
export type Health = 'Healthy' | 'Degraded' | 'Critical' | 'Idle';
export type Action = 'start' | 'stop' | 'pause' | 'resume' | 'reset' | 'remove' | 'updateConfig';

export interface PipelineSummary {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly state: State;
  readonly sourceType: string | null;
  readonly sinkType: string | null;
  readonly recordsProcessed: number;
  readonly recordsFailed: number;
  readonly batchesProcessed: number;
  readonly batchesFailed: number | null;
  readonly retries: number | null;
  readonly timeouts: number | null;
  readonly deadLettered: number | null;
  readonly throughputPerSecond: number | null;
  readonly averageProcessingTimeMs: number | null;
  readonly p95Ms: number | null;
  readonly checkpointOffset: number | string | null;
  readonly checkpointAt: string | null;
  readonly lastBatchAt: string | null;
  readonly lagRecords: number | null;
  readonly batchInFlight: boolean;
  readonly lastError: { readonly code: string; readonly message: string; readonly at: string | null } | null;
  /** When the state changed last. */
  readonly since: string | null;
  /** Records per second, one value a minute, the newest last. */
  readonly history: readonly (number | null)[];
}

export interface PipelineDetail extends PipelineSummary {
  /** The specification with its secrets hidden. */
  readonly spec: unknown;
  readonly reason: string | null;
  readonly retryCount: number;
  readonly startedAt: string | null;
  readonly sequenceNumber: number;
  readonly allowedActions: readonly Action[];
}

export interface PipelineList {
  readonly pipelines: readonly PipelineSummary[];
  readonly total: number;
  readonly counts: Counts;
  readonly health: Health;
  readonly serverTime: string;
}

/** A table of columns over `times` (s since the epoch). */
export interface History {
  readonly intervalSeconds: number;
  readonly times: readonly number[];
  readonly [column: string]: readonly (number | null)[] | number;
}

export interface Tick {
  readonly pipelines: readonly PipelineSummary[];
  readonly removed: readonly string[];
  readonly counts: Counts;
  readonly health: Health;
  readonly point: { readonly time: number; readonly [column: string]: number | null } | null;
}

export interface ActionNotice {
  readonly time: string;
  readonly action: string;
  readonly pipelineId: string;
  readonly outcome: string;
}

export interface Hello {
  readonly version: string;
  readonly nodeVersion: string;
  readonly startedAt: string;
  readonly serverTime: string;
}

export interface JournalEvent {
  readonly sequenceNumber: number;
  readonly type: string;
  readonly timestamp: string;
  readonly event: unknown;
}

export interface EventPage {
  readonly events: readonly JournalEvent[];
  readonly highestSequenceNumber: number;
  /** What `from` is for the next page; null at the end. */
  readonly next: number | null;
}

export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly value: number | null;
  readonly histogram?: {
    readonly count: number;
    readonly sum: number;
    /** Cumulative. */
    readonly buckets: readonly { readonly le: number | '+Inf'; readonly count: number }[];
  };
}

export interface Instrument {
  readonly name: string;
  readonly family: string;
  readonly kind: string;
  readonly unit: string;
  readonly help: string;
  readonly seriesCount: number;
  readonly series: readonly Series[];
}

export interface InstrumentName {
  readonly instrument: string;
  readonly family: string;
  readonly kind: string;
  readonly unit: string;
  readonly attributes: readonly string[];
  readonly help: string;
  readonly seriesCount: number;
}

export interface Setting {
  readonly path: string;
  readonly value: unknown;
  readonly default: unknown;
  readonly source: 'default' | 'file' | 'environment' | 'code';
  readonly environment: readonly string[];
  readonly description: string;
}

export interface Module {
  readonly name: string;
  readonly kind: string;
  readonly enabled: boolean;
  readonly description: string;
  readonly state: string;
}

export interface Instrumentation {
  readonly name: string;
  readonly version: string | null;
  readonly active: boolean;
  readonly description: string;
}

export interface ClusterNode {
  readonly node: string;
  readonly address: string | null;
  readonly pipelines: number;
  readonly self: boolean;
  readonly state: string;
}

export interface ApiProblem {
  readonly error: string;
  readonly code: string;
  readonly message: string;
  readonly details: readonly { readonly path: string; readonly expected: string; readonly got: string }[] | null;
  readonly timestamp: string;
}
