import { AsyncResource } from 'node:async_hooks';
import type { PipelineCommand } from '../domain/command.ts';
import type { BatchResult, Offset, PipelineError, PipelineState } from '../domain/state.ts';
import { validateBatch, validateError } from '../domain/validate.ts';
import { codeOf, DataflowError, describeProblem, type Problem } from '../errors.ts';
import { pipelineFailed } from '../runtime/actor-errors.ts';
import type { PipelineListener } from '../runtime/environment.ts';
import type { PipelineActor } from '../runtime/pipeline-actor.ts';
import { toPipelineError } from '../runtime/pipeline-error.ts';
import type { PipelineSpec } from './code-parts.ts';
import type { Seat } from './seats.ts';

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
  /** @throws DATAFLOW_ERR_PLATFORM_SHUT_DOWN */
  assertOpen(): void;
  updateConfig(pipelineId: string, spec: PipelineSpec): Promise<PipelineState>;
}

/**
 * A pipeline. Where processes share pipelines, its commands are taken by the process that owns it; elsewhere they reject
 * with DATAFLOW_ERR_PIPELINE_ELSEWHERE, which names the owner. Every method resolves with the new state once it is durable, or rejects with a coded
 * error: DATAFLOW_ERR_COMMAND_REFUSED names the state and what to do, DATAFLOW_ERR_JOURNAL_* say that nothing happened.
 */
export class Pipeline {
  readonly id: string;
  readonly #seat: Seat;
  readonly #host: PipelineHost;

  constructor(seat: Seat, host: PipelineHost) {
    this.id = seat.id;
    this.#seat = seat;
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

  /** Also of a pipeline that runs in another process: as the journal holds it. */
  async state(): Promise<PipelineState> {
    const { elsewhere } = this.#seat;
    const actor = this.#seat.actor();
    if (elsewhere !== undefined && (actor === undefined || isMoving(actor.ended))) return elsewhere.state();
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
    const actor = await this.#reach();
    // What the batch means for the checkpoint is seen from the state, which one that came just now has still to recover.
    await actor.ready.catch(() => {});
    const reply = await actor.send(
      { type: 'IngestBatch', batchId, recordCount: records.length, sourceOffset },
      {
        batchId,
        records: [...records],
        rejected: [],
        sourceOffset,
        nextOffset: offsetAfter(batch, actor.state),
        position: undefined,
        runInContext: (work) => caller.runInAsyncScope(work),
      },
    );
    // The actor answers an accepted IngestBatch with its result and nothing else.
    return reply.batch!;
  }

  /**
   * Resolves with the state when the pipeline stops, at once if it is stopped; rejects with
   * DATAFLOW_ERR_PIPELINE_FAILED when it fails. A bounded source ends with stopReason `source completed`. A pipeline that
   * moves to another process is followed there.
   */
  async completion(): Promise<PipelineState> {
    const { elsewhere } = this.#seat;
    for (;;) {
      const end = await this.#end();
      if (end instanceof Error) {
        if (elsewhere === undefined || !isMoving(end)) throw end;
      } else if (end !== undefined) return end;
      this.#host.assertOpen();
      await elsewhere?.pause();
    }
  }

  /** Durable events and offered batches, as they come, while the pipeline is in this process. The function returned ends it. */
  listen(listener: PipelineListener): () => void {
    const { elsewhere } = this.#seat;
    const { ended, ...others } = listener;
    const here: PipelineListener =
      elsewhere === undefined ? listener : { ...others, ended: (reason) => isMoving(reason) || ended?.(reason) };
    let unlisten = this.#seat.actor()?.listen(here);
    const forget = elsewhere?.onReturn((actor) => {
      unlisten?.();
      unlisten = actor.listen(here);
    });
    return () => {
      forget?.();
      unlisten?.();
    };
  }

  /** The state in which the pipeline ends here, or why its actor does; elsewhere undefined as long as it goes on. */
  async #end(): Promise<PipelineState | Error | undefined> {
    const { elsewhere } = this.#seat;
    const actor = this.#seat.actor();
    if (elsewhere !== undefined && (actor === undefined || isMoving(actor.ended))) {
      return endIn(this.id, await elsewhere.state());
    }
    // One that came from another process may still have to find out what state it is in.
    await actor?.ready.catch(() => {});
    return new Promise((resolve) => {
      const settle = (state: PipelineState): boolean => {
        const end = endIn(this.id, state);
        if (end !== undefined) resolve(end);
        return end !== undefined;
      };
      if (actor === undefined || settle(actor.state)) return;
      if (actor.ended !== undefined) return resolve(actor.ended);
      const unlisten = actor.listen({
        changed: ({ after }) => {
          if (settle(after)) unlisten();
        },
        ended: (reason) => {
          unlisten();
          resolve(reason);
        },
      });
    });
  }

  async #reach(): Promise<PipelineActor> {
    const actor = this.#seat.actor();
    if (actor !== undefined) return actor;
    // A seat without a place elsewhere always has its actor.
    throw await this.#seat.elsewhere!.refusal();
  }

  async #send(command: PipelineCommand): Promise<PipelineState> {
    const actor = await this.#reach();
    return (await actor.send(command)).state;
  }
}

/** What ends an actor whose pipeline goes on in another process, or in another actor. */
const MOVING: ReadonlySet<string> = new Set(['DATAFLOW_ERR_PIPELINE_ELSEWHERE', 'DATAFLOW_ERR_JOURNAL_FENCED']);

function isMoving(reason: Error | undefined): boolean {
  return MOVING.has(codeOf(reason) ?? '');
}

function endIn(id: string, state: PipelineState): PipelineState | Error | undefined {
  if (state.status === 'stopped' || state.status === 'empty') return state;
  return state.status === 'failed' ? pipelineFailed(id, state.error.code, state.error.message) : undefined;
}

/** A pushed batch moves the checkpoint of a pushed pipeline; a source that is read keeps its own position. */
function offsetAfter({ sourceOffset, records }: Batch, state: PipelineState): Offset | undefined {
  if (state.status === 'empty' || state.config.source.type !== 'push') return undefined;
  return typeof sourceOffset === 'number' ? sourceOffset + records.length : sourceOffset;
}

function invalid(pipelineId: string, command: string, problems: readonly Problem[]): DataflowError {
  const list = problems.map(describeProblem).join('; ');
  const message = `${command} refused: pipeline ${pipelineId}: ${list}`;
  return new DataflowError('DATAFLOW_ERR_COMMAND_INVALID', message, { problems, details: { pipelineId } });
}
