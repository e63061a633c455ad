/**
 * Waiting until an actor has nothing left to do. Owns the waiters; the actor says when to look.
 */
import type { Clock } from './clock.ts';

export class Drain {
  readonly #looks = new Set<() => void>();

  /** True when `idle` held within `timeoutMs`, false when the time ended first. */
  wait(idle: () => boolean, timeoutMs: number, clock: Clock): Promise<boolean> {
    if (idle()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const done = (inTime: boolean): void => {
        timer.cancel();
        this.#looks.delete(look);
        resolve(inTime);
      };
      const timer = clock.setTimeout(() => done(false), timeoutMs);
      const look = (): void => {
        if (idle()) done(true);
      };
      this.#looks.add(look);
    });
  }

  check(): void {
    for (const look of [...this.#looks]) look();
  }
}
