import { setTimeout as pause } from 'node:timers/promises';
import type { Child } from './child.ts';
import type { Disk } from './disk-shim.ts';
import type { Random } from './random.ts';

export const HOUR_MS = 3_600_000;
export const YEAR_MS = 8766 * HOUR_MS;
/** To what a clock without a battery shows, an hour of summer time, a decade, a second. */
export const STEPS_MS = [-55 * YEAR_MS, -10 * YEAR_MS, -HOUR_MS, -1000, 0, 1000, HOUR_MS, 10 * YEAR_MS];

/** Steps the clock of what runs on the disk's shim until the fact comes, or the child ends. */
export async function stepUntil(
  child: Child,
  disk: Disk,
  random: Random,
  matches: (child: Child) => boolean,
): Promise<void> {
  let ended = false;
  void child.ended.then(() => {
    ended = true;
  });
  while (!ended && !matches(child)) {
    disk.stepClock(random.pick(STEPS_MS) + random.below(5000));
    await pause(2);
  }
}
