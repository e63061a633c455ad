/** What follows from the one time that is configured: how long a crashed node's pipelines may wait for their next owner. */
export interface ClusterTiming {
  /** How long a lease lasts; with the look for vacant keys and the recovery after it, no more than the lease time. */
  readonly ttlMs: number;
  /** From one renewal to the next: three may fail. */
  readonly renewMs: number;
  /** From one look for vacant keys to the next, which is the longest part of a hand-over. */
  readonly lookMs: number;
  /** After which a key that nobody has taken is taken whatever the balance says, and one that is held may be handed over. */
  readonly settleMs: number;
  /** For which a node keeps what no other wanted, and leaves alone what it cannot run. */
  readonly standMs: number;
}

export function timingOf(leaseTimeMs: number): ClusterTiming {
  return {
    ttlMs: Math.floor(leaseTimeMs * 0.75),
    renewMs: Math.floor(leaseTimeMs / 5),
    lookMs: Math.min(500, Math.floor(leaseTimeMs / 20)),
    settleMs: leaseTimeMs,
    standMs: leaseTimeMs * 30,
  };
}
