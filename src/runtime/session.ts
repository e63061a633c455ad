/**
 * What exists while a pipeline runs: open connectors, the runner, the attempts. Made when the pipeline enters
 * `running` (or is recovered there), closed when it leaves. Owns every resource outside the journal; decides nothing.
 *
 * R1. Connectors are opened before they are used, once; an open that failed is tried again by the next use.
 * R2. A session opens its connectors only after the one before it has closed its own.
 * R3. After `close` nothing of the session runs, writes or holds the process.
 */

import type { PipelineCommand } from '../domain/command.ts';
import type { PipelineConfig } from '../domain/spec.ts';
import type { Checkpoint, RunningState } from '../domain/state.ts';
import { MAX_BATCH_RECORDS } from '../domain/validate.ts';
import { Attempts } from './attempts.ts';
import { type AttemptInput, type BatchOutcome, processBatch } from './batch-work.ts';
import type { Clock, Timer } from './clock.ts';
import type { PipelineConnectors, Sink, SinkLease, SourceBatch } from './connector.ts';
import type { BatchPayload } from './mailbox.ts';
import { AttemptError, toPipelineError } from './pipeline-error.ts';
import { Runner } from './runner.ts';

export interface SessionHost {
  readonly pipelineId: string;
  readonly lease: SinkLease | undefined;
  readonly clock: Clock;
  readonly prefetch: number;
  connect(config: PipelineConfig, signal: AbortSignal): Promise<PipelineConnectors>;
  /** The checkpoint of the durable state. */
  checkpoint(): Checkpoint;
  post(command: PipelineCommand): void;
  ingest(payload: BatchPayload): Promise<unknown>;
  interrupted(): void;
  inflight(count: number): void;
  batchOffered(batch: SourceBatch): void;
  warn(message: string, error: unknown): void;
}

export class Session {
  readonly attempts: Attempts;
  readonly #host: SessionHost;
  readonly #config: PipelineConfig;
  readonly #fresh: boolean;
  readonly #predecessor: Promise<void>;
  readonly #controller = new AbortController();
  #connectors: Promise<PipelineConnectors> | undefined;
  #runner: Runner | undefined;
  #restart: Timer | undefined;
  #startWithAttempt = false;
  #sourceFailed = false;
  #readingStopped = false;

  constructor(host: SessionHost, state: RunningState, predecessor: Promise<void>) {
    this.#host = host;
    this.#config = state.config;
    this.#fresh = !state.begun;
    this.#predecessor = predecessor;
    this.attempts = new Attempts({
      clock: host.clock,
      batchTimeoutMs: state.config.batchTimeoutMs,
      operationTimeoutMs: state.config.operationTimeoutMs,
      work: (input, signal) => this.#work(input, signal),
      report: (command) => {
        host.post(command);
        if (command.type === 'CompleteBatch') this.#runner?.workDone();
      },
      interrupted: () => host.interrupted(),
      inflight: (count) => host.inflight(count),
    });
  }

