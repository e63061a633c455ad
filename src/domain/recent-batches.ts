/** A processed batch and its result, as the journal's snapshots hold it: id, ok, failed, ms. */
export type RecentBatch = readonly [
  batchId: string,
  successCount: number,
  failureCount: number,
  processingTimeMs: number,
];

export const RECENT_BATCHES_LIMIT = 1000;

/** The entries of every version of one lineage, oldest first. */
interface Log {
  readonly entries: RecentBatch[];
  readonly indexById: Map<string, number>;
}

/**
 * The last 1,000 processed batches, as an immutable value with O(1) lookup and amortised O(1) append: a state is
 * made for every batch, so copying a thousand entries each time would cost more than the batch's own bookkeeping.
 *
 * Versions share one log. A version is the window [end - limit, end) of it; appending to the newest version extends
 * the log, appending to an older one (a decision that never became durable was taken from the newer) copies its window.
 */
export class RecentBatches {
  readonly #log: Log;
  readonly #end: number;

  private constructor(log: Log, end: number) {
    this.#log = log;
    this.#end = end;
  }

  static empty(): RecentBatches {
    return new RecentBatches({ entries: [], indexById: new Map() }, 0);
  }

  static from(batches: Iterable<RecentBatch>): RecentBatches {
    let result = RecentBatches.empty();
    for (const batch of batches) result = result.add(batch);
    return result;
  }

  get size(): number {
    return this.#end - this.#start;
  }

  get #start(): number {
    return Math.max(0, this.#end - RECENT_BATCHES_LIMIT);
  }

  find(batchId: string): RecentBatch | undefined {
    const index = this.#log.indexById.get(batchId);
    if (index === undefined || index >= this.#end || index < this.#start) return undefined;
    return this.#log.entries[index];
  }

  /** This value with the batch added; the value itself where it holds the id already. */
  add(batch: RecentBatch): RecentBatches {
    if (this.find(batch[0]) !== undefined) return this;
    const newest = this.#end === this.#log.entries.length;
    // An id that has left the window may come back; in one log an older version would then no longer find it.
    if (!newest || this.#log.indexById.has(batch[0])) return RecentBatches.#fork(this.toArray()).add(batch);
    this.#log.entries.push(batch);
    this.#log.indexById.set(batch[0], this.#end);
    const result = new RecentBatches(this.#log, this.#end + 1);
    return this.#log.entries.length >= 4 * RECENT_BATCHES_LIMIT ? RecentBatches.#fork(result.toArray()) : result;
  }

  static #fork(window: RecentBatch[]): RecentBatches {
    const indexById = new Map(window.map(([batchId], index) => [batchId, index]));
    return new RecentBatches({ entries: window, indexById }, window.length);
  }

  /** Oldest first. */
  toArray(): RecentBatch[] {
    return this.#log.entries.slice(this.#start, this.#end);
  }

  toJSON(): RecentBatch[] {
    return this.toArray();
  }
}
