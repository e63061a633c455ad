/**
 * The times and numbers of one actor on their way to its observer. Owns the time stamps; an actor that nobody observes
 * has no watch.
 *
 * R1. The wait of a command is told once, however often a failed append puts the command back.
 * R2. A turn is told when it ends, failed ones included; a command only when it was decided for good.
 */
import type { ActorObservation, ActorObserver } from './actor-observer.ts';
import type { Clock } from './clock.ts';
import type { Envelope } from './mailbox.ts';
import type { Plan } from './running.ts';

/** The `enqueuedAt` of a command whose wait is not, or no longer, measured. */
export const NOT_WAITING = -1;

export class ActorWatch {
  readonly #clock: Clock;
  readonly #observation: ActorObservation;
  #turnStartedAt = 0;

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

  turnStarted(envelopes: readonly Envelope[]): void {
    const now = this.#clock.monotonic();
    this.#turnStartedAt = now;
    for (const envelope of envelopes) {
      if (envelope.enqueuedAt === NOT_WAITING) continue;
      this.#observation.waited((now - envelope.enqueuedAt) / 1000);
      envelope.enqueuedAt = NOT_WAITING;
    }
  }

  turnEnded(): void {
    this.#observation.turnEnded((this.#clock.monotonic() - this.#turnStartedAt) / 1000);
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
