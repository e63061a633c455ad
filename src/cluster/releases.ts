/** Letting go of many keys one after the other: those that come while a statement is under way share the next ones. */
import type { Leases } from './leases.ts';

type How = NonNullable<Parameters<Leases['release']>[2]>;

interface Waiting {
  readonly key: string;
  readonly how: How;
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
  release(key: string, how: How): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, how, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const [{ how } = { how: 'in order' as How }] = this.#waiting;
      const batch = this.#waiting.filter((waiting) => waiting.how === how);
      this.#waiting = this.#waiting.filter((waiting) => waiting.how !== how);
      const keys = batch.map(({ key }) => key);
      try {
        await this.#leases.release(keys, this.#owner, how);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isRunning = false;
  }
}
