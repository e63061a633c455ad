import { randomUUID } from 'node:crypto';
import { systemClock } from '../../runtime/clock.ts';
import { Database } from './database.ts';
import { loadDriver } from './driver.ts';
import { PostgresJournalConnection } from './journal.ts';
import { checkOptions, type PostgresJournalOptions } from './options.ts';
import { journalError } from './postgres-errors.ts';
import type { PostgresJournal } from './postgres-journal.ts';
import { ensureSchema } from './schema.ts';

/**
 * Opens the journal in a PostgreSQL database, version 13 or newer, and makes or updates its tables where that is needed.
 *
 * Throws DATAFLOW_ERR_JOURNAL_DRIVER_MISSING without the package pg, _OPEN_FAILED when there is no connection or the
 * server will not do, _FOREIGN for tables of a newer version or of another program, and DATAFLOW_ERR_CONFIG_INVALID.
 */
export async function openPostgresJournal(options: PostgresJournalOptions): Promise<PostgresJournal> {
  const settings = checkOptions(options, systemClock);
  const database = new Database(await loadDriver(), settings);
  try {
    await ensureSchema(database, settings);
  } catch (error) {
    await database.close();
    throw journalError(error, 'DATAFLOW_ERR_JOURNAL_OPEN_FAILED');
  }
  return new PostgresJournalConnection(database, settings, randomUUID());
}
