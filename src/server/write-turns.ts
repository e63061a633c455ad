/**
 * Owns whose answer is written now. Owns no answer and no connection.
 *
 * R1 Two answers at most have a turn, and together they write no more than a slice before the event loop goes on.
 * R2 A turn comes in the order of asking. An answer that waits for its client has none.
 * R3 There are at most `limit` answers. For one more, the one that has waited for its client the longest is given up, if
 *    that is long enough; else the one more is refused.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** While the text of one is compressed, which is done beside the event loop, that of the other is made. */
const WRITERS = 2;
const SLICE_MS = 5;
/** Of the others, with a client that does not take what it is sent. */
const PATIENCE_MS = 5000;

/** The place of one answer. */
export interface Place {
  /** Called when the place is needed for another. */
  readonly giveUp: () => void;
  /** Monotonic ms; undefined while it does not wait for its client. */
  waitsSince: number | undefined;
}

export class WriteTurns {
  readonly #limit: number;
  readonly #now: () => number;
  readonly #places = new Set<Place>();
  readonly #queue = new Map<Place, () => void>();
  readonly #writing = new Set<Place>();
  #sliceStart = Number.NEGATIVE_INFINITY;

  constructor(limit: number, now = (): number => performance.now()) {
    this.#limit = limit;
    this.#now = now;
  }

  /** Undefined when there are too many; else the place has to be left. */
  enter(giveUp: () => void): Place | undefined {
    if (this.#places.size >= this.#limit) this.#giveUpSlowest();
    if (this.#places.size >= this.#limit) return undefined;
    const place: Place = { giveUp, waitsSince: undefined };
    this.#places.add(place);
    return place;
  }

  /** Waits for a turn; false when the place was left meanwhile. */
  async take(place: Place): Promise<boolean> {
    place.waitsSince = undefined;
    if (!this.#places.has(place)) return false;
    if (this.#writing.size < WRITERS) this.#writing.add(place);
    else await new Promise<void>((resolve) => this.#queue.set(place, resolve));
    if (this.#writing.has(place)) await this.pause();
    return this.#writing.has(place);
  }

  /** Lets others write while its client takes what it was sent. */
  pass(place: Place): void {
    place.waitsSince = this.#now();
    this.#next(place);
  }

  /** Lets the event loop go on when the slice is over. */
  async pause(): Promise<void> {
    if (this.#now() - this.#sliceStart < SLICE_MS) return;
    await nextTurn();
    this.#sliceStart = this.#now();
  }

  leave(place: Place): void {
    this.#places.delete(place);
    const resume = this.#queue.get(place);
    this.#queue.delete(place);
    resume?.();
    this.#next(place);
  }

  #next(place: Place): void {
    if (!this.#writing.delete(place)) return;
    for (const [other, resume] of this.#queue) {
      this.#queue.delete(other);
      this.#writing.add(other);
      resume();
      return;
    }
  }

  #giveUpSlowest(): void {
    let slowest: Place | undefined;
    let since = this.#now() - PATIENCE_MS;
    for (const place of this.#places) {
      if (place.waitsSince === undefined || place.waitsSince > since) continue;
      slowest = place;
      since = place.waitsSince;
    }
    if (slowest === undefined) return;
    this.leave(slowest);
    slowest.giveUp();
  }
}
