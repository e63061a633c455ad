import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Cluster, type ClusterOptions } from '../cluster/cluster.ts';
import type { Leases } from '../cluster/leases.ts';
import type { Nodes } from '../cluster/nodes.ts';
import type { ClusterConfig, Config } from '../config/config.ts';
import { DataflowError } from '../errors.ts';
import type { Journal } from '../runtime/journal.ts';

/** A journal whose keys can be leased. */
type SharedJournal = Journal & { readonly leases: Leases; readonly nodes: Nodes };

/** @throws DATAFLOW_ERR_CONFIG_INVALID when pipelines are to be shared through a journal that cannot be. */
export function checkShareable({ cluster, journal }: Config, given: Journal | undefined): void {
  if (!cluster.enabled || (given === undefined ? journal.kind === 'postgres' : isShared(given))) return;
  const got = given === undefined ? `journal.kind ${journal.kind}` : 'a journal without leases';
  const expected = 'false, or a PostgreSQL journal (journal.kind: postgres)';
  throw new DataflowError(
    'DATAFLOW_ERR_CONFIG_INVALID',
    `The configuration has 1 problem; correct it:\n  cluster.enabled: expected ${expected}, got ${got}`,
    { problems: [{ path: 'cluster.enabled', expected, got }] },
  );
}

export type JoinOptions = Omit<ClusterOptions, 'leases' | 'nodes' | 'identity' | 'leaseTimeMs'> & {
  readonly journal: Journal;
  readonly config: ClusterConfig;
  readonly version: string;
  /** Of the status page, once it is served. */
  address(): string | undefined;
};

/** This process among those that share the journal; it has not joined them yet. */
export function clusterOf({ journal, config, version, address, ...options }: JoinOptions): Cluster {
  // Only a process that is to share its pipelines asks, and that was checked before.
  const { leases, nodes } = journal as SharedJournal;
  const incarnation = randomUUID();
  const name = config.node ?? `${hostname()}-${process.pid}-${incarnation.slice(0, 4)}`;
  const identity = () => ({ name, incarnation, version, address: address() ?? null });
  return new Cluster({ ...options, leases, nodes, identity, leaseTimeMs: config.leaseTimeMs });
}

function isShared(journal: Journal): boolean {
  return 'leases' in journal && 'nodes' in journal;
}
