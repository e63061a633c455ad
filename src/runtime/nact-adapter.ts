/**
 * The only file that imports nact, and the only one that knows its shapes.
 *
 * Owns: the actor system, its persistence engine, one nact actor a pipeline incarnation.
 * Does not own: what a message means, recovery, queues, retries. Those belong to whoever implements ActorBehaviour.
 *
 * R1. A name is never used twice, so a reference of an earlier incarnation cannot reach a later one.
 * R2. Actors are children of the system: nact copies the children map of an actor for each of its messages.
 * R3. A crash is answered with reset or stop, never with resume, escalate or an action on other actors.
 * R4. Nothing that runs in a nact callback throws: nact has no net under onCrash, afterStop or initialStateFunc.
 * R5. Everything an actor does runs in the async context in which the system was made. nact would run it in that of
 *     whoever happened to send first.
 * R6. The name is nact's persistence key as well, so what an earlier incarnation still reads or writes stays with it.
 */
import { AsyncResource } from 'node:async_hooks';
import nact from 'nact';

export interface ActorContext {
  /** One call is one append: nact offers nothing that makes two of them atomic. */
  persist(events: unknown): Promise<void>;
  readonly recovering?: boolean;
}

export interface RecoveredSnapshot<State> {
  readonly state: State;
  readonly sequence: number;
}

export type CrashDecision = 'reset' | 'stop';

/** What an actor is made of. `State` is rebuilt from `initialState`, a snapshot and chunks of events. */
export interface ActorBehaviour<State> {
  readonly key: string;
  initialState(): State;
  loadSnapshot(): Promise<RecoveredSnapshot<State> | undefined>;
  /** The events after `sequence`, validated; each chunk reaches `replay`. */
  readEvents(sequence: number): AsyncIterable<unknown>;
  replay(state: State, chunk: unknown): State;
  /** Called for each kick, one at a time, never while recovering. */
  receive(state: State, context: ActorContext): Promise<State>;
  /** Makes the events of one persist call durable. */
  persist(events: unknown): Promise<void>;
  /** Recovery is complete and the actor will take kicks. */
  recovered(state: State): void;
  /** Answers when it is time to go on; a pending backoff is part of the answer. Must not reject. */
  onCrash(error: unknown): Promise<CrashDecision>;
}

export interface ActorHandle {
  /** Asks for one call of `receive`. While the actor recovers, the call comes after it. */
  kick(): void;
  stop(): void;
}

interface NactReference {
  readonly name: string;
}
interface NactSystemReference {
  readonly name: string;
}
interface NactContext {
  persist(message: unknown): Promise<void>;
  readonly recovering?: boolean;
}
interface SupervisionContext {
  readonly reset: symbol;
  readonly stop: symbol;
}
interface PersistedEvent {
  readonly key: string;
  readonly data: unknown;
}
interface Nact {
  start(...extensions: unknown[]): NactSystemReference;
  stop(reference: NactReference | NactSystemReference): void;
  dispatch(reference: NactReference, message: unknown): void;
  configurePersistence(engine: object): unknown;
  spawnPersistent(
    parent: NactSystemReference,
    receive: (state: unknown, message: unknown, context: NactContext) => Promise<unknown>,
    key: string,
    name: string,
    properties: object,
  ): NactReference;
}

// nact's own types lack persist and recovering, and declare exports that do not exist.
const { start, stop, dispatch, configurePersistence, spawnPersistent } = nact as unknown as Nact;

const KICK = { type: 'kick' };

export class NactSystem {
  readonly #context = new AsyncResource('dataflow.actors');
  readonly #behaviours = new Map<string, ActorBehaviour<unknown>>();
  readonly #system: NactSystemReference;
  #incarnations = 0;

  constructor() {
    this.#system = start(configurePersistence(this.#engine()));
  }

  /** The key must not be live: the caller keeps the registry. */
  spawn<State>(behaviour: ActorBehaviour<State>): ActorHandle {
    const name = `pipeline-${++this.#incarnations}`;
    this.#behaviours.set(name, behaviour as ActorBehaviour<unknown>);
    const reference = this.#context.runInAsyncScope(
      spawnPersistent,
      undefined,
      this.#system,
      async (state: unknown, _kick: unknown, context: NactContext) => behaviour.receive(state as State, context),
      name,
      name,
      {
        initialStateFunc: () => behaviour.initialState(),
        onCrash: async (_message: unknown, error: unknown, context: SupervisionContext) => {
          try {
            return (await behaviour.onCrash(error)) === 'reset' ? context.reset : context.stop;
          } catch {
            return context.stop;
          }
        },
      },
    );
    return {
      kick: () => this.#context.runInAsyncScope(dispatch, undefined, reference, KICK),
      stop: () => {
        stop(reference);
        this.#behaviours.delete(name);
      },
    };
  }

  stop(): void {
    stop(this.#system);
  }

  /** What nact calls a persistence engine, routed to the behaviour of the name. */
  #engine(): object {
    const behaviourOf = (name: string): ActorBehaviour<unknown> => {
      const behaviour = this.#behaviours.get(name);
      if (behaviour === undefined) throw new Error(`no live actor of name ${name}`);
      return behaviour;
    };
    return {
      async latestSnapshot(name: string) {
        const snapshot = await behaviourOf(name).loadSnapshot();
        return snapshot && { data: snapshot.state, sequenceNumber: snapshot.sequence };
      },
      events: (name: string, sequence: number) => ({
        // nact's own step hides a fault of the replay and goes on; its result is [state, count, sequence].
        reduce: async (_step: unknown, initial: Promise<readonly [unknown, number, number]>) => {
          const behaviour = behaviourOf(name);
          let [state] = await initial;
          for await (const chunk of behaviour.readEvents(sequence)) state = behaviour.replay(state, chunk);
          behaviour.recovered(state);
          return [state, 0, sequence];
        },
      }),
      persist: (event: PersistedEvent) => behaviourOf(event.key).persist(event.data),
      takeSnapshot: () => Promise.resolve(),
    };
  }
}
