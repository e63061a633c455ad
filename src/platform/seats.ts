/**
 * Where the actors of pipelines are. Owns the difference between a process that has all pipelines of its journal and one
 * that shares them with others; whoever uses pipelines asks here and needs not know.
 */
import type { PipelineState } from '../domain/state.ts';
import { DataflowError } from '../errors.ts';
import type { PipelineActor } from '../runtime/pipeline-actor.ts';
import type { PipelineRuntime } from '../runtime/runtime.ts';

/** What there is of a pipeline whose actor may be in another process. */
export interface Elsewhere {
  /** Why no command is taken here: DATAFLOW_ERR_PIPELINE_ELSEWHERE with the owner's name, or DATAFLOW_ERR_PIPELINE_UNKNOWN. */
  refusal(): Promise<Error>;
  /** As the journal holds it now. @throws DATAFLOW_ERR_PIPELINE_UNKNOWN */
  state(): Promise<PipelineState>;
  /** Told of each actor of the pipeline that is made here. The function returned ends it. */
  onReturn(listener: (actor: PipelineActor) => void): () => void;
  /** Until it is time to look at the state again; early when the pipeline comes here. */
  pause(): Promise<void>;
}

/** One pipeline, as its handle sees it. */
export interface Seat {
  readonly id: string;
  /** The actor here that answers commands, also one that has ended and says why. */
  actor(): PipelineActor | undefined;
  /** Undefined where this process has all pipelines. */
  readonly elsewhere?: Elsewhere;
}

export interface Seats {
  /** The actors of the pipelines that this process has. */
  actors(): Iterable<PipelineActor>;
  /** Undefined for an id that this process can know to be unknown. */
  find(id: string): Seat | undefined;
  /** The pipeline's seat, and its actor where it is here now, made where there is none anywhere. */
  claim(id: string): Promise<{ readonly seat: Seat; readonly actor: PipelineActor | undefined }>;
  /** The pipeline was removed. */
  retire(id: string): Promise<void>;
  /** Its code and secrets are known here now. */
  welcome(id: string): void;
}

/** All pipelines are here. A seat keeps its actor: a handle of a removed pipeline does not reach its successor. */
export class OwnSeats implements Seats {
  readonly #runtime: PipelineRuntime;
  readonly #stopTimeoutMs: number;

  constructor(runtime: PipelineRuntime, stopTimeoutMs: number) {
    this.#runtime = runtime;
    this.#stopTimeoutMs = stopTimeoutMs;
  }

  actors(): Iterable<PipelineActor> {
    return this.#runtime.actors();
  }

  find(id: string): Seat | undefined {
    const actor = this.#runtime.get(id);
    if (actor === undefined || (actor.state.status === 'empty' && actor.ended === undefined)) return undefined;
    return seatOf(actor);
  }

  async claim(id: string) {
    const actor = this.#runtime.get(id) ?? this.#runtime.spawn(id);
    return { seat: seatOf(actor), actor };
  }

  async retire(id: string): Promise<void> {
    await this.#runtime.stop(id, this.#stopTimeoutMs);
  }

  welcome(): void {}
}

function seatOf(actor: PipelineActor): Seat {
  return { id: actor.key, actor: () => actor };
}

export function unknownPipeline(id: string): DataflowError {
  return new DataflowError('DATAFLOW_ERR_PIPELINE_UNKNOWN', `there is no pipeline ${id}: spawn it first`, {
    details: { pipelineId: id },
  });
}
