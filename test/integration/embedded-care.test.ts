import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { DatabaseSync } from '@photostructure/sqlite';
import { openEmbeddedJournal, openEmbeddedJournalReadOnly } from '../../src/journals/embedded/open.ts';
import type { GlobalEvent, Journal, JournalEvent } from '../../src/runtime/journal.ts';
import { folderWith } from '../support/folder.ts';

const event = (number: number): JournalEvent => ({
  data: { number, text: 'x'.repeat(300) },
  tags: ['all', number % 2 === 0 ? 'even' : 'odd'],
  timestamp: number,
});
const events = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => event(from + index));

async function readAll(journal: Journal): Promise<GlobalEvent[]> {
  const all: GlobalEvent[] = [];
  for await (const chunk of journal.readAll()) all.push(...chunk);
  return all;
}

function sql(path: string, text: string): void {
  const database = new DatabaseSync(join(path, 'journal.db'));
  database.exec(text);
  database.close();
}

async function inspectionOf(path: string) {
  const journal = await openEmbeddedJournalReadOnly({ path });
  try {
    return await journal.inspect();
  } finally {
    await journal.close();
  }
}

describe('a backup', () => {
  test('is a whole journal as it was at one moment, while 20 writers go on', async () => {
    const [path, backups] = [await folderWith(), await folderWith()];
    const journal = await openEmbeddedJournal({ path });
    let writing = true;
    const acknowledged = new Map<string, number>();
    const writers = Array.from({ length: 20 }, async (_, index) => {
      for (let number = 1; writing; number += 2) {
        await journal.append(`key-${index}`, number - 1, events(number, number + 1));
        acknowledged.set(`key-${index}`, number + 1);
      }
    });
    const known: Map<string, number>[] = [];
    for (const name of ['one', 'two', 'three']) {
      mkdirSync(join(backups, name));
      known.push(new Map(acknowledged));
      expect(await journal.backup(join(backups, name, 'journal.db'))).toBeGreaterThan(0);
    }
    writing = false;
    await Promise.all(writers);
    const all = await readAll(journal);
    await journal.close();
    for (const [index, name] of ['one', 'two', 'three'].entries()) {
      const copy = join(backups, name);
      expect(readdirSync(copy)).toEqual(['journal.db']);
      expect((await inspectionOf(copy)).findings).toEqual([]);
      const opened = await openEmbeddedJournal({ path: copy });
      const copied = await readAll(opened);
      expect(copied).toEqual(all.slice(0, copied.length));
      for (const [key, highest] of known[index]!) {
        const sequence = await opened.highestSequence(key);
        expect(sequence).toBeGreaterThanOrEqual(highest);
        // Both events of an append or none.
        expect(sequence % 2).toBe(0);
        await opened.append(key, sequence, [event(1)]);
      }
      await opened.close();
    }
  });

  test('is refused where a file is there already, or none can be, and leaves nothing behind', async () => {
    const path = await folderWith({ 'there.db': 'mine' });
    const journal = await openEmbeddedJournal({ path });
    await expect(journal.backup(join(path, 'there.db'))).rejects.toMatchObject({ code: 'DATAFLOW_ERR_OUTPUT_EXISTS' });
    await expect(journal.backup(join(path, 'no/such.db'))).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_OUTPUT_UNWRITABLE',
    });
    // A directory in the way of the draft.
    mkdirSync(join(path, 'x.db.draft', 'full'), { recursive: true });
    await expect(journal.backup(join(path, 'x.db'))).rejects.toMatchObject({ code: 'DATAFLOW_ERR_OUTPUT_UNWRITABLE' });
    expect(existsSync(join(path, 'x.db'))).toBe(false);
    await journal.append('key', 0, events(1, 1));
    await journal.close();
    await expect(journal.backup(join(path, 'late.db'))).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_CLOSED' });
  });

  test('replaces a journal that was lost', async () => {
    const [path, safe] = [await folderWith(), await folderWith()];
    const journal = await openEmbeddedJournal({ path });
    await journal.append('key', 0, events(1, 10));
    await journal.saveSnapshot('key', { sequence: 5, state: { total: 5 }, timestamp: 1 });
    await journal.saveProjectionOffset('totals', 7);
    await journal.backup(join(safe, 'backup.db'));
    await journal.append('key', 10, events(11, 12));
    await journal.close();
    await rename(join(safe, 'backup.db'), join(safe, 'journal.db'));
    const restored = await openEmbeddedJournal({ path: safe });
    expect(await restored.highestSequence('key')).toBe(10);
    expect(await restored.latestSnapshot('key')).toMatchObject({ sequence: 5 });
    expect(await restored.projectionOffset('totals')).toBe(7);
    await restored.close();
  });
});

