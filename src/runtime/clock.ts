export interface Timer {
  cancel(): void;
}

/** PORT: time. The system clock in production, a manual one in tests. */
export interface Clock {
  /** Wall clock in ms since the epoch; may step. */
  now(): number;
  /** A clock that never steps back, in ms with a fraction, from an arbitrary origin. */
  monotonic(): number;
  /** `delayMs` is clamped to 0..2^31-1; `unref` lets the process end before the timer fires. */
  setTimeout(callback: () => void, delayMs: number, options?: { readonly unref?: boolean }): Timer;
}

/** The longest delay a Node.js timer keeps; above it fires at once. */
export const MAX_TIMER_MS = 2_147_483_647;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout(callback, delayMs, options) {
    const handle = setTimeout(callback, Math.min(Math.max(delayMs, 0), MAX_TIMER_MS));
    if (options?.unref === true) handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};
