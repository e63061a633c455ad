import { type Clock, MAX_TIMER_MS, type Timer } from '../runtime/clock.ts';

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

export interface ManualClock extends Clock {
  /**
   * Moves the time on by `ms` and fires what is due, in order of time. Between two timers, and at the end, whatever the
   * fired ones set going gets its turns of the event loop.
   */
  advance(ms: number): Promise<void>;
  /** Steps the wall clock alone, as an operator or NTP does; timers do not notice. */
  step(ms: number): void;
  /** Timers that wait to fire. */
  readonly pending: number;
}

const TURNS = 20;

/** Lets everything run that waits for a turn of the event loop and not for time. */
export async function settle(turns = TURNS): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** A clock that stands still until it is told to move. @param start wall clock in ms since the epoch */
export function createManualClock(start = Date.UTC(2026, 0, 1)): ManualClock {
  let elapsed = 0;
  let stepped = 0;
  let order = 0;
  const timers = new Set<Pending>();

  const due = (until: number): Pending | undefined => {
    let first: Pending | undefined;
    for (const timer of timers) {
      if (timer.at > until) continue;
      if (first === undefined || timer.at < first.at || (timer.at === first.at && timer.order < first.order))
        first = timer;
    }
    return first;
  };

  return {
    now: () => start + elapsed + stepped,
    monotonic: () => elapsed,
    setTimeout(callback, delayMs): Timer {
      const delay = Math.min(Math.max(delayMs, 0), MAX_TIMER_MS);
      const timer = { at: elapsed + delay, order: order++, callback };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    async advance(ms) {
      const until = elapsed + ms;
      await settle();
      for (let timer = due(until); timer !== undefined; timer = due(until)) {
        timers.delete(timer);
        elapsed = Math.max(elapsed, timer.at);
        timer.callback();
        await settle();
      }
      elapsed = until;
    },
    step(ms) {
      stepped += ms;
    },
    get pending() {
      return timers.size;
    },
  };
}
