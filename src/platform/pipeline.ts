import { AsyncResource } from 'node:async_hooks';
import type { PipelineCommand } from '../domain/command.ts';
import type { BatchResult, Offset, PipelineError, PipelineState } from '../domain/state.ts';
import { validateBatch, validateError } from '../domain/validate.ts';
import { DataflowError, describeProblem, type Problem } from '../errors.ts';
import { pipelineFailed } from '../runtime/actor-errors.ts';
import type { PipelineListener } from '../runtime/environment.ts';
import type { PipelineActor } from '../runtime/pipeline-actor.ts';
import { toPipelineError } from '../runtime/pipeline-error.ts';
import type { PipelineSpec } from './code-parts.ts';

export interface Batch {
  /** Repeating an id among the last 1,000 gives the stored result and does nothing. */
  readonly batchId: string;
  /** 1 to 10,000 records. */
  readonly records: readonly unknown[];
  readonly sourceOffset: Offset;
}

/** An error as callers may report it: `code` decides whether the pipeline retries. */
export type ReportedError = Pick<PipelineError, 'code' | 'message'> & Partial<PipelineError>;

export interface PipelineHost {
  updateConfig(pipelineId: string, spec: PipelineSpec): Promise<PipelineState>;
}

/**
 * A pipeline of this process. Every method resolves with the new state once it is durable, or rejects with a coded
 * error: DATAFLOW_ERR_COMMAND_REFUSED names the state and what to do, DATAFLOW_ERR_JOURNAL_* say that nothing happened.
 */
export class Pipeline {
  readonly id: string;
  readonly #actor: PipelineActor;
  readonly #host: PipelineHost;

  constructor(actor: PipelineActor, host: PipelineHost) {
    this.id = actor.key;
    this.#actor = actor;
    this.#host = host;
  }

  start(): Promise<PipelineState> {
    return this.#send({ type: 'StartPipeline' });
  }

  /** Lets the batch in progress finish (or aborts it, by `onInterrupt`), then stops. */
  stop(reason = 'stopped by a caller'): Promise<PipelineState> {
    return this.#send({ type: 'StopPipeline', reason });
  }

  pause(reason = 'paused by a caller'): Promise<PipelineState> {
    return this.#send({ type: 'PausePipeline', reason });
  }

  resume(): Promise<PipelineState> {
    return this.#send({ type: 'ResumePipeline' });
  }

  /** Back to `configured` after a failure; the checkpoint is kept. */
  reset(): Promise<PipelineState> {
    return this.#send({ type: 'ResetPipeline' });
  }

  updateCheckpoint(): Promise<PipelineState> {
    return this.#send({ type: 'UpdateCheckpoint' });
  }

  reportFailure(error: ReportedError): Promise<PipelineState> {
    const problems = validateError(error);
    if (problems.length > 0) return Promise.reject(invalid(this.id, 'ReportFailure', problems));
    const converted = toPipelineError(error, error.errorType ?? 'system');
    return this.#send({ type: 'ReportFailure', error: converted });
  }

  updateConfig(spec: PipelineSpec): Promise<PipelineState> {
    return this.#host.updateConfig(this.id, spec);
  }

  state(): Promise<PipelineState> {
    return this.#send({ type: 'GetState' });
  }

  /**
   * Sends a batch through the pipeline, retries included. Resolves when it is processed and durable; rejects with
   * DATAFLOW_ERR_BATCH_ACTIVE while another is in progress, with DATAFLOW_ERR_BATCH_ABANDONED when the pipeline was
   * paused or stopped before an outcome, with DATAFLOW_ERR_PIPELINE_FAILED when the pipeline failed on it.
   */
  async ingest(batch: Batch): Promise<BatchResult> {
    const problems = validateBatch(batch);
    if (problems.length > 0) throw invalid(this.id, 'IngestBatch', problems);
    const { batchId, records, sourceOffset } = batch;
    const caller = new AsyncResource('dataflow.batch');
    const reply = await this.#actor.send(
      { type: 'IngestBatch', batchId, recordCount: records.length, sourceOffset },
      {
        batchId,
        records: [...records],
        rejected: [],
        sourceOffset,
        nextOffset: this.#offsetAfter(batch),
        position: undefined,
        runInContext: (work) => caller.runInAsyncScope(work),
      },
    );
    // The actor answers an accepted IngestBatch with its result and nothing else.
    return reply.batch!;
  }

  /**
   * Resolves with the state when the pipeline stops, at once if it is stopped; rejects with
   * DATAFLOW_ERR_PIPELINE_FAILED when it fails. A bounded source ends with stopReason `source completed`.
   */
  completion(): Promise<PipelineState> {
    return new Promise((resolve, reject) => {
      const settle = (state: PipelineState): boolean => {
        if (state.status === 'stopped' || state.status === 'empty') resolve(state);
        else if (state.status === 'failed') reject(pipelineFailed(this.id, state.error.code, state.error.message));
        else return false;
        return true;
      };
      if (settle(this.#actor.state)) return;
      if (this.#actor.ended !== undefined) return reject(this.#actor.ended);
      const unlisten = this.#actor.listen({
        changed: ({ after }) => {
          if (settle(after)) unlisten();
        },
        ended: (reason) => {
          unlisten();
          reject(reason);
        },
      });
    });
  }

  /** Durable events and offered batches, as they come. The function returned ends it. */
  listen(listener: PipelineListener): () => void {
    return this.#actor.listen(listener);
  }

  async #send(command: PipelineCommand): Promise<PipelineState> {
    return (await this.#actor.send(command)).state;
  }

  /** A pushed batch moves the checkpoint of a pushed pipeline; a source that is read keeps its own position. */
  #offsetAfter({ sourceOffset, records }: Batch): Offset | undefined {
    const { state } = this.#actor;
    if (state.status === 'empty' || state.config.source.type !== 'push') return undefined;
    return typeof sourceOffset === 'number' ? sourceOffset + records.length : sourceOffset;
  }
}

function invalid(pipelineId: string, command: string, problems: readonly Problem[]): DataflowError {
  const list = problems.map(describeProblem).join('; ');
  const message = `${command} refused: pipeline ${pipelineId}: ${list}`;
  return new DataflowError('DATAFLOW_ERR_COMMAND_INVALID', message, { problems, details: { pipelineId } });
}
