/**
 * The pipelines of a journal that several processes share. Owns nothing; the cluster knows who has what.
 *
 * R1. A handle is of the pipeline, not of an actor: it reaches the actor of the day where that is here, and says who has
 *     it where it is not.
 */
import type { Cluster } from '../cluster/cluster.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Journal } from '../runtime/journal.ts';
import type { PipelineActor } from '../runtime/pipeline-actor.ts';
import { readState } from '../runtime/read-state.ts';
import type { PipelineRuntime } from '../runtime/runtime.ts';
import { type Elsewhere, type Seat, type Seats, unknownPipeline } from './seats.ts';

/** How often to look at a pipeline that runs in another process. */
const LOOK_MS = 500;

export class SharedSeats implements Seats {
  readonly #cluster: Cluster;
  readonly #runtime: PipelineRuntime;
  readonly #journal: Journal;
  readonly #clock: Clock;

  constructor(cluster: Cluster, runtime: PipelineRuntime, journal: Journal, clock: Clock) {
    this.#cluster = cluster;
    this.#runtime = runtime;
    this.#journal = journal;
    this.#clock = clock;
  }

  /** Without those whose last append is still on its way after they were given up. */
  *actors(): Iterable<PipelineActor> {
    for (const actor of this.#runtime.actors()) if (this.#cluster.holds(actor.key)) yield actor;
  }

  find(id: string): Seat {
    return { id, actor: () => this.#runtime.get(id), elsewhere: this.#elsewhere(id) };
  }

  async claim(id: string) {
    return { seat: this.find(id), actor: await this.#cluster.claim(id) };
  }

  retire(id: string): Promise<void> {
    return this.#cluster.retire(id);
  }

  welcome(id: string): void {
    this.#cluster.welcome(id);
  }

  #elsewhere(id: string): Elsewhere {
    return {
      refusal: async () => {
        const isKnown = (await readState(this.#journal, id)).state.status !== 'empty';
        return isKnown ? this.#cluster.refusal(id) : unknownPipeline(id);
      },
      state: async () => {
        const { state } = await readState(this.#journal, id);
        if (state.status === 'empty') throw unknownPipeline(id);
        return state;
      },
      onReturn: (listener) =>
        this.#cluster.onAdopted((actor) => {
          if (actor.key === id) listener(actor);
        }),
      pause: () =>
        new Promise((resolve) => {
          const done = (): void => {
            timer.cancel();
            unlisten();
            resolve();
          };
          const timer = this.#clock.setTimeout(done, LOOK_MS, { unref: true });
          const unlisten = this.#cluster.onAdopted((actor) => {
            if (actor.key === id) done();
          });
        }),
    };
  }
}
