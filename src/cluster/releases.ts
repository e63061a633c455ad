/** Letting go of many keys one after the other: those that come while a statement is under way share the next one. */
import type { Leases } from './leases.ts';

interface Waiting {
  readonly key: string;
  resolve(): void;
  reject(error: unknown): void;
}

export class Releases {
  readonly #leases: Leases;
  readonly #owner: string;
  #waiting: Waiting[] = [];
  #isRunning = false;

  constructor(leases: Leases, owner: string) {
    this.#leases = leases;
    this.#owner = owner;
  }

  /** Resolves when another node can have the key. */
  release(key: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#leases.release(
          batch.map(({ key }) => key),
          this.#owner,
        );
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isRunning = false;
  }
}
