/**
 * Owns: whether an append whose outcome nobody was told of may still be stored: one by an earlier process, which may have
 * been killed in the middle of it, or one whose connection was given up.
 *
 * U1 Who reads where a stream ends, to go on from there, reads after all such appends have ended: what is not there
 *    then never comes. The one that still may has carried out its statement, and so holds the lock that O1 speaks of.
 * U2 As long as there is no doubt, nobody waits and the server is not asked.
 */
import type { GlobalOrder } from './global-order.ts';

export class Doubt {
  readonly #order: GlobalOrder;
  readonly #limitMs: number;
  /** Doubts are numbered: one that arises while others are settled needs another look. */
  #arisen = 0;
  #settled = 0;
  #settling: Promise<void> | undefined;

  /** `limitMs`: how long a reader waits at most. */
  constructor(order: GlobalOrder, limitMs: number) {
    this.#order = order;
    this.#limitMs = limitMs;
  }

  arise(): void {
    this.#arisen += 1;
  }

  /** Rejects when the appends do not end in time; the doubt stays. All who wait do so together. */
  async settle(): Promise<void> {
    while (this.#settled < this.#arisen) {
      this.#settling ??= this.#settle();
      await this.#settling;
    }
  }

  async #settle(): Promise<void> {
    const arisen = this.#arisen;
    try {
      await this.#order.allEnded(undefined, this.#limitMs);
      this.#settled = arisen;
    } finally {
      this.#settling = undefined;
    }
  }
}
