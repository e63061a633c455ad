/**
 * What follows a crash of the actor: a pause that grows, then recovery from the journal; or the end.
 *
 * R1. Never resume: after a crash the state in memory may differ from the journal, so it is always rebuilt.
 * R2. What another try cannot mend (a gap, an unknown event, a foreign writer, a lost lease) ends the actor, not the process.
 * R3. `cancel` ends the pause at once, so that a stop never waits for it.
 */
import { backoffMs } from '../domain/retry.ts';
import { codeOf } from '../errors.ts';
import type { Clock, Timer } from './clock.ts';
import type { CrashDecision } from './nact-adapter.ts';

const BACKOFF = { maxRetries: Number.POSITIVE_INFINITY, initialMs: 100, maxMs: 10_000, jitter: 0.2 };

const HOPELESS: ReadonlySet<string> = new Set([
  'DATAFLOW_ERR_RECOVERY_GAP',
  'DATAFLOW_ERR_RECOVERY_EVENT_UNKNOWN',
  'DATAFLOW_ERR_JOURNAL_CONFLICT',
  'DATAFLOW_ERR_JOURNAL_CORRUPT',
  'DATAFLOW_ERR_JOURNAL_FOREIGN',
  'DATAFLOW_ERR_JOURNAL_CLOSED',
  // Another process owns the pipeline. A sink that is fenced needs no rule of its own: its error is a failure like any
  // other, the append that would record it is refused with this code, and the actor ends without having failed.
  'DATAFLOW_ERR_JOURNAL_FENCED',
]);

export function isHopeless(error: unknown): boolean {
  return HOPELESS.has(codeOf(error) ?? '');
}

export class Supervision {
  readonly #clock: Clock;
  readonly #random: () => number;
  #failures = 0;
  #cancelled = false;
  #pause: { readonly timer: Timer; readonly end: () => void } | undefined;

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  async answer(error: unknown): Promise<CrashDecision> {
    if (this.#cancelled || isHopeless(error)) return 'stop';
    const delay = backoffMs(BACKOFF, Math.min(this.#failures++, 20), this.#random());
    await new Promise<void>((end) => {
      this.#pause = { timer: this.#clock.setTimeout(end, delay), end };
    });
    this.#pause = undefined;
    return this.#cancelled ? 'stop' : 'reset';
  }

  /** An append succeeded: the next crash starts with the shortest pause. */
  succeeded(): void {
    this.#failures = 0;
  }

  cancel(): void {
    this.#cancelled = true;
    this.#pause?.timer.cancel();
    this.#pause?.end();
  }
}
