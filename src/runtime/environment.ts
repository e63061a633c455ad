import type { PipelineConfig } from '../domain/spec.ts';
import type { PipelineRecorder } from '../metrics/recorder.ts';
import type { ActorObserver } from './actor-observer.ts';
import type { Clock } from './clock.ts';
import type { PipelineConnectors, SinkLease, SourceBatch } from './connector.ts';
import type { Journal } from './journal.ts';
import type { NactSystem } from './nact-adapter.ts';
import type { Step } from './running.ts';
import type { SnapshotPolicy } from './snapshots.ts';

export interface RuntimeLimits {
  /** Commands that may wait for one pipeline. */
  readonly mailboxLimit: number;
  /** Batches read ahead of the one in progress. */
  readonly prefetchBatches: number;
  readonly snapshots: SnapshotPolicy;
}

export interface ActorEnvironment {
  readonly system: NactSystem;
  readonly journal: Journal;
  readonly clock: Clock;
  random(): number;
  readonly recorder: PipelineRecorder;
  /** Told of the actors themselves, where their metrics are on. */
  readonly observer?: ActorObserver | undefined;
  readonly limits: RuntimeLimits;
  /**
   * Makes the connectors of a pipeline. Waits for what only a caller can give (code, secrets); rejects with what it
   * finds wrong, and when the signal is aborted.
   */
  connect(pipelineId: string, config: PipelineConfig, signal: AbortSignal): Promise<PipelineConnectors>;
  /**
   * The lease under which an actor that is made now runs; asked once for each actor, which keeps the answer for its
   * life. Undefined, or left out: one process owns the journal.
   */
  leaseOf?(pipelineId: string): SinkLease | undefined;
  warn(message: string, error: unknown): void;
  /** A command could not be taken. */
  deadLetter(): void;
}

export interface PipelineListener {
  /** A durable event and the state after it. */
  changed?(step: Pick<Step, 'event' | 'before' | 'after'>): void;
  batchOffered?(batch: SourceBatch): void;
  /** The actor takes no more commands; nothing follows. */
  ended?(reason: Error): void;
}
