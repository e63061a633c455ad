import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { DatabaseSync } from '@photostructure/sqlite';
import { openEmbeddedJournal, openEmbeddedJournalReadOnly } from '../../src/journals/embedded/open.ts';
import type { Journal } from '../../src/runtime/journal.ts';
import { folderWith } from '../support/folder.ts';
import { event, events } from '../support/journal-events.ts';

let path: string;
beforeEach(async () => {
  path = await folderWith();
});

function sql(statement: string, directory = path): Record<string, unknown>[] {
  const database = new DatabaseSync(join(directory, 'journal.db'));
  try {
    return database.prepare(statement).all() as Record<string, unknown>[];
  } finally {
    database.close();
  }
}

const unplaced = (directory = path) =>
  sql(
    `SELECT count(*) AS count FROM events LEFT JOIN positions USING (stream, seq, ordinal)
     WHERE positions.seq IS NULL AND events.ordinal > (SELECT value FROM meta WHERE name = 'positions_to')`,
    directory,
  )[0]?.count;

async function sequencesOf(journal: Journal, key: string, from = 1): Promise<number[]> {
  const sequences: number[] = [];
  for await (const chunk of journal.read(key, { from })) sequences.push(...chunk.map(({ sequence }) => sequence));
  return sequences;
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

/** The files as a process that was killed now would leave them. */
async function killedCopy(): Promise<string> {
  const copy = await folderWith();
  for (const name of ['journal.db', 'journal.db-wal']) copyFileSync(join(path, name), join(copy, name));
  return copy;
}

describe('Positions R1: events have their position after a while, and are found before', () => {
  test('by a reader of another process, in each stream, with its highest number', async () => {
    const journal = await openEmbeddedJournal({ path });
    await journal.append('a', 0, events(1, 300));
    expect(await sequencesOf(journal, 'a')).toEqual(upTo(300));
    expect(unplaced()).toBe(0);
    await journal.append('b', 0, events(1, 2));
    await journal.append('a', 300, events(301, 900));
    expect(unplaced()).toBe(602);
    const reader = await openEmbeddedJournalReadOnly({ path });
    expect(await sequencesOf(reader, 'a')).toEqual(upTo(900));
    expect(await sequencesOf(reader, 'a', 700)).toEqual(upTo(900).slice(699));
    expect(await sequencesOf(reader, 'b')).toEqual([1, 2]);
    expect([await reader.highestSequence('a'), await reader.highestSequence('b')]).toEqual([900, 2]);
    expect((await reader.inspect()).findings).toEqual([]);
    expect(unplaced()).toBe(602);
    await reader.close();
    await journal.close();
    expect(unplaced()).toBe(0);
  });

  test('once 10,000 wait, without being read or closed', async () => {
    const journal = await openEmbeddedJournal({ path });
    for (let from = 1; from <= 9_000; from += 3_000) await journal.append('a', from - 1, events(from, from + 2_999));
    expect(unplaced()).toBe(9_000);
    await journal.append('b', 0, events(1, 1_000));
    expect(unplaced()).toBe(0);
    await journal.close();
  });

  test('after a kill, by appends and reads', async () => {
    const journal = await openEmbeddedJournal({ path });
    await journal.append('a', 0, events(1, 3));
    await journal.append('b', 0, events(1, 2));
    const killed = await killedCopy();
    await journal.close();
    expect(unplaced(killed)).toBe(5);
    const again = await openEmbeddedJournal({ path: killed });
    await expect(again.append('a', 2, [event(9)])).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_CONFLICT' });
    await again.append('a', 0, events(1, 4));
    await again.append('b', 2, events(3, 3));
    expect(await sequencesOf(again, 'a')).toEqual([1, 2, 3, 4]);
    expect(await sequencesOf(again, 'b')).toEqual([1, 2, 3]);
    await again.close();
  });

  test('where they are deleted at once, or were taken back and appended again', async () => {
    const journal = await openEmbeddedJournal({ path });
    await journal.append('a', 0, events(1, 5));
    await journal.deleteEvents('a', 3);
    const same = { data: { text: 'x'.repeat(2_000_000) }, tags: [], timestamp: 1 };
    await journal.append('a', 5, [...events(6, 7), same, ...events(9, 9)]);
    await expect(journal.append('a', 8, [event(10)])).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_CONFLICT' });
    expect(await sequencesOf(journal, 'a')).toEqual([4, 5, 6, 7, 8, 9]);
    await journal.close();
  });
});

describe('WriteOperations R3: a number that a stream has twice', () => {
  test('is found by an inspection, and no commit gives it a position', async () => {
    const journal = await openEmbeddedJournal({ path });
    await journal.append('a', 0, events(1, 3));
    const killed = await killedCopy();
    await journal.close();
    sql(
      'INSERT INTO events SELECT 100, stream, seq, tag_set, created_at, data, metadata FROM events WHERE seq = 2 RETURNING 1',
      killed,
    );
    const again = await openEmbeddedJournal({ path: killed });
    expect((await again.inspect()).findings).toEqual(['"a" has 4 events from 1 to 3, expected all from 1 on']);
    for (let from = 1; from <= 8_000; from += 4_000) await again.append('b', from - 1, events(from, from + 3_999));
    await expect(again.append('c', 0, events(1, 3_000))).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_JOURNAL_CORRUPT',
      message: expect.stringMatching(/stored twice/),
    });
    await again.close();
  });
});
