/** Who wants to hear of appends; told once for all appends of a turn of the event loop, after it. */
export class AppendListeners {
  readonly #listeners = new Set<{ readonly call: () => void }>();
  #scheduled = false;

  /** Returns how to stop it. */
  add(listener: () => void): () => void {
    const entry = { call: listener };
    this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
    };
  }

  appended(): void {
    if (this.#scheduled || this.#listeners.size === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (const { call } of this.#listeners) call();
    });
  }
}
