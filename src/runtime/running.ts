/**
 * One turn of a running actor: what a group of commands comes to. Pure but for the envelopes it sorts; the actor makes
 * the result durable and only then acts on it.
 *
 * R1. Each command is decided on the state that the commands before it lead to, so a group is one append.
 * R2. Pause, stop and remove wait for the outcome of the batch in progress; they are decided right after it, before
 *     any command that came later.
 * R3. Nothing here is visible outside until the append has succeeded.
 */
import type { PipelineCommand } from '../domain/command.ts';
import { type Decision, decide } from '../domain/decide.ts';
import type { PipelineEvent } from '../domain/event.ts';
import { evolve } from '../domain/evolve.ts';
import { type Refusal, refuse } from '../domain/refusal.ts';
import type { BatchResult, PipelineState } from '../domain/state.ts';
import { DataflowError, messageOf } from '../errors.ts';
import type { Envelope } from './mailbox.ts';

/** One event on its way to the journal, with the states around it and the command that caused it. */
export interface Step {
  readonly event: PipelineEvent;
  readonly before: PipelineState;
  readonly after: PipelineState;
  readonly envelope: Envelope;
}

/** What a sender will hear once the group is durable. A batch that was begun is answered by its outcome instead. */
export type Answer =
  | { readonly kind: 'accepted'; readonly envelope: Envelope; readonly state: PipelineState }
  | {
      readonly kind: 'duplicate';
      readonly envelope: Envelope;
      readonly state: PipelineState;
      readonly batch: BatchResult;
    }
  | { readonly kind: 'refused'; readonly envelope: Envelope; readonly refusal: Refusal };

export interface Plan {
  readonly envelopes: readonly Envelope[];
  readonly steps: readonly Step[];
  readonly answers: readonly Answer[];
  /** Commands that wait for the outcome of the batch in progress. */
  readonly deferred: readonly Envelope[];
  readonly state: PipelineState;
}

export interface PlanContext {
  readonly pipelineId: string;
  readonly now: number;
  random(): number;
  /** The batch that this process holds, and whether its outcome is still to come. */
  readonly heldBatchId: string | undefined;
  readonly working: boolean;
  /** What earlier turns deferred. */
  readonly deferred: readonly Envelope[];
}

export function planTurn(state: PipelineState, envelopes: readonly Envelope[], context: PlanContext): Plan {
  const planner = new Planner(state, context);
  for (const envelope of envelopes) planner.take(envelope);
  return planner.plan(envelopes);
}

class Planner {
  readonly #context: PlanContext;
  readonly #steps: Step[] = [];
  readonly #answers: Answer[] = [];
  #deferred: Envelope[];
  #released: Envelope[] = [];
  #state: PipelineState;
  #working: boolean;
  #heldBatchId: string | undefined;

  constructor(state: PipelineState, context: PlanContext) {
    this.#state = state;
    this.#context = context;
    this.#deferred = [...context.deferred];
    this.#working = context.working;
    this.#heldBatchId = context.heldBatchId;
    this.#releaseIfIdle();
  }

  take(envelope: Envelope): void {
    if (this.#working && waitsForOutcome(envelope.command)) {
      this.#deferred.push(envelope);
      return;
    }
    this.#decide(envelope);
    this.#releaseIfIdle();
  }

  plan(envelopes: readonly Envelope[]): Plan {
    const deferred = this.#deferred;
    const decided = deferred.length === 0 ? envelopes : envelopes.filter((envelope) => !deferred.includes(envelope));
    const taken = this.#released.length === 0 ? decided : [...this.#released, ...decided];
    return {
      envelopes: taken,
      steps: this.#steps,
      answers: this.#answers,
      deferred,
      state: this.#state,
    };
  }

  #releaseIfIdle(): void {
    while (!this.#working && this.#deferred.length > 0) {
      const envelope = this.#deferred.shift()!;
      if (this.#context.deferred.includes(envelope)) this.#released.push(envelope);
      this.#decide(envelope);
    }
  }

  #decide(envelope: Envelope): void {
    const decision = this.#decisionOn(envelope.command);
    if (!decision.accepted) {
      this.#answers.push({ kind: 'refused', envelope, refusal: decision.refusal });
      return;
    }
    for (const event of decision.events) this.#apply(event, envelope);
    if (decision.duplicate !== undefined) {
      this.#answers.push({ kind: 'duplicate', envelope, state: this.#state, batch: decision.duplicate });
    } else if (envelope.command.type !== 'IngestBatch') {
      this.#answers.push({ kind: 'accepted', envelope, state: this.#state });
    }
  }

  /** A command that cannot even be decided (a caller without types sent it) is refused; the others go on. */
  #decisionOn(command: PipelineCommand): Decision {
    const { pipelineId, now, random } = this.#context;
    try {
      return decide(this.#state, command, {
        pipelineId,
        now,
        random: random(),
        activeBatchOrphaned: this.#orphaned(),
      });
    } catch (error) {
      const message = `its values cannot be used: ${messageOf(error)}`;
      return { accepted: false, refusal: refuse('DATAFLOW_ERR_COMMAND_INVALID', this.#state, command, message) };
    }
  }

  #apply(event: PipelineEvent, envelope: Envelope): void {
    const before = this.#state;
    this.#state = evolve(before, event);
    this.#steps.push({ event, before, after: this.#state, envelope });
    switch (event.type) {
      case 'BatchIngested':
        this.#working = true;
        this.#heldBatchId = event.batchId;
        break;
      case 'BatchProcessed':
      case 'BatchFailed':
      case 'PipelineFailed':
      case 'PipelineStopped':
      case 'PipelinePaused':
        this.#working = false;
        break;
    }
  }

  #orphaned(): boolean {
    const { status } = this.#state;
    if (status !== 'running' || this.#state.activeBatch === null) return false;
    return this.#state.activeBatch.batchId !== this.#heldBatchId;
  }
}

/** True for the commands that let the batch in progress come to its end first. */
function waitsForOutcome(command: PipelineCommand): boolean {
  return command.type === 'PausePipeline' || command.type === 'StopPipeline' || command.type === 'RemovePipeline';
}

export function refusalError(refusal: Refusal, pipelineId: string): DataflowError {
  const { code, message, problems, command, status } = refusal;
  return new DataflowError(code, message, { problems, details: { pipelineId, command, status } });
}
