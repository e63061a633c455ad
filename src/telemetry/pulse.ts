/**
 * Owns the one short timer of the runtime metrics. A timer that wakes a busy event loop costs some ten microseconds each time,
 * whatever is done then: what has to look often looks together. It does not keep the process alive.
 */
export const PULSE_MS = 20;

export class Pulse {
  readonly #listeners = new Set<() => void>();
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => this.#beat(), PULSE_MS);
    this.#timer.unref();
  }

  /** Returns the function that ends it. */
  onBeat(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#listeners.clear();
  }

  #beat(): void {
    for (const listener of this.#listeners) listener();
  }
}
