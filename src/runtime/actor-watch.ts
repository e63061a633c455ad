/**
 * The times and numbers of one actor on their way to its observer. Owns the time stamps; an actor that nobody observes
 * has no watch.
 *
 * R1. The wait of a command is told once, however often a failed append puts the command back.
 * R2. A turn is told when it ends, failed ones included, and with it the waits that it ended; a command only when it was
 *     decided for good. What is told together finds in the caches what the work between two turns drives out of them.
 */
import type { ActorObservation, ActorObserver } from './actor-observer.ts';
import type { Clock } from './clock.ts';
import type { Envelope } from './mailbox.ts';
import type { Plan } from './running.ts';

/** The `enqueuedAt` of a command whose wait is not, or no longer, measured. */
export const NOT_WAITING = -1;

const NONE: readonly Envelope[] = [];

export class ActorWatch {
  readonly #clock: Clock;
  readonly #observation: ActorObservation;
  #turnStartedAt = 0;
  #taken: readonly Envelope[] = NONE;

  constructor(key: string, observer: ActorObserver, clock: Clock, mailbox: { readonly size: number }) {
    this.#clock = clock;
    this.#observation = observer.started({
      path: `dataflow/${key}`,
      get mailboxSize() {
        return mailbox.size;
      },
    });
  }

  enqueued(envelope: Envelope, mailboxSize: number): void {
    envelope.enqueuedAt = this.#clock.monotonic();
    this.#observation.enqueued(mailboxSize);
  }

  turnStarted(taken: readonly Envelope[]): void {
    this.#turnStartedAt = this.#clock.monotonic();
    this.#taken = taken;
  }

  turnEnded(): void {
    const startedAt = this.#turnStartedAt;
    for (const envelope of this.#taken) {
      if (envelope.enqueuedAt === NOT_WAITING) continue;
      this.#observation.waited((startedAt - envelope.enqueuedAt) / 1000);
      envelope.enqueuedAt = NOT_WAITING;
    }
    this.#taken = NONE;
    this.#observation.turnEnded((this.#clock.monotonic() - startedAt) / 1000);
  }

  committed(plan: Plan): void {
    if (plan.envelopes.length === 0) return;
    let unhandled = 0;
    for (const { kind } of plan.answers) if (kind === 'refused') unhandled += 1;
    this.#observation.processed(plan.envelopes.length, unhandled);
  }

  failed(): void {
    this.#observation.failed();
  }

  stopped(): void {
    this.#observation.stopped();
  }
}
