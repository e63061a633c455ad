/** The journals that outlive a process, as tests see them that hold for each. */
import { join } from 'node:path';
import { openEmbeddedJournalReadOnly } from '../../../src/journals/embedded/open.ts';
import { openPostgresJournal } from '../../../src/journals/postgres/open.ts';
import type { PostgresJournalOptions } from '../../../src/journals/postgres/options.ts';
import type { Journal } from '../../../src/runtime/journal.ts';
import { newSchema, usePostgres } from '../../support/postgres.ts';

export interface DurableJournal {
  /** For a child that works on it: see child-journal.mjs. */
  readonly env: Readonly<Record<string, string>>;
  /** To look at it, once the embedded one is closed or its process dead. */
  openReadOnly(): Promise<Journal>;
}

export function embeddedJournal(path: string): DurableJournal {
  return { env: {}, openReadOnly: () => openEmbeddedJournalReadOnly({ path }) };
}

/** In the schema that the options name, or in one that nobody uses yet. */
export function postgresJournal({
  schema = newSchema(),
  ...options
}: PostgresJournalOptions): DurableJournal & { readonly schema: string } {
  const named = { schema, ...options };
  return {
    schema,
    env: { CHAOS_POSTGRES: JSON.stringify(named) },
    openReadOnly: () => openPostgresJournal({ ...named, readOnly: true }),
  };
}

/** Defines tests for each kind; what they are given makes a new journal, for children whose `output` is this folder. */
export function forEachDurableJournal(
  define: (kind: 'embedded' | 'postgres', newJournal: (output: string) => DurableJournal) => void,
): void {
  define('embedded', (output) => embeddedJournal(join(output, 'journal')));
  const server = usePostgres();
  define('postgres', () => postgresJournal({ url: server().url() }));
}
