const SLOTS = 10;
const SHORTEST_SPAN_MS = 1000;

/**
 * Records per second over a sliding window, kept in ten slots, so memory and cost do not depend on the number of batches.
 * Times are monotonic milliseconds. While less than a window has passed since the first record, the rate is over that
 * shorter span, but never over less than a second: a first batch says little about a rate.
 */
export class ThroughputWindow {
  readonly #slotMs: number;
  // A plain array: a typed one costs more than what it holds, and there is one for each pipeline.
  #counts: number[] | undefined;
  #newest = Number.NEGATIVE_INFINITY;
  #startedAt: number | undefined;

  constructor(windowMs: number) {
    this.#slotMs = Math.max(windowMs, SLOTS) / SLOTS;
  }

  /** Starts the span of a pipeline that begins to run, so that waiting for its first batch counts as time. */
  start(nowMs: number): void {
    this.#counts = undefined;
    this.#newest = Number.NEGATIVE_INFINITY;
    this.#startedAt = nowMs;
  }

  add(records: number, nowMs: number): void {
    this.#startedAt ??= nowMs;
    this.#counts ??= new Array<number>(SLOTS).fill(0);
    const slot = this.#advance(nowMs, this.#counts);
    this.#counts[slot] = (this.#counts[slot] ?? 0) + records;
  }

  rate(nowMs: number): number {
    if (this.#startedAt === undefined || this.#counts === undefined) return 0;
    this.#advance(nowMs, this.#counts);
    let records = 0;
    for (const count of this.#counts) records += count;
    // The newest slot is only partly over, so the ten slots span between nine and ten slot lengths.
    const covered = nowMs - (this.#newest - (SLOTS - 1)) * this.#slotMs;
    const spanMs = Math.min(covered, nowMs - this.#startedAt);
    return (records * 1000) / Math.max(spanMs, Math.min(SHORTEST_SPAN_MS, this.#slotMs * SLOTS));
  }

  /** Empties the slots that have left the window and returns the index of the newest. */
  #advance(nowMs: number, counts: number[]): number {
    const current = Math.floor(nowMs / this.#slotMs);
    if (current - this.#newest >= SLOTS) counts.fill(0);
    else for (let slot = this.#newest + 1; slot <= current; slot++) counts[slot % SLOTS] = 0;
    this.#newest = Math.max(current, this.#newest);
    return this.#newest % SLOTS;
  }
}
