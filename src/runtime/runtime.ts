/**
 * All pipeline actors of a process. Owns the actor system and the registry of keys: nact itself lets two actors share
 * one, which forks the stream.
 *
 * R1. A key has one live actor at most; the registry is asked before nact. It keeps the key of a stopped actor for as
 *     long as an append of it is in flight, since that may still take the next sequence number.
 * R2. Stopping stops each actor, then the system: nact leaves the children of a stopped system running.
 */
import { DataflowError } from '../errors.ts';
import type { ActorEnvironment } from './environment.ts';
import { NactSystem } from './nact-adapter.ts';
import { PipelineActor } from './pipeline-actor.ts';

export type RuntimeOptions = Omit<ActorEnvironment, 'system' | 'deadLetter'>;

export class PipelineRuntime {
  readonly #system = new NactSystem();
  readonly #actors = new Map<string, PipelineActor>();
  readonly #environment: ActorEnvironment;
  #deadLetters = 0;

  constructor(options: RuntimeOptions) {
    this.#environment = {
      ...options,
      system: this.#system,
      deadLetter: () => {
        this.#deadLetters += 1;
        options.observer?.deadLetter();
      },
    };
  }

  /** Commands that no actor could take. */
  get deadLetters(): number {
    return this.#deadLetters;
  }

  /** Starts the actor of a key and its recovery; `ready` of the actor tells how that went. */
  spawn(key: string): PipelineActor {
    if (key === '')
      throw new DataflowError('DATAFLOW_ERR_PIPELINE_INVALID', 'a pipeline needs an id that is not empty');
    if (this.#actors.has(key)) {
      throw new DataflowError('DATAFLOW_ERR_KEY_IN_USE', `pipeline ${key} has a live actor already: use that one`, {
        details: { key },
      });
    }
    const actor = new PipelineActor(key, this.#environment);
    this.#actors.set(key, actor);
    return actor;
  }

  get(key: string): PipelineActor | undefined {
    return this.#actors.get(key);
  }

  actors(): Iterable<PipelineActor> {
    return this.#actors.values();
  }

  /**
   * `reason`: what is refused from now on hears it; default: that the actor was stopped. False when the time ended before
   * its work did.
   */
  async stop(key: string, timeoutMs: number, reason?: Error): Promise<boolean> {
    const actor = this.#actors.get(key);
    if (actor === undefined) return true;
    const inTime = await actor.stop(timeoutMs, reason);
    const forget = (): void => {
      if (this.#actors.get(key) === actor) this.#actors.delete(key);
    };
    if (actor.appending === undefined) forget();
    else void actor.appending.then(forget);
    return inTime;
  }

  async stopAll(timeoutMs: number): Promise<void> {
    this.#environment.observer?.ending();
    await Promise.all([...this.#actors.keys()].map((key) => this.stop(key, timeoutMs)));
    this.#system.stop();
  }
}
