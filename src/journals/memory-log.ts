/**
 * Owns: the order of all events of a memory journal.
 *
 * R1 Offsets are given once, in the order of the appends, without gaps; deletion leaves a hole.
 */
import type { GlobalEvent, StoredEvent } from '../runtime/journal.ts';

/** Events looked at for one chunk, so that a rare tag does not hold the event loop. */
const SCAN = 20_000;

export class MemoryLog {
  /** By offset, from `#first` on. */
  #events: (GlobalEvent | undefined)[] = [];
  #first = 1;
  /** Holes before the first event that is still there. */
  #leadingHoles = 0;

  get highest(): number {
    return this.#first + this.#events.length - 1;
  }

  add(key: string, event: StoredEvent): GlobalEvent {
    const placed = { ...event, key, offset: this.highest + 1 };
    this.#events.push(placed);
    return placed;
  }

  remove({ offset }: GlobalEvent): void {
    this.#events[offset - this.#first] = undefined;
    while (this.#leadingHoles < this.#events.length && this.#events[this.#leadingHoles] === undefined) {
      this.#leadingHoles++;
    }
    if (this.#leadingHoles <= this.#events.length / 2) return;
    this.#events = this.#events.slice(this.#leadingHoles);
    this.#first += this.#leadingHoles;
    this.#leadingHoles = 0;
  }

  /** At most `limit` events after an offset and up to another; `reached` tells from where to go on. */
  chunk(after: number, to: number, limit: number, tag?: string): { events: GlobalEvent[]; reached: number } {
    const events: GlobalEvent[] = [];
    let reached = Math.max(after, this.#first - 1);
    const farthest = Math.min(to, reached + SCAN);
    while (reached < farthest && events.length < limit) {
      reached++;
      const event = this.#events[reached - this.#first];
      if (event !== undefined && (tag === undefined || event.tags.includes(tag))) events.push(event);
    }
    return { events, reached };
  }
}
