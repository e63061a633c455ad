import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { DatabaseSync } from '@photostructure/sqlite';
import { SCHEMA_VERSION } from '../../src/journals/embedded/migrations.ts';
import { openEmbeddedJournal, openEmbeddedJournalReadOnly } from '../../src/journals/embedded/open.ts';
import type { GlobalEvent, Journal, StoredEvent } from '../../src/runtime/journal.ts';
import { readState } from '../../src/runtime/read-state.ts';
import { folderWith } from '../support/folder.ts';

/** Written by the first version of the embedded journal; never changed. */
const GOLDEN = join(import.meta.dirname, 'journal-schema-1.db');

async function goldenJournal(): Promise<string> {
  const path = await folderWith();
  copyFileSync(GOLDEN, join(path, 'journal.db'));
  return path;
}

function query(path: string, sql: string): unknown[] {
  const database = new DatabaseSync(join(path, 'journal.db'));
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}

const versionOf = (path: string) => query(path, "SELECT value FROM meta WHERE name = 'schema_version'");

async function read(journal: Journal, key: string): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  for await (const chunk of journal.read(key)) events.push(...chunk);
  return events;
}

async function readAll(journal: Journal, tag?: string): Promise<GlobalEvent[]> {
  const events: GlobalEvent[] = [];
  for await (const chunk of journal.readAll(tag === undefined ? {} : { tag })) events.push(...chunk);
  return events;
}

async function expectContents(journal: Journal): Promise<void> {
  expect(await journal.keys()).toEqual(['numbers', 'größe 🚀', 'cut', 'gone', 'orders']);
  const numbers = await read(journal, 'numbers');
  expect(numbers).toHaveLength(10);
  expect(numbers[2]).toEqual({
    sequence: 3,
    data: { type: 'Counted', number: 3, text: 'größe \0 🚀' },
    tags: ['all', 'odd'],
    timestamp: 1003,
  });
  expect((await read(journal, 'größe 🚀')).map(({ tags }) => tags)).toEqual([[], ['b', 'a', 'b']]);
  expect((await read(journal, 'cut')).map(({ sequence }) => sequence)).toEqual([5, 6, 7, 8, 9, 10]);
  expect([await journal.highestSequence('cut'), await journal.highestSequence('gone')]).toEqual([10, 3]);
  expect(await readAll(journal)).toHaveLength(42);
  expect((await readAll(journal, 'odd')).map(({ key, sequence }) => `${key}:${sequence}`)).toEqual([
    ...[1, 3, 5, 7, 9].map((sequence) => `numbers:${sequence}`),
    ...[5, 7, 9].map((sequence) => `cut:${sequence}`),
  ]);
  expect(await journal.latestSnapshot('numbers')).toEqual({ sequence: 6, state: { total: 6 }, timestamp: 2006 });
  expect(await journal.projectionOffset('none')).toBe(0);
  const { state, sequence } = await readState(journal, 'orders');
  expect(sequence).toBe(24);
  expect(state).toMatchObject({ status: 'stopped', metrics: { totalRecordsProcessed: 25 } });
}

test('a journal of schema 1 is read without being changed', async () => {
  const path = await goldenJournal();
  const journal = await openEmbeddedJournalReadOnly({ path });
  await expectContents(journal);
  await journal.close();
  expect(versionOf(path)).toEqual([{ value: 1 }]);
});

test('a journal of schema 1 is brought up to date when it is opened, and goes on', async () => {
  const path = await goldenJournal();
  for (let time = 1; time <= 2; time++) {
    const journal = await openEmbeddedJournal({ path });
    await expectContents(journal);
    await journal.close();
  }
  expect(versionOf(path)).toEqual([{ value: SCHEMA_VERSION }]);
  const journal = await openEmbeddedJournal({ path });
  const last = (await readAll(journal)).at(-1)!.offset;
  const event = { data: { number: 4 }, tags: [], timestamp: 1, metadata: { trace: 1 } };
  await journal.append('gone', 3, [event]);
  await journal.saveProjectionOffset('totals', last);
  expect(await read(journal, 'gone')).toEqual([{ ...event, sequence: 4 }]);
  expect((await readAll(journal)).at(-1)!.offset).toBeGreaterThan(last);
  expect(await journal.projectionOffset('totals')).toBe(last);
  await journal.close();
});

test('a journal that was brought up to date looks like one that was made new', async () => {
  const [old, made] = [await goldenJournal(), await folderWith()];
  for (const path of [old, made]) await (await openEmbeddedJournal({ path })).close();
  const schema = 'SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name';
  expect(query(old, schema)).toEqual(query(made, schema));
});

test('a journal that cannot be brought up to date stays of its schema, whole', async () => {
  const path = await goldenJournal();
  // In the way of the second statement of the step.
  query(path, 'CREATE TABLE offsets(other)');
  await expect(openEmbeddedJournal({ path })).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_OPEN_FAILED' });
  expect(versionOf(path)).toEqual([{ value: 1 }]);
  expect(query(path, 'PRAGMA table_info(events)')).not.toContainEqual(expect.objectContaining({ name: 'metadata' }));
  query(path, 'DROP TABLE offsets');
  const journal = await openEmbeddedJournal({ path });
  await expectContents(journal);
  await journal.close();
});

test('a journal of a newer schema is refused, and not touched', async () => {
  const path = await goldenJournal();
  query(path, `UPDATE meta SET value = ${SCHEMA_VERSION + 1} WHERE name = 'schema_version'`);
  for (const open of [openEmbeddedJournal, openEmbeddedJournalReadOnly]) {
    await expect(open({ path })).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_FOREIGN' });
  }
  expect(versionOf(path)).toEqual([{ value: SCHEMA_VERSION + 1 }]);
});
