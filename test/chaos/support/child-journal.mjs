/**
 * Which journal a child works on: the PostgreSQL one that CHAOS_POSTGRES names (the options of `openPostgresJournal` as
 * JSON), where it is set, else the embedded one that its arguments name.
 */
import { openEmbeddedJournal } from '../../../dist/journals/embedded/open.js';

const { CHAOS_POSTGRES } = process.env;
const postgres = CHAOS_POSTGRES === undefined ? undefined : JSON.parse(CHAOS_POSTGRES);

/** For `startPlatform`. */
export function journalSettings(path) {
  return postgres === undefined ? { kind: 'embedded', path } : { kind: 'postgres', ...postgres };
}

/** `options`: those of the embedded one. */
export async function openJournal(options) {
  if (postgres === undefined) return openEmbeddedJournal(options);
  const { openPostgresJournal } = await import('../../../dist/journals/postgres/open.js');
  return openPostgresJournal(postgres);
}
