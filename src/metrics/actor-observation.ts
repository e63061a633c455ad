import type { Counter } from '@opentelemetry/api';
import type { ActorGroup, Member, Target } from './actor-targets.ts';
import type { WarnOnce } from './guard.ts';

/** What all actors of the process share. */
export interface SystemSeries {
  readonly attributes: { readonly system: string };
  readonly processed: Counter;
  readonly unhandled: Counter;
  readonly warn: WarnOnce;
  readonly onError: (error: unknown) => void;
}

/** What one actor tells of itself, recorded as it comes. It holds no series; those belong to its targets. */
export class Observation implements Member {
  /** The series of this actor alone, where it is tracked. */
  readonly own: Target | undefined;
  readonly groups: readonly ActorGroup[];
  readonly #actor: Member;
  readonly #system: SystemSeries;
  readonly #onStopped: (observation: Observation) => void;
  #targets: readonly Target[];
  #mostWaiting = 0;
  #live = true;

  constructor(
    actor: Member,
    own: Target | undefined,
    groups: readonly ActorGroup[],
    system: SystemSeries,
    onStopped: (observation: Observation) => void,
  ) {
    this.#actor = actor;
    this.own = own;
    this.groups = groups;
    this.#targets = own === undefined ? groups : [own, ...groups];
    this.#system = system;
    this.#onStopped = onStopped;
  }

  get mailboxSize(): number {
    return this.#actor.mailboxSize;
  }

  /** The most commands that waited since the last call. */
  takeMostWaiting(): number {
    const now = this.mailboxSize;
    const most = Math.max(this.#mostWaiting, now);
    this.#mostWaiting = now;
    return most;
  }

  enqueued(mailboxSize: number): void {
    if (mailboxSize > this.#mostWaiting) this.#mostWaiting = mailboxSize;
  }

  waited(seconds: number): void {
    try {
      if (!this.#system.warn.accepts(seconds, 'time in mailbox', 'seconds')) return;
      for (const target of this.#targets) target.timeInMailbox.record(seconds, target.attributes);
    } catch (error) {
      this.#system.onError(error);
    }
  }

  turnEnded(seconds: number): void {
    try {
      if (!this.#system.warn.accepts(seconds, 'processing time', 'seconds')) return;
      for (const target of this.#targets) target.processingTime.record(seconds, target.attributes);
    } catch (error) {
      this.#system.onError(error);
    }
  }

  processed(count: number, unhandled: number): void {
    const { attributes } = this.#system;
    try {
      this.#system.processed.add(count, attributes);
      if (unhandled > 0) this.#system.unhandled.add(unhandled, attributes);
    } catch (error) {
      this.#system.onError(error);
    }
  }

  failed(): void {
    try {
      for (const target of this.#targets) target.errors.add(1, target.attributes);
    } catch (error) {
      this.#system.onError(error);
    }
  }

  stopped(): void {
    if (!this.#live) return;
    this.#live = false;
    this.#targets = this.groups;
    this.#onStopped(this);
  }
}
