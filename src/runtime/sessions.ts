/**
 * The session of a pipeline from one to the next: what a durable event sets going or ends outside the journal.
 * Owns which session is current. Does not own what a session holds, nor any decision.
 *
 * R1. There is a session exactly while the durable state is `running` and the actor takes commands.
 * R2. A batch that was begun without a session is answered at once, so that its sender never waits for nobody.
 */
import type { PipelineCommand } from '../domain/command.ts';
import type { PipelineState } from '../domain/state.ts';
import { batchAbandoned, pipelineFailed } from './actor-errors.ts';
import type { Attempts } from './attempts.ts';
import type { SinkLease, SourceBatch } from './connector.ts';
import type { ActorEnvironment } from './environment.ts';
import type { BatchPayload } from './mailbox.ts';
import type { Step } from './running.ts';
import { Session } from './session.ts';

export interface SessionsHost {
  readonly key: string;
  readonly environment: ActorEnvironment;
  /** The actor's, for as long as it lives. */
  readonly lease: SinkLease | undefined;
  /** The durable state. */
  state(): PipelineState;
  takesCommands(): boolean;
  /** Sends a command of the runtime itself. */
  enqueue(command: PipelineCommand, payload?: BatchPayload): Promise<unknown>;
  batchOffered(batch: SourceBatch): void;
}

export class Sessions {
  readonly #host: SessionsHost;
  #current: Session | undefined;
  #closed: Promise<void> = Promise.resolve();
  /** As it was told. */
  #lagRecords: number | undefined;

  constructor(host: SessionsHost) {
    this.#host = host;
  }

  /** The work on the active batch, while there is a session. */
  get attempts(): Attempts | undefined {
    return this.#current?.attempts;
  }

  get working(): boolean {
    return this.#current?.attempts.phase === 'working';
  }

  stopReading(): void {
    this.#current?.stopReading();
  }

  /** Aborts the attempt in progress where the pipeline's configuration wants that of a pause or a stop. */
  interruptIfAsked(): void {
    const state = this.#host.state();
    if (state.status === 'running' && state.config.onInterrupt === 'abort') this.attempts?.interrupt();
  }

  /** After recovery. */
  openIfNeeded(): void {
    if (this.#current === undefined) this.#open();
  }

  /** What tells of a batch is told in the context of its sender: a measurement then belongs to the sender's trace. */
  inSenderContext({ event }: Step, tell: () => void): void {
    if ('batchId' in event && this.attempts !== undefined) this.attempts.inContextOf(event.batchId, tell);
    else tell();
  }

  /** `sequence`: the number of the step's event in the journal. */
  act({ event, after, envelope }: Step, sequence: number): void {
    switch (event.type) {
      case 'PipelineStarted':
      case 'PipelineResumed':
        this.#open();
        break;
      case 'BatchIngested':
        if (envelope.payload !== undefined && after.status === 'running' && this.#current !== undefined) {
          this.#current.attempts.begin(envelope.payload, sequence, envelope, after.checkpoint);
        } else {
          envelope.reject(batchAbandoned(event.batchId, 'the pipeline does not work on it'));
        }
        break;
      case 'BatchProcessed': {
        const { batchId, successCount, failureCount, processingTimeMs } = event;
        const batch = { batchId, successCount, failureCount, processingTimeMs, duplicate: false };
        this.attempts?.complete()?.resolve({ state: this.#host.state(), batch });
        break;
      }
      case 'RetryScheduled': {
        const attempt = after.status === 'running' ? (after.activeBatch?.attempt ?? 1) : 1;
        this.#current?.retryAfter(event.backoffMs, attempt);
        break;
      }
      case 'PipelinePaused':
        void this.close('the pipeline was paused');
        break;
      case 'PipelineStopped':
        void this.close('the pipeline was stopped');
        break;
      case 'PipelineFailed':
        void this.close(pipelineFailed(this.#host.key, event.error.code, event.error.message));
        break;
    }
  }

  /** Resolves when nothing of any session is left. `graceMs`: see Session.close. */
  close(reason: string | Error, graceMs?: number): Promise<void> {
    const session = this.#current;
    this.#current = undefined;
    // Nobody reads the source any more, and so nobody knows.
    this.#tellLag(undefined);
    if (session !== undefined) this.#closed = session.close(reason, graceMs);
    return this.#closed;
  }

  #open(): void {
    const { key, environment, lease, enqueue } = this.#host;
    const state = this.#host.state();
    if (state.status !== 'running' || !this.#host.takesCommands()) return;
    const { clock, limits, recorder, connect, warn } = environment;
    // Refusals of a late outcome are of no interest to anyone.
    const post = (command: PipelineCommand): void => void enqueue(command).catch(() => {});
    const session = new Session(
      {
        pipelineId: key,
        lease,
        clock,
        prefetch: limits.prefetchBatches,
        connect: (config, signal) => connect(key, config, signal),
        checkpoint: () => {
          const now = this.#host.state();
          return now.status === 'empty' ? state.checkpoint : now.checkpoint;
        },
        post,
        ingest: (payload) => {
          const { batchId, records, rejected, sourceOffset } = payload;
          const recordCount = records.length + rejected.length;
          return enqueue({ type: 'IngestBatch', batchId, recordCount, sourceOffset }, payload);
        },
        interrupted: () => post({ type: 'GetState' }),
        inflight: (count) => recorder.batchesInflight(key, count),
        batchOffered: (batch) => {
          if (this.#current === session) this.#tellLag(batch.lagRecords);
          this.#host.batchOffered(batch);
        },
        warn,
      },
      state,
      this.#closed,
    );
    this.#current = session;
    void session.start();
  }

  #tellLag(records: number | undefined): void {
    if (records === this.#lagRecords) return;
    this.#lagRecords = records;
    this.#host.environment.recorder.sourceLag(this.#host.key, records);
  }
}