describe('compacting', () => {
  test('gives back the room of deleted events and loses nothing else', async () => {
    const path = await folderWith();
    const journal = await openEmbeddedJournal({ path });
    await journal.append('cut', 0, events(1, 5000));
    await journal.append('kept', 0, events(1, 50));
    await journal.deleteEvents('cut', 4990);
    const before = await readAll(journal);
    const [size, appended] = await Promise.all([journal.compact(), journal.append('kept', 50, events(51, 51))]);
    expect(appended).toBeUndefined();
    expect(size.after).toBeLessThan(size.before / 4);
    expect((await readAll(journal)).slice(0, before.length)).toEqual(before);
    await journal.append('cut', 5000, events(5001, 5001));
    await expect(journal.append('cut', 4999, events(1, 1))).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_JOURNAL_CONFLICT',
    });
    const readOnly = await openEmbeddedJournalReadOnly({ path });
    await expect(readOnly.compact()).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_READ_ONLY' });
    await readOnly.close();
    await journal.close();
    expect((await inspectionOf(path)).findings).toEqual([]);
  });
});

describe('an inspection', () => {
  async function journalWith(damage: string): Promise<string> {
    const path = await folderWith();
    const journal = await openEmbeddedJournal({ path });
    await journal.append('one', 0, events(1, 10));
    await journal.append('two', 0, events(1, 5));
    await journal.deleteEvents('two', 2);
    await journal.saveSnapshot('one', { sequence: 5, state: { total: 5 }, timestamp: 1 });
    await journal.close();
    if (damage !== '') sql(path, damage);
    return path;
  }

  test('finds nothing in a sound journal and counts what it holds', async () => {
    expect(await inspectionOf(await journalWith(''))).toEqual({ findings: [], keys: 2, events: 13, snapshots: 1 });
  });

  test.each([
    ['a missing event', 'DELETE FROM events WHERE seq = 4 AND stream = 1', /"one" has 9 events from 1 to 10/],
    ['a missing beginning', 'DELETE FROM events WHERE seq = 3 AND stream = 2', /expected all from 3 on/],
    ['a missing pipeline', 'DELETE FROM streams WHERE id = 2', /event 3 at offset 13 belongs to no pipeline/],
    ['missing tags', 'DELETE FROM tag_sets WHERE id = 1', /event 1 of "one" has lost its tags/],
    ['tags that are not found', 'DELETE FROM tag_set_members WHERE tag = 1', /not found by the tag "all"/],
    ['an event that is no JSON', "UPDATE events SET data = '{' WHERE ordinal = 3", /event 3 of "one" is not JSON/],
    ['a snapshot that is no JSON', "UPDATE snapshots SET state = 'x'", /snapshot of "one" at 5 is not JSON/],
  ])('finds %s', async (_name, damage, finding) => {
    const { findings } = await inspectionOf(await journalWith(damage));
    expect(findings.join('\n')).toMatch(finding);
  });

  test('tells 20 of a kind, and how many more there are', async () => {
    const path = await folderWith();
    const journal = await openEmbeddedJournal({ path });
    await journal.append('one', 0, events(1, 100));
    await journal.close();
    sql(path, "UPDATE events SET data = 'x'");
    const { findings } = await inspectionOf(path);
    expect(findings).toHaveLength(21);
    expect(findings.at(-1)).toBe('80 more of this kind');
  });

  test('finds a page that is damaged in a file too large to be checked whole at open', async () => {
    const path = await folderWith();
    const journal = await openEmbeddedJournal({ path });
    for (let from = 1; from < 60_000; from += 5000) await journal.append('one', from - 1, events(from, from + 4999));
    await journal.close();
    const database = new DatabaseSync(join(path, 'journal.db'));
    const [page] = database
      .prepare("SELECT pageno FROM dbstat WHERE name = 'positions' AND pagetype = 'leaf' LIMIT 1 OFFSET 20")
      .all() as { pageno: number }[];
    const { page_size } = database.prepare('PRAGMA page_size').get() as { page_size: number };
    database.close();
    const { readFileSync } = await import('node:fs');
    const bytes = readFileSync(join(path, 'journal.db'));
    bytes.fill(0x5a, (page!.pageno - 1) * page_size + 200, page!.pageno * page_size);
    writeFileSync(join(path, 'journal.db'), bytes);
    const { findings } = await inspectionOf(path).catch((error) => ({ findings: [String(error)] }));
    expect(findings.length).toBeGreaterThan(0);
  });
});
