import type { Config, JournalConfig } from '../config/config.ts';
import { expandTemplates } from '../config/template.ts';
import type { Environment } from '../connectors/environment.ts';
import { DataflowError, describeProblem } from '../errors.ts';
import { openEmbeddedJournal, openEmbeddedJournalReadOnly } from '../journals/embedded/open.ts';
import { createMemoryJournal } from '../journals/memory.ts';
import type { PostgresJournalOptions } from '../journals/postgres/options.ts';
import type { PostgresJournal } from '../journals/postgres/postgres-journal.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import type { Journal } from '../runtime/journal.ts';

/** The journal that the configuration names. Rejects with DATAFLOW_ERR_JOURNAL_* or DATAFLOW_ERR_CONFIG_INVALID. */
export async function openJournal(
  { journal: config, cluster }: Pick<Config, 'journal' | 'cluster'>,
  env: Environment,
  clock: Clock,
): Promise<Journal> {
  const { kind, path, durability, maxBytes } = config;
  if (kind === 'memory') return createMemoryJournal();
  if (kind === 'postgres') {
    const options = { ...postgresOptions(config, env), clock };
    if (!cluster.enabled) return openPostgres(options);
    // What is not stored within the time of a lease is for the next owner to store.
    return openPostgres({ ...options, requireLeases: true, retryForMs: cluster.leaseTimeMs });
  }
  return openEmbeddedJournal({ path, durability, ...(maxBytes !== undefined && { maxBytes }) });
}

/** The same for looking at it; a journal in memory has nothing to look at. */
export async function openJournalReadOnly(config: JournalConfig, env: Environment): Promise<Journal> {
  if (config.kind === 'postgres') return openSharedJournal(config, env);
  return openEmbeddedJournalReadOnly({ path: config.path });
}

/** The same for one that processes can share. @throws DATAFLOW_ERR_CONFIG_INVALID for another kind */
export async function openSharedJournal(config: JournalConfig, env: Environment): Promise<PostgresJournal> {
  if (config.kind === 'postgres') {
    return openPostgres({ ...postgresOptions(config, env), clock: systemClock, readOnly: true });
  }
  const problem = { path: 'journal.kind', expected: 'postgres: only its pipelines are shared', got: config.kind };
  throw new DataflowError(
    'DATAFLOW_ERR_CONFIG_INVALID',
    `The configuration has 1 problem; correct it:\n  ${describeProblem(problem)}`,
    { problems: [problem] },
  );
}

/** Loaded here, so that who uses another journal loads nothing of it. */
async function openPostgres(options: PostgresJournalOptions): Promise<PostgresJournal> {
  const { openPostgresJournal } = await import('../journals/postgres/open.ts');
  return openPostgresJournal(options);
}

function postgresOptions(config: JournalConfig, env: Environment): PostgresJournalOptions {
  const { schema, maxReadConnections, statementTimeoutMs } = config;
  const { value, faults } = expandTemplates(config.url ?? '', env);
  if (faults.length > 0) {
    throw new DataflowError('DATAFLOW_ERR_CONFIG_INVALID', `journal.url refers to ${faults.join(', ')}; set it`, {
      problems: faults.map((got) => ({ path: 'journal.url', expected: 'variables that are set', got })),
    });
  }
  return { url: value as string, schema, maxReadConnections, statementTimeoutMs };
}
