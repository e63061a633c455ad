export type { Lease, Leases, Vacancies } from '../../cluster/leases.ts';
export type { NodeIdentity, NodeRecord, Nodes } from '../../cluster/nodes.ts';
export { openPostgresJournal } from './open.ts';
export type { PostgresJournalOptions } from './options.ts';
export type { PostgresJournal } from './postgres-journal.ts';
