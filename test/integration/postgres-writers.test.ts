import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { openPostgresJournal } from '../../src/journals/postgres/open.ts';
import type { PostgresJournal } from '../../src/journals/postgres/postgres-journal.ts';
import { event, events, readEverything, readKey } from '../support/journal-events.ts';
import { pollFor } from '../support/poll.ts';
import { newSchema, type PostgresServer, startPostgres } from '../support/postgres.ts';

let server: PostgresServer;
let schema: string;
let rival: pg.Client;
const open: PostgresJournal[] = [];

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

beforeEach(async () => {
  schema = newSchema();
  rival = new pg.Client({ connectionString: server.url() });
  rival.on('error', () => {});
  await rival.connect();
});
afterEach(async () => {
  await rival.end();
  for (const journal of open.splice(0)) await journal.close();
});

async function openJournal(): Promise<PostgresJournal> {
  const journal = await openPostgresJournal({ url: server.url(), schema });
  open.push(journal);
  return journal;
}

/** By a transaction of another client, which is still open. */
async function insertByRival(key: string, sequence: number): Promise<void> {
  await rival.query('BEGIN');
  await rival.query(
    `INSERT INTO ${schema}.events (key, sequence, writer, created_at, tags, data)
     VALUES ($1, $2, gen_random_uuid(), 1, '{}', '{"by":"rival"}')`,
    [key, sequence],
  );
}

function someoneWaits(): Promise<unknown> {
  const sql = `SELECT count(*)::int AS waiting FROM pg_stat_activity
    WHERE application_name = 'dataflow-platform' AND wait_event_type = 'Lock'`;
  return pollFor(
    async () => (await server.query(sql))[0]?.waiting,
    (waiting) => Number(waiting) > 0,
  );
}

const fates = (outcomes: PromiseSettledResult<void>[]) =>
  outcomes.map((outcome) => (outcome.status === 'fulfilled' ? 'stored' : outcome.reason.code));

test('of two writers of one key one is refused, event for event, and nothing is forked', async () => {
  const [one, two] = [await openJournal(), await openJournal()];
  for (let number = 1; number <= 20; number++) {
    const outcomes = await Promise.allSettled([
      one.append('shared', number - 1, [event(number, 'one')]),
      two.append('shared', number - 1, [event(number, 'two')]),
      one.append('of-one', number - 1, [event(number)]),
      two.append('of-two', number - 1, [event(number)]),
    ]);
    expect(fates(outcomes).slice(0, 2).sort()).toEqual(['DATAFLOW_ERR_JOURNAL_CONFLICT', 'stored']);
    expect(fates(outcomes).slice(2)).toEqual(['stored', 'stored']);
  }
  for (const key of ['shared', 'of-one', 'of-two']) {
    expect((await readKey(one, key)).map(({ sequence }) => sequence)).toEqual(events(1, 20).map((_, i) => i + 1));
  }
});

test('a run that loses a race for its first event stores none, and its neighbours are stored', async () => {
  const journal = await openJournal();
  await insertByRival('raced', 1);
  const appends = Promise.allSettled([
    journal.append('before', 0, events(1, 3)),
    journal.append('raced', 0, events(1, 3)),
    journal.append('after', 0, events(1, 3)),
  ]);
  await someoneWaits();
  await rival.query('COMMIT');
  expect(fates(await appends)).toEqual(['stored', 'DATAFLOW_ERR_JOURNAL_CONFLICT', 'stored']);
  expect((await readKey(journal, 'raced')).map(({ data }) => data)).toEqual([{ by: 'rival' }]);
  expect(await readKey(journal, 'before')).toHaveLength(3);
  expect(await readKey(journal, 'after')).toHaveLength(3);
});

test('a run stores whole when its rival gives up', async () => {
  const journal = await openJournal();
  await insertByRival('raced', 1);
  const append = journal.append('raced', 0, events(1, 3));
  await someoneWaits();
  await rival.query('ROLLBACK');
  await append;
  expect(await readKey(journal, 'raced')).toHaveLength(3);
});

test('two journals that append the very same events both succeed', async () => {
  const [one, two] = [await openJournal(), await openJournal()];
  await Promise.all([one.append('key', 0, events(1, 3)), two.append('key', 0, events(1, 3))]);
  expect(await readKey(one, 'key')).toHaveLength(3);
});

test('an event that the server cannot hold is refused alone', async () => {
  const journal = await openJournal();
  await rival.query(`ALTER TABLE ${schema}.events ADD CHECK (data NOT LIKE '%poison%')`);
  const outcomes = await Promise.allSettled([
    journal.append('a', 0, [event(1)]),
    journal.append('b', 0, [event(1, 'poison')]),
    journal.append('c', 0, [event(1)]),
  ]);
  expect(fates(outcomes)).toEqual(['stored', 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED', 'stored']);
});

test('deleted events cannot be written again by one who still believes in an empty stream', async () => {
  const [one, two] = [await openJournal(), await openJournal()];
  await one.append('key', 0, events(1, 5));
  await one.deleteEvents('key', 5);
  await expect(two.append('key', 0, events(1, 5))).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_CONFLICT' });
  expect(await readKey(two, 'key')).toEqual([]);
});

test('reading everything waits for an older append, which would come at an offset that was passed', async () => {
  const journal = await openJournal();
  // The first look after opening waits for what others append; those below are not to.
  expect(await journal.keys()).toEqual([]);
  await insertByRival('slow', 1);
  await journal.append('fast', 0, [event(1)]);
  const reading = readEverything(journal);
  // Long enough for a reader that does not wait to have its answer.
  for (let turn = 0; turn < 5; turn++) await journal.highestSequence('fast');
  await rival.query('COMMIT');
  expect((await reading).map(({ key }) => key)).toEqual(['slow', 'fast']);
});

test('a reader waits for appends alone, not for what other applications do', async () => {
  const journal = await openJournal();
  await rival.query('CREATE TABLE IF NOT EXISTS of_another_application (id int)');
  await rival.query('BEGIN');
  await rival.query('INSERT INTO of_another_application VALUES (1)');
  await journal.append('key', 0, [event(1)]);
  expect(await readEverything(journal)).toHaveLength(1);
  await rival.query('ROLLBACK');
});

test('a reader that goes on from its last offset meets every event of many writers once', async () => {
  const journals = [await openJournal(), await openJournal(), await openJournal()];
  const reader = await openJournal();
  const total = journals.length * 10 * 12;
  const writing = Promise.all(
    journals.flatMap((journal, process) =>
      Array.from({ length: 10 }, async (_, stream) => {
        for (let after = 0; after < 12; after += 2) {
          await journal.append(`${process}-${stream}`, after, events(after + 1, after + 2));
        }
      }),
    ),
  );
  const seen: string[] = [];
  let offset = 0;
  await pollFor(
    async () => {
      for (const found of await readEverything(reader, { after: offset })) {
        expect(found.offset).toBeGreaterThan(offset);
        offset = found.offset;
        seen.push(`${found.key}/${found.sequence}`);
      }
      return seen.length;
    },
    (count) => count >= total,
  );
  await writing;
  expect(await readEverything(reader, { after: offset })).toEqual([]);
  expect(new Set(seen).size).toBe(total);
  expect(seen).toHaveLength(total);
});
