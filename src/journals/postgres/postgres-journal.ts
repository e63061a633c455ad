import type { Journal } from '../../runtime/journal.ts';
import type { Leases } from './lease.ts';

/** A journal in a PostgreSQL database. Where several processes write to it, leases give each key one owner at a time. */
export interface PostgresJournal extends Journal {
  readonly leases: Leases;
}
