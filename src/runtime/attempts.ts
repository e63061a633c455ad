/**
 * The work on the active batch: its attempts, its timeout, the pause before a retry. Owns the records of the batch
 * and the promise of whoever sent it. Does not own the decision what follows: it reports an outcome and is told.
 *
 * R1. One attempt writes at a time: the next one waits until the one before has let go, or a grace period has passed.
 * R2. Each attempt reports one outcome at most: done, failed, timed out, or nothing where it was interrupted.
 * R3. A batch that is given up rejects its sender, so that nobody waits for ever.
 */
import type { PipelineCommand } from '../domain/command.ts';
import type { Checkpoint, PipelineError } from '../domain/state.ts';
import { DataflowError } from '../errors.ts';
import { batchAbandoned } from './actor-errors.ts';
import type { AttemptInput, BatchOutcome } from './batch-work.ts';
import type { Clock, Timer } from './clock.ts';
import type { BatchPayload, Envelope } from './mailbox.ts';
import { AttemptError, toPipelineError } from './pipeline-error.ts';

export interface AttemptsHost {
  readonly clock: Clock;
  /** Runs one attempt; rejects when it fails or its signal is aborted. */
  work(input: AttemptInput, signal: AbortSignal): Promise<BatchOutcome>;
  /** Sends the outcome to the actor. */
  report(command: PipelineCommand): void;
  /** The attempt was interrupted and has let go. */
  interrupted(): void;
  inflight(count: number): void;
  readonly batchTimeoutMs: number;
  readonly operationTimeoutMs: number;
}

interface Active {
  input: AttemptInput;
  readonly sender: Envelope;
}

interface Running {
  readonly controller: AbortController;
  readonly settled: Promise<void>;
  readonly timeout: Timer;
  reported: boolean;
}

/** `working` lasts until the actor has decided what follows from the outcome; `waiting` is the pause before a retry. */
export type AttemptsPhase = 'idle' | 'working' | 'waiting';

export class Attempts {
  readonly #host: AttemptsHost;
  #active: Active | undefined;
  #running: Running | undefined;
  #previous: Promise<void> = Promise.resolve();
  #retry: Timer | undefined;
  /** The attempt that waits until the one before has let go. */
  #starting: symbol | undefined;
  #phase: AttemptsPhase = 'idle';
  #closed = false;

  constructor(host: AttemptsHost) {
    this.#host = host;
  }

  /** The batch that is held here, whether it is being worked on or waits for its retry. */
  get batchId(): string | undefined {
    return this.#active?.input.payload.batchId;
  }

  get phase(): AttemptsPhase {
    return this.#phase;
  }

  /** Runs in the async context of whoever sent the batch, while it is held here; where it is called otherwise. */
  inContextOf<T>(batchId: string, work: () => T): T {
    const payload = this.#active?.input.payload;
    return payload?.batchId === batchId ? payload.runInContext(work) : work();
  }

  begin(payload: BatchPayload, sequence: number, sender: Envelope, checkpoint: Checkpoint): void {
    this.#abandon('another batch took its place');
    this.#active = { input: { payload, sequence, attempt: 1, checkpoint }, sender };
    this.#run();
  }

  retryAfter(delayMs: number, attempt: number): void {
    if (this.#active === undefined) return;
    this.#active.input = { ...this.#active.input, attempt };
    this.#cancelRetry();
    this.#stopRunning();
    this.#phase = 'waiting';
    this.#retry = this.#host.clock.setTimeout(() => this.#run(), delayMs);
  }

  /** The batch is done and durable. */
  complete(): Envelope | undefined {
    const sender = this.#active?.sender;
    this.#cancelRetry();
    this.#active = undefined;
    this.#phase = 'idle';
    return sender;
  }

  /** Aborts the attempt that runs or is about to; `interrupted` follows once nothing is written any more. */
  interrupt(): void {
    if (this.#running === undefined && this.#starting === undefined) return;
    this.#starting = undefined;
    this.#stopRunning();
    void this.#previous.then(() => {
      if (this.#phase === 'working' && this.#running === undefined && this.#starting === undefined)
        this.#phase = 'idle';
      this.#host.interrupted();
    });
  }

  /** Ends all work. Resolves when nothing is written any more, or the grace period has passed. */
  async close(reason: string | Error, graceMs: number): Promise<void> {
    this.#closed = true;
    this.#cancelRetry();
    this.#stopRunning(graceMs);
    this.#abandon(reason);
    await this.#previous;
  }

  #abandon(reason: string | Error): void {
    const active = this.#active;
    this.#active = undefined;
    this.#phase = 'idle';
    if (active === undefined) return;
    const { batchId } = active.input.payload;
    active.sender.reject(typeof reason === 'string' ? batchAbandoned(batchId, reason) : reason);
  }

