/** Work on a key that is done one after the other; work on different keys goes on side by side. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** True while something is done, or waits to be done, to the key. */
  has(key: string): boolean {
    return this.#last.has(key);
  }

  /** Settles as `work` does, which begins when everything before it has settled. */
  take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const result = before.catch(() => {}).then(work);
    const settled = result.catch(() => {});
    this.#last.set(key, settled);
    void settled.then(() => {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    });
    return result;
  }
}
