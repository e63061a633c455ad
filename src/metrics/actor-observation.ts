import type { Counter } from '@opentelemetry/api';
import type { ActorGroup, Member, Target } from './actor-targets.ts';
import type { WarnOnce } from './guard.ts';
import type { Measured, MeasurementQueue } from './measurement-queue.ts';

/** What all actors of the process share. */
export interface SystemSeries {
  readonly attributes: { readonly system: string };
  readonly processed: Counter;
  readonly unhandled: Counter;
  readonly queue: MeasurementQueue;
  readonly warn: WarnOnce;
  readonly onError: (error: unknown) => void;
}

type What = 'waited' | 'turnEnded' | 'processed' | 'unhandled';

/** What one actor tells of itself, on its way through the queue. It holds no series; those belong to its targets. */
export class Observation implements Member, Measured {
  readonly width = 1;
  /** The series of this actor alone, where it is tracked. */
  readonly own: Target | undefined;
  readonly groups: readonly ActorGroup[];
  readonly #actor: Member;
  readonly #system: SystemSeries;
  readonly #onStopped: (observation: Observation) => void;
  #targets: readonly Target[];
  /** Since anybody looked. */
  #mostWaiting = 0;
  #mostSinceStart = 0;
  /** By reader: since it looked. */
  #mostSeen: Map<object, number> | undefined;
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

  /**
   * The most commands that waited since this reader's last call, or since the start. Without a reader nothing is taken from
   * any: it is the most that one of them has still to see.
   */
  mostWaiting(reader?: object): number {
    const now = this.mailboxSize;
    const most = Math.max(this.#mostWaiting, now);
    this.#mostWaiting = now;
    this.#mostSinceStart = Math.max(this.#mostSinceStart, most);
    this.#mostSeen ??= new Map();
    for (const [other, seen] of this.#mostSeen) if (seen < most) this.#mostSeen.set(other, most);
    if (reader === undefined)
      return this.#mostSeen.size === 0 ? this.#mostSinceStart : Math.max(...this.#mostSeen.values());
    const found = this.#mostSeen.get(reader) ?? this.#mostSinceStart;
    this.#mostSeen.set(reader, now);
    return found;
  }

  enqueued(mailboxSize: number): void {
    if (mailboxSize > this.#mostWaiting) this.#mostWaiting = mailboxSize;
  }

  waited(seconds: number): void {
    this.#system.queue.add(this, 'waited' satisfies What, seconds);
  }

  turnEnded(seconds: number): void {
    this.#system.queue.add(this, 'turnEnded' satisfies What, seconds);
  }

  processed(count: number, unhandled: number): void {
    this.#system.queue.add(this, 'processed' satisfies What, count);
    if (unhandled > 0) this.#system.queue.add(this, 'unhandled' satisfies What, unhandled);
  }

  take(what: string, values: Float64Array, at: number): void {
    const value = values[at]!;
    const { attributes, processed, unhandled, warn, onError } = this.#system;
    try {
      switch (what as What) {
        case 'waited':
          if (!warn.accepts(value, 'time in mailbox', 'seconds')) return;
          for (const target of this.#targets) target.timeInMailbox.record(value, target.attributes);
          break;
        case 'turnEnded':
          if (!warn.accepts(value, 'processing time', 'seconds')) return;
          for (const target of this.#targets) target.processingTime.record(value, target.attributes);
          break;
        case 'processed':
          processed.add(value, attributes);
          break;
        case 'unhandled':
          unhandled.add(value, attributes);
          break;
      }
    } catch (error) {
      onError(error);
    }
  }

  failed(): void {
    this.#system.queue.drain();
    try {
      for (const target of this.#targets) target.errors.add(1, target.attributes);
    } catch (error) {
      this.#system.onError(error);
    }
  }

  stopped(): void {
    if (!this.#live) return;
    this.#system.queue.drain();
    this.#live = false;
    this.#targets = this.groups;
    this.#onStopped(this);
  }
}
