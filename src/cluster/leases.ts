/** The right to write a key, of one owner at a time. */
export interface Lease {
  readonly key: string;
  readonly owner: string;
  /** Grows with every acquisition of the key: what an older one still writes is refused. Pass it to sinks to fence with. */
  readonly epoch: number;
  /**
   * The epoch of the last owner who took the key from one that had not let go of it, and may still believe that it is the
   * owner; 0 when that never happened. It is `epoch` itself right after such a takeover, and stays when the key is handed
   * over in order later.
   */
  readonly takeoverEpoch: number;
  /** ms since the epoch by the database's clock, which alone decides; do not compare it with this machine's. */
  readonly expiresAt: number;
  /** By the database's clock, when it was read. An expired lease still writes until another owner acquires it. */
  readonly isExpired: boolean;
}

/** Keys that have events and that nobody holds, and how many there are that somebody should hold. */
export interface Vacancies {
  /** All keys that are not retired, held ones included. */
  readonly total: number;
  readonly keys: readonly string[];
}

/**
 * Leases of keys, for processes that share a journal. Owner names are unique among processes. Calls reject with
 * DATAFLOW_ERR_JOURNAL_APPEND_FAILED when the server stays away.
 */
export interface Leases {
  /**
   * Those of the keys that were free, expired or the owner's own, each with a new epoch; the others are left out. Waits
   * for an append in progress, so what is read afterwards is all that older epochs have written.
   */
  acquire(keys: readonly string[], owner: string, ttlMs: number): Promise<readonly Lease[]>;
  /** Prolongs what this journal holds; what is left out was lost, and appends to it are refused from now on. */
  renew(keys: readonly string[], owner: string, ttlMs: number): Promise<readonly Lease[]>;
  /**
   * Lets go, for another owner to acquire at once; appends to these keys are refused here until they are acquired again.
   * `abandoned`: something here may still write to their sinks, so that the next owner takes over. `retired`: nobody needs
   * to hold them any more; they are not vacant until somebody acquires them.
   */
  release(keys: readonly string[], owner: string, how?: 'in order' | 'abandoned' | 'retired'): Promise<void>;
  /** At most `limit` of the vacant keys, in an order that differs by `seed`, so that several takers seldom meet. */
  vacancies(limit: number, seed: number): Promise<Vacancies>;
  /** Those of the keys that were let go of as `retired`, and that nobody has acquired since. */
  retired(keys: readonly string[]): Promise<readonly string[]>;
  /** Who holds the key; undefined where nobody does. */
  ownerOf(key: string): Promise<string | undefined>;
  /** Every lease that has an owner, expired ones included. */
  list(): Promise<readonly Lease[]>;
}
