import { join } from 'node:path';
import { expect } from '@jest/globals';
import { DatabaseSync } from '@photostructure/sqlite';
import type { Journal, StoredEvent } from '../../../src/runtime/journal.ts';

/** The events of a key, after a look that they are numbered from 1 on without a gap or a repetition. */
export async function expectContiguous(journal: Journal, key: string): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  const highestBefore = await journal.highestSequence(key);
  for await (const chunk of journal.read(key)) events.push(...chunk);
  const wrong = events.findIndex(({ sequence }, index) => sequence !== index + 1);
  expect(wrong === -1 ? undefined : { key, expected: wrong + 1, found: events[wrong]?.sequence }).toBeUndefined();
  // The same number, unless somebody appends meanwhile.
  expect(events.length).toBeGreaterThanOrEqual(highestBefore);
  expect(events.length).toBeLessThanOrEqual(await journal.highestSequence(key));
  return events;
}

/** What SQLite itself finds in the file of a closed journal. */
export function integrityOf(directory: string): string {
  const database = new DatabaseSync(join(directory, 'journal.db'));
  try {
    return (database.prepare('PRAGMA integrity_check').get() as { integrity_check: string }).integrity_check;
  } finally {
    database.close();
  }
}
