import type { Leases } from '../../cluster/leases.ts';
import type { Nodes } from '../../cluster/nodes.ts';
import type { Journal } from '../../runtime/journal.ts';

/** A journal in a PostgreSQL database. Where several processes write to it, leases give each key one owner at a time. */
export interface PostgresJournal extends Journal {
  readonly leases: Leases;
  readonly nodes: Nodes;
}