  /** Opens the connectors and begins to read the source; what goes wrong is reported to the actor. */
  async start(): Promise<void> {
    try {
      const { source } = await this.#open();
      if (this.#closed || this.#readingStopped || source === undefined) return;
      this.#sourceFailed = false;
      const { pipelineId } = this.#host;
      const { source: spec } = this.#config;
      const batchSize = Math.min(spec.batchSize, MAX_BATCH_RECORDS);
      const runner = new Runner(
        {
          clock: this.#host.clock,
          prefetch: this.#host.prefetch,
          ingest: (payload) => this.#host.ingest(payload),
          batchOffered: (batch) => this.#host.batchOffered(batch),
          sourceCompleted: () => this.#host.post({ type: 'StopPipeline', reason: 'source completed' }),
          sourceFailed: (error) => {
            this.#sourceFailed = true;
            this.#reportFailure(error, 'source');
          },
        },
        source,
        { pipelineId, spec, batchSize },
      );
      this.#runner = runner;
      runner.start(this.#host.checkpoint());
    } catch (error) {
      if (this.#closed) return;
      // A batch that waits for the same open reports the fault as its own; its next attempt starts the reading.
      if (this.attempts.phase === 'idle') this.#reportFailure(error, 'system');
      else this.#startWithAttempt = true;
    }
  }

  /** Another attempt after a pause: at the batch that is held, else at reading the source from the checkpoint. */
  retryAfter(delayMs: number, attempt: number): void {
    if (this.attempts.batchId === undefined) {
      this.#startAfter(delayMs);
      return;
    }
    // The batch that is held came from a caller while the source failed: reading goes on with its next attempt.
    if (this.#sourceFailed) this.#startWithAttempt = true;
    this.attempts.retryAfter(delayMs, attempt);
  }

  #startAfter(delayMs: number): void {
    if (this.#readingStopped) return;
    this.#runner?.stop();
    this.#restart?.cancel();
    this.#restart = this.#host.clock.setTimeout(() => void this.start(), delayMs);
  }

  /** Reads no further: the batch in progress may still finish. */
  stopReading(): void {
    this.#readingStopped = true;
    this.#restart?.cancel();
    this.#runner?.stop();
  }

  /**
   * Resolves when every connector has let go. With `graceMs` it resolves at the latest after twice that time; without
   * it, work that ignores its signal is waited for as long as config.operationTimeoutMs, and so is a sink's close.
   */
  async close(reason: string | Error, graceMs?: number): Promise<void> {
    this.stopReading();
    this.#controller.abort();
    await this.attempts.close(reason, graceMs ?? this.#config.operationTimeoutMs);
    const closed = this.#closeConnectors();
    if (graceMs === undefined) await closed;
    else await this.#inTime(closed, 'closing the connectors', graceMs).catch(() => {});
  }

  async #closeConnectors(): Promise<void> {
    const connectors = await this.#connectors?.catch(() => undefined);
    if (connectors === undefined) return;
    await Promise.all([this.#closeSink(connectors.sink), this.#closeSink(connectors.deadLetter)]);
  }

  get #closed(): boolean {
    return this.#controller.signal.aborted;
  }

  async #work(input: AttemptInput, signal: AbortSignal): Promise<BatchOutcome> {
    const connectors = await this.#open();
    signal.throwIfAborted();
    if (this.#startWithAttempt) {
      this.#startWithAttempt = false;
      void this.start();
    }
    const { pipelineId, lease } = this.#host;
    return processBatch({ ...input, pipelineId, lease, config: this.#config, connectors, signal });
  }

  #open(): Promise<PipelineConnectors> {
    if (this.#connectors === undefined) {
      this.#connectors = this.#openConnectors();
      this.#connectors.catch(() => {
        this.#connectors = undefined;
      });
    }
    return this.#connectors;
  }

  async #openConnectors(): Promise<PipelineConnectors> {
    await this.#predecessor;
    this.#controller.signal.throwIfAborted();
    const connectors = await this.#host.connect(this.#config, this.#controller.signal);
    const checkpoint = this.#host.checkpoint();
    const opened: Sink[] = [];
    try {
      await this.#openSink(connectors.sink, this.#config.sink, checkpoint.sink);
      opened.push(connectors.sink);
      if (connectors.deadLetter !== undefined && this.#config.deadLetter !== undefined) {
        await this.#openSink(connectors.deadLetter, this.#config.deadLetter, checkpoint.deadLetter);
      }
      return connectors;
    } catch (error) {
      for (const sink of opened) await this.#closeSink(sink);
      throw new AttemptError(error, 'sink');
    }
  }

  async #openSink(sink: Sink, spec: PipelineConfig['sink'], committed: Checkpoint['sink']): Promise<void> {
    if (sink.open === undefined) return;
    const attempt = new AbortController();
    const signal = AbortSignal.any([this.#controller.signal, attempt.signal]);
    const { pipelineId, lease } = this.#host;
    const context = { pipelineId, spec, committed, fresh: this.#fresh, lease, signal };
    try {
      await this.#inTime(sink.open(context), `opening the ${spec.type} sink`);
    } catch (error) {
      // Another sink is opened in its place: one that is late must not go on.
      attempt.abort(error);
      throw error;
    }
  }

  async #closeSink(sink: Sink | undefined): Promise<void> {
    try {
      if (sink?.close !== undefined) await this.#inTime(sink.close(), 'closing a sink');
    } catch (error) {
      this.#host.warn(`pipeline ${this.#host.pipelineId}: a sink did not close`, error);
    }
  }

  async #inTime(
    operation: Promise<void> | void,
    what: string,
    limitMs = this.#config.operationTimeoutMs,
  ): Promise<void> {
    let timer: Timer | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = this.#host.clock.setTimeout(() => {
        const message = `${what} of pipeline ${this.#host.pipelineId} took longer than ${limitMs} ms`;
        reject(Object.assign(new Error(message), { code: 'TIMEOUT' }));
      }, limitMs);
    });
    try {
      await Promise.race([operation, late]);
    } finally {
      timer?.cancel();
    }
  }

  #reportFailure(error: unknown, errorType: 'source' | 'system'): void {
    const failure = error instanceof AttemptError ? error.pipelineError : toPipelineError(error, errorType);
    this.#host.post({ type: 'ReportFailure', error: failure });
  }
}
