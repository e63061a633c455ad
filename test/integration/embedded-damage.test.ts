import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DatabaseSync } from '@photostructure/sqlite';
import { openEmbeddedJournal, openEmbeddedJournalReadOnly } from '../../src/journals/embedded/open.ts';
import type { JournalEvent } from '../../src/runtime/journal.ts';

let path = '';
let file = '';

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'dataflow-damage-'));
  file = join(path, 'journal.db');
});

afterEach(() => rmSync(path, { recursive: true }));

const events: JournalEvent[] = Array.from({ length: 500 }, (_, index) => ({
  data: { number: index + 1, text: 'x'.repeat(300) },
  tags: ['all'],
  timestamp: index,
}));

async function writeJournal(): Promise<void> {
  const journal = await openEmbeddedJournal({ path });
  await journal.append('key', 0, events);
  await journal.close();
}

/** Runs SQL on the file with an engine of the test's own. */
function sql(text: string): void {
  const database = new DatabaseSync(file);
  database.exec(text);
  database.close();
}

function overwrite(from: number, to: number): void {
  const bytes = readFileSync(file);
  bytes.fill(0xa5, from, to);
  writeFileSync(file, bytes);
}

/** Both ways of opening refuse with this code, twice, and name the directory. */
async function expectRefused(code: string): Promise<void> {
  for (const open of [openEmbeddedJournal, openEmbeddedJournalReadOnly, openEmbeddedJournal]) {
    await expect(open({ path })).rejects.toMatchObject({
      code,
      details: { path },
      message: expect.stringContaining(path),
    });
  }
}

describe('a file that is not ours is refused and not touched', () => {
  test.each([
    ['a long text', 'not a database\n'.repeat(1000)],
    ['a short text', 'hello'],
  ])('%s', async (_, text) => {
    writeFileSync(file, text);
    await expectRefused('DATAFLOW_ERR_JOURNAL_FOREIGN');
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  test("another program's SQLite database", async () => {
    sql('CREATE TABLE meta(name TEXT, value TEXT)');
    const before = readFileSync(file);
    await expectRefused('DATAFLOW_ERR_JOURNAL_FOREIGN');
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  test('a journal of a newer version', async () => {
    await writeJournal();
    sql("UPDATE meta SET value = 99 WHERE name = 'schema_version'");
    await expectRefused('DATAFLOW_ERR_JOURNAL_FOREIGN');
    await expect(openEmbeddedJournal({ path })).rejects.toThrow(/schema 99.*use a newer version/);
  });
});

describe('a damaged journal is refused', () => {
  beforeEach(writeJournal);

  test('with pages overwritten', async () => {
    overwrite(3 * 4096, 12 * 4096);
    await expectRefused('DATAFLOW_ERR_JOURNAL_CORRUPT');
  });

  test('with its schema overwritten', async () => {
    overwrite(100, 4096);
    await expectRefused('DATAFLOW_ERR_JOURNAL_CORRUPT');
  });

  test('with its header overwritten', async () => {
    overwrite(0, 100);
    await expectRefused('DATAFLOW_ERR_JOURNAL_FOREIGN');
  });

  test.each([0.5, 0.1])('cut to %d of its length', async (share) => {
    truncateSync(file, Math.floor(statSync(file).size * share));
    await expectRefused('DATAFLOW_ERR_JOURNAL_CORRUPT');
  });

  test('cut to nothing', async () => {
    truncateSync(file, 0);
    await expectRefused('DATAFLOW_ERR_JOURNAL_CORRUPT');
  });

  test('with a table missing', async () => {
    sql('DROP TABLE snapshots');
    await expectRefused('DATAFLOW_ERR_JOURNAL_CORRUPT');
  });

  test('when only its log is left', async () => {
    rmSync(file);
    writeFileSync(join(path, 'journal.db-wal'), 'frames');
    await expect(openEmbeddedJournal({ path })).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_CORRUPT' });
    expect(existsSync(file)).toBe(false);
  });

  test('when an event is no longer JSON', async () => {
    sql("UPDATE events SET data = '{' WHERE seq = 400");
    const journal = await openEmbeddedJournal({ path });
    const read = async () => {
      for await (const _ of journal.read('key'));
    };
    await expect(read()).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_CORRUPT' });
    await journal.close();
  });
});

describe('damage that comes while it is open', () => {
  test('makes reads fail with a code, and no crash', async () => {
    await writeJournal();
    const journal = await openEmbeddedJournal({ path });
    // A commit makes the reader let go of the pages it remembers.
    await journal.saveSnapshot('key', { sequence: 500, state: null, timestamp: 1 });
    overwrite(2 * 4096, statSync(file).size);
    const read = async () => {
      for await (const _ of journal.read('key'));
    };
    await expect(read()).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_CORRUPT' });
    await journal.close();
  });

  test('Writer R3: a foreign write under the next sequence number refuses that append alone', async () => {
    await writeJournal();
    const journal = await openEmbeddedJournal({ path });
    await journal.append('key', 500, events.slice(0, 1));
    sql(
      'INSERT INTO events(ordinal, stream, seq, tag_set, created_at, data) SELECT 9000, 1, 502, 1, 1, \'{"foreign":1}\'',
    );
    const outcomes = await Promise.allSettled([
      journal.append('other', 0, events.slice(0, 2)),
      journal.append('key', 501, events.slice(0, 3)),
    ]);
    expect(outcomes).toMatchObject([
      { status: 'fulfilled' },
      { reason: { code: 'DATAFLOW_ERR_JOURNAL_CONFLICT', details: { key: 'key', sequence: 502 } } },
    ]);
    const sequences: number[] = [];
    for await (const chunk of journal.read('key', { from: 501 }))
      sequences.push(...chunk.map(({ sequence }) => sequence));
    expect(sequences).toEqual([501, 502]);
    await journal.close();
  });
});

describe('a path that cannot hold a journal', () => {
  test('because its parent is a file', async () => {
    writeFileSync(file, 'x');
    for (const open of [openEmbeddedJournal, openEmbeddedJournalReadOnly]) {
      await expect(open({ path: join(file, 'data') })).rejects.toMatchObject({
        code: 'DATAFLOW_ERR_JOURNAL_OPEN_FAILED',
        message: expect.stringMatching(/name a directory/),
      });
    }
  });

  test('because it is a file', async () => {
    writeFileSync(file, 'x');
    await expect(openEmbeddedJournal({ path: file })).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_JOURNAL_OPEN_FAILED',
    });
  });

  test('because nothing is there to read', async () => {
    await expect(openEmbeddedJournalReadOnly({ path })).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_JOURNAL_OPEN_FAILED',
      message: expect.stringMatching(/There is no journal/),
    });
    expect(existsSync(file)).toBe(false);
  });

  test('because the options are wrong, all of them named', async () => {
    await expect(
      openEmbeddedJournal({ path: '', durability: 'none' as never, maxBytes: 1, maxQueuedBytes: Number.NaN }),
    ).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_CONFIG_INVALID',
      problems: [{ path: 'path' }, { path: 'durability' }, { path: 'maxBytes' }, { path: 'maxQueuedBytes' }],
    });
  });
});
