/** A process that shares the pipelines of a journal. */
export interface NodeIdentity {
  /** The owner's name in leases. */
  readonly name: string;
  /** A UUID of this process: two processes of one name are told apart by it. */
  readonly incarnation: string;
  /** Where its status page is; null where it has none. */
  readonly address: string | null;
  readonly version: string;
}

export interface NodeRecord extends Omit<NodeIdentity, 'incarnation'> {
  /** ms since the epoch, by the database's clock. */
  readonly startedAt: number;
  readonly seenAt: number;
  /** It has not been heard of for the time of its lease. */
  readonly isExpired: boolean;
  /** How many keys it holds. */
  readonly keys: number;
}

/** The processes that share a journal, as they report themselves to it. */
export interface Nodes {
  /**
   * Says that the node lives, for another `ttlMs`, and gives all nodes by name, expired ones included; undefined when
   * another process of its name lives.
   */
  report(node: NodeIdentity, ttlMs: number): Promise<readonly NodeRecord[] | undefined>;
  /** Takes the node off the list. */
  leave(node: NodeIdentity): Promise<void>;
  list(): Promise<readonly NodeRecord[]>;
}
