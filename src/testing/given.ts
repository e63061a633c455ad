import assert from 'node:assert/strict';
import type { PipelineCommand } from '../domain/command.ts';
import { type DecideContext, type Decision, decide } from '../domain/decide.ts';
import { EVENT_SCHEMA_VERSION, type PipelineEvent } from '../domain/event.ts';
import { evolve } from '../domain/evolve.ts';
import { initialState, type PipelineState } from '../domain/state.ts';
import type { ErrorCode } from '../errors.ts';

type Filled = 'schemaVersion' | 'pipelineId' | 'timestamp';
type BodyOf<T> = T extends PipelineEvent ? Omit<T, Filled> & Partial<Pick<T, Filled>> : never;

/** An event that may leave out its schemaVersion, pipelineId and timestamp. */
export type EventBody = BodyOf<PipelineEvent>;

type KeyOf<T> = T extends unknown ? keyof T : never;

/** Some fields of a state. `recentBatches` is written as an array of `[batchId, ok, failed, ms]`, oldest first. */
export type ExpectedState = { readonly [K in KeyOf<PipelineState>]?: unknown };

/** What is left out is: pipelineId `pipeline`, now 2026-01-01T00:00Z, random 0.5, no orphaned batch. */
export type GivenContext = Partial<DecideContext>;

export const GIVEN_DEFAULTS: DecideContext = {
  pipelineId: 'pipeline',
  now: Date.UTC(2026, 0, 1),
  random: 0.5,
  activeBatchOrphaned: false,
};

export interface Given {
  /** The state that the given events lead to. */
  readonly state: PipelineState;
  when(command: PipelineCommand, context?: GivenContext): When;
}

export interface When {
  /** Fails unless the command was accepted with exactly these events, in this order. */
  then(...events: readonly EventBody[]): { thenState(expected: ExpectedState): void };
  /** Fails unless the command was refused with this code. */
  thenRefused(code: ErrorCode): void;
  /** Fails unless the command was accepted and each of these fields is deeply equal in the state after it. */
  thenState(expected: ExpectedState): void;
}

/**
 * A decision told as a story, for any test runner (it asserts with node:assert).
 *
 * @example given(created, { type: 'PipelineStarted' }).when({ type: 'PausePipeline', reason: 'lunch' })
 *   .then({ type: 'PipelinePaused', reason: 'lunch' });
 */
export function given(...events: readonly EventBody[]): Given {
  const stateFor = (context: DecideContext): PipelineState =>
    events.map((body) => fill(body, context)).reduce(evolve, initialState());
  return {
    state: stateFor(GIVEN_DEFAULTS),
    when(command, overrides = {}) {
      const context = { ...GIVEN_DEFAULTS, ...overrides };
      const before = stateFor(context);
      return new Outcome(before, command, context);
    },
  };
}

class Outcome implements When {
  readonly #before: PipelineState;
  readonly #command: PipelineCommand;
  readonly #context: DecideContext;
  readonly #decision: Decision;

  constructor(before: PipelineState, command: PipelineCommand, context: DecideContext) {
    this.#before = before;
    this.#command = command;
    this.#context = context;
    this.#decision = decide(before, command, context);
  }

  // biome-ignore lint/suspicious/noThenProperty: given, when, then are the words; nobody awaits an outcome.
  then(...events: readonly EventBody[]) {
    const expected = events.map((body) => fill(body, this.#context));
    assert.deepEqual(this.#accepted(), expected);
    return { thenState: (state: ExpectedState) => this.thenState(state) };
  }

  thenRefused(code: ErrorCode): void {
    if (!this.#decision.accepted) {
      assert.equal(this.#decision.refusal.code, code);
      return;
    }
    const types = this.#decision.events.map(({ type }) => type).join(', ') || 'no events';
    assert.fail(`expected ${this.#command.type} to be refused with ${code}, it was accepted with ${types}`);
  }

  thenState(expected: ExpectedState): void {
    const after = this.#accepted().reduce(evolve, this.#before) as unknown as Record<string, unknown>;
    for (const [field, value] of Object.entries(expected)) {
      assert.deepEqual(plain(after[field]), plain(value), `state.${field} after ${this.#command.type}`);
    }
  }

  #accepted(): readonly PipelineEvent[] {
    if (this.#decision.accepted) return this.#decision.events;
    const { code, message } = this.#decision.refusal;
    return assert.fail(`expected ${this.#command.type} to be accepted, it was refused with ${code}: ${message}`);
  }
}

function fill(body: EventBody, { pipelineId, now }: DecideContext): PipelineEvent {
  return { schemaVersion: EVENT_SCHEMA_VERSION, pipelineId, timestamp: now, ...body } as PipelineEvent;
}

/** As the journal and the documentation write it: values with a toJSON of their own become plain. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