  #cancelRetry(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    this.#starting = undefined;
  }

  #stopRunning(graceMs = this.#host.operationTimeoutMs): void {
    const running = this.#running;
    if (running === undefined) return;
    running.reported = true;
    this.#running = undefined;
    running.timeout.cancel();
    running.controller.abort(new DataflowError('DATAFLOW_ERR_BATCH_ABANDONED', 'the attempt was aborted'));
    this.#host.inflight(0);
    this.#previous = this.#letGo(running.settled, graceMs);
  }

  /** `settled`, or the end of the grace period: a connector that ignores its signal must not hold the pipeline. */
  #letGo(settled: Promise<void>, graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#host.clock.setTimeout(resolve, graceMs, { unref: true });
      void settled.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #run(): void {
    this.#retry = undefined;
    this.#phase = 'working';
    const starting = Symbol('starting');
    this.#starting = starting;
    void this.#previous.then(() => {
      if (this.#closed || this.#starting !== starting || this.#active === undefined) return;
      this.#starting = undefined;
      this.#start(this.#active.input);
    });
  }

  #start(input: AttemptInput): void {
    const { payload, checkpoint } = input;
    const { clock, batchTimeoutMs } = this.#host;
    const controller = new AbortController();
    const startedAt = clock.monotonic();
    let settle = (): void => {};
    const settled = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const timeout = clock.setTimeout(() => {
      if (running.reported) return;
      this.#stopRunning();
      this.#host.report({ type: 'BatchTimeout', batchId: payload.batchId });
    }, batchTimeoutMs);
    const running: Running = { controller, settled, timeout, reported: false };
    this.#running = running;
    this.#host.inflight(1);
    const finish = (command: () => PipelineCommand): void => {
      timeout.cancel();
      settle();
      if (running.reported) return;
      running.reported = true;
      this.#running = undefined;
      this.#host.inflight(0);
      this.#host.report(command());
    };
    payload
      .runInContext(() => this.#host.work(input, controller.signal))
      .then(
        (outcome) => finish(() => completion(payload, outcome, clock.monotonic() - startedAt, checkpoint)),
        (error) => finish(() => ({ type: 'FailBatch', batchId: payload.batchId, error: failure(error) })),
      );
  }
}

function failure(error: unknown): PipelineError {
  return error instanceof AttemptError ? error.pipelineError : toPipelineError(error, 'system');
}

function completion(
  payload: BatchPayload,
  outcome: BatchOutcome,
  elapsedMs: number,
  before: Checkpoint,
): PipelineCommand {
  const { sink, deadLetter } = outcome;
  const position = payload.position ?? before.source;
  return {
    type: 'CompleteBatch',
    batchId: payload.batchId,
    successCount: outcome.successCount,
    failureCount: outcome.failureCount,
    // A microsecond is as fine as the clock is worth.
    processingTimeMs: Math.round(elapsedMs * 1000) / 1000,
    deadLettered: outcome.deadLettered,
    progress: {
      offset: payload.nextOffset ?? before.offset,
      ...(position !== undefined && { source: position }),
      ...(sink !== undefined && { sink }),
      ...(deadLetter !== undefined && { deadLetter }),
    },
  };
}
