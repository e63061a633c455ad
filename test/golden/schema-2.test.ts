import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { DatabaseSync } from '@photostructure/sqlite';
import { SCHEMA_VERSION } from '../../src/journals/embedded/migrations.ts';
import { openEmbeddedJournal, openEmbeddedJournalReadOnly } from '../../src/journals/embedded/open.ts';
import type { Journal, StoredEvent } from '../../src/runtime/journal.ts';
import { folderWith } from '../support/folder.ts';

/** Of version 0.1, when the events had a unique index of their own; never changed. */
const GOLDEN = join(import.meta.dirname, '0.1/journal.db');

async function goldenJournal(): Promise<string> {
  const path = await folderWith();
  copyFileSync(GOLDEN, join(path, 'journal.db'));
  return path;
}

function query(path: string, sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(join(path, 'journal.db'));
  try {
    return database.prepare(sql).all() as Record<string, unknown>[];
  } finally {
    database.close();
  }
}

const versionOf = (path: string) => query(path, "SELECT value FROM meta WHERE name = 'schema_version'")[0]?.value;

async function contentsOf(journal: Journal): Promise<Record<string, StoredEvent[]>> {
  const contents: Record<string, StoredEvent[]> = {};
  for (const key of await journal.keys()) {
    contents[key] = [];
    for await (const chunk of journal.read(key)) contents[key].push(...chunk);
    expect(await journal.highestSequence(key)).toBe(contents[key].at(-1)?.sequence);
  }
  return contents;
}

async function opened<T>(journal: Promise<Journal>, use: (journal: Journal) => Promise<T>): Promise<T> {
  const open = await journal;
  try {
    return await use(open);
  } finally {
    await open.close();
  }
}

test('a journal of schema 2 is read and examined without being changed, and the same after it was brought up to date', async () => {
  const path = await goldenJournal();
  const before = await opened(openEmbeddedJournalReadOnly({ path }), contentsOf);
  const { findings } = await openEmbeddedJournalReadOnly({ path }).then(async (journal) => {
    const inspection = await journal.inspect();
    await journal.close();
    return inspection;
  });
  expect(findings).toEqual([]);
  expect(versionOf(path)).toBe(2);
  expect(Object.values(before).flat().length).toBeGreaterThan(50);
  for (let time = 1; time <= 2; time++) expect(await opened(openEmbeddedJournal({ path }), contentsOf)).toEqual(before);
  expect(versionOf(path)).toBe(SCHEMA_VERSION);
  const journal = await openEmbeddedJournalReadOnly({ path });
  expect((await journal.inspect()).findings).toEqual([]);
  await journal.close();
});

test('one that cannot be brought up to date stays of its schema, whole', async () => {
  const path = await goldenJournal();
  const before = await opened(openEmbeddedJournalReadOnly({ path }), contentsOf);
  // In the way of a later statement of the step.
  query(path, 'CREATE TABLE events_moved(other)');
  await expect(openEmbeddedJournal({ path })).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_OPEN_FAILED' });
  expect(versionOf(path)).toBe(2);
  expect(query(path, "SELECT name FROM sqlite_schema WHERE name = 'positions'")).toEqual([]);
  expect(await opened(openEmbeddedJournalReadOnly({ path }), contentsOf)).toEqual(before);
  query(path, 'DROP TABLE events_moved');
  expect(await opened(openEmbeddedJournal({ path }), contentsOf)).toEqual(before);
});
