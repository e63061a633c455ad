/**
 * Owns what was measured with every batch and is not recorded yet. To record it touches some hundred cache lines, which the
 * work between two batches drives out of the caches: many in a row cost a third of as many one by one.
 *
 * R1 What waits is recorded in the order in which it came, and before whatever may not wait.
 * R2 Nobody reads a metric before it: who reads drains first.
 * R3 It keeps numbers and names, no event: what waits must not be carried through the scavenges.
 */
const MOST_VALUES = 5;

/** Records what it gave to the queue. Must neither throw nor add to the queue. */
export interface Measured {
  /** How many of the values it needs. The fewer, the fewer cache lines. */
  readonly width: 1 | 5;
  /** @param name and `values[at]`, `values[at + 1]` …: as they were given. */
  take(name: string, values: Float64Array, at: number): void;
}

export class MeasurementQueue {
  readonly #mayWait: () => boolean;
  readonly #capacity: number;
  readonly #measured: (Measured | undefined)[];
  readonly #names: string[];
  readonly #values: Float64Array;
  #length = 0;
  /** Where the values of the next one begin. */
  #end = 0;

  /**
   * @param mayWait false while each measurement has to be recorded as it comes, such as for its context.
   * @param capacity so many wait at the most.
   */
  constructor(mayWait: () => boolean, capacity = 1024) {
    this.#mayWait = mayWait;
    this.#capacity = capacity;
    this.#measured = new Array<undefined>(capacity).fill(undefined);
    this.#names = new Array<string>(capacity).fill('');
    // With room for one that does not wait.
    this.#values = new Float64Array((capacity + 1) * MOST_VALUES);
  }

  add(measured: Measured, name: string, a: number, b = 0, c = 0, d = 0, e = 0): void {
    const waits = this.#mayWait();
    if (!waits) this.drain();
    const at = this.#end;
    const { width } = measured;
    const values = this.#values;
    values[at] = a;
    if (width > 1) {
      values[at + 1] = b;
      values[at + 2] = c;
      values[at + 3] = d;
      values[at + 4] = e;
    }
    if (!waits) {
      measured.take(name, values, at);
      return;
    }
    this.#end = at + width;
    this.#measured[this.#length] = measured;
    this.#names[this.#length] = name;
    this.#length += 1;
    if (this.#length === this.#capacity) this.drain();
  }

  drain(): void {
    const length = this.#length;
    // Before the first is recorded: what it brings about may drain again.
    this.#length = 0;
    this.#end = 0;
    let at = 0;
    for (let index = 0; index < length; index++) {
      const measured = this.#measured[index]!;
      this.#measured[index] = undefined;
      measured.take(this.#names[index]!, this.#values, at);
      at += measured.width;
    }
  }
}

/** For a provider that others read: they cannot be made to drain first. */
export const NOTHING_WAITS = new MeasurementQueue(() => false, 0);
