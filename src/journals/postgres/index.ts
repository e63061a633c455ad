export type { Lease, Leases } from './lease.ts';
export { openPostgresJournal } from './open.ts';
export type { PostgresJournalOptions } from './options.ts';
export type { PostgresJournal } from './postgres-journal.ts';
