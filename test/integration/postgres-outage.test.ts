import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { openPostgresJournal } from '../../src/journals/postgres/open.ts';
import type { PostgresJournalOptions } from '../../src/journals/postgres/options.ts';
import type { PostgresJournal } from '../../src/journals/postgres/postgres-journal.ts';
import { type CuttingProxy, startCuttingProxy } from '../support/cutting-proxy.ts';
import { event, events, readEverything, readKey } from '../support/journal-events.ts';
import { pollFor } from '../support/poll.ts';
import { newSchema, PASSWORD, type PostgresServer, startPostgres } from '../support/postgres.ts';

let server: PostgresServer;
let proxy: CuttingProxy;
let schema: string;
const open: PostgresJournal[] = [];

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());
beforeEach(async () => {
  schema = newSchema();
  proxy = await startCuttingProxy(server.port);
});
afterEach(async () => {
  for (const journal of open.splice(0)) await journal.close();
  await proxy.close();
});

/** Through the proxy. */
async function openJournal(options: Partial<PostgresJournalOptions> = {}): Promise<PostgresJournal> {
  const journal = await openPostgresJournal({ url: server.url(proxy.port), schema, retryForMs: 120_000, ...options });
  open.push(journal);
  return journal;
}

describe.each([
  ['the statement, before it', 'append_events', 'cut before it'],
  ['the statement, after it was carried out', 'append_events', 'cut after it'],
  ['the commit, before it', 'COMMIT', 'cut before it'],
  ['the commit, after it was carried out', 'COMMIT', 'cut after it'],
] as const)('a connection cut at %s', (_, text, act) => {
  test('loses nothing, stores nothing twice, and the caller does not notice', async () => {
    const journal = await openJournal();
    await journal.append('a', 0, [event(1)]);
    proxy.on(text, act);
    await Promise.all([
      journal.append('a', 1, events(2, 4)),
      journal.append('b', 0, events(1, 3)),
      journal.append('c', 0, [event(1)]),
    ]);
    await proxy.acted();
    await journal.append('a', 4, [event(5)]);
    expect((await readKey(journal, 'a')).map(({ data }) => data.number)).toEqual([1, 2, 3, 4, 5]);
    expect(await readKey(journal, 'b')).toHaveLength(3);
    expect(await readEverything(journal)).toHaveLength(9);
  });

  test('under a lease, it is the same', async () => {
    const journal = await openJournal({ requireLeases: true });
    await journal.leases.acquire(['a'], 'owner', 600_000);
    proxy.on(text, act);
    await journal.append('a', 0, events(1, 3));
    await proxy.acted();
    expect(await readKey(journal, 'a')).toHaveLength(3);
  });
});

test('a read goes on over a cut connection', async () => {
  const journal = await openJournal();
  await journal.append('key', 0, events(1, 3000));
  proxy.on('octet_length', 'cut before it');
  expect((await readKey(journal, 'key')).map(({ sequence }) => sequence)).toEqual(events(1, 3000).map((_, i) => i + 1));
  await proxy.acted();
});

test('an acquisition goes on over a cut connection', async () => {
  const journal = await openJournal();
  proxy.on('COMMIT', 'cut after it');
  const [lease] = await journal.leases.acquire(['key'], 'owner', 600_000);
  expect(lease?.owner).toBe('owner');
  await journal.append('key', 0, [event(1)]);
});

test('appends that the server leaves waiting end with an error that says so, and go on afterwards', async () => {
  const journal = await openJournal({ statementTimeoutMs: 100, retryForMs: 0 });
  const rival = new pg.Client({ connectionString: server.url() });
  await rival.connect();
  try {
    await rival.query('BEGIN');
    await rival.query(`LOCK TABLE ${schema}.events IN ACCESS EXCLUSIVE MODE`);
    await expect(journal.append('key', 0, [event(1)])).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED',
      disposition: 'retry',
      message: expect.stringMatching(/timeout/),
    });
    await expect(journal.highestSequence('key')).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_READ_FAILED' });
    await rival.query('COMMIT');
    await journal.append('key', 0, [event(1)]);
    expect(await readKey(journal, 'key')).toHaveLength(1);
  } finally {
    await rival.end();
  }
});

test('no more connections are opened than were allowed', async () => {
  const journal = await openJournal({ maxReadConnections: 2 });
  const rival = new pg.Client({ connectionString: server.url() });
  await rival.connect();
  try {
    await rival.query('BEGIN');
    await rival.query(`LOCK TABLE ${schema}.events IN ACCESS EXCLUSIVE MODE`);
    const uses = Promise.all([
      ...Array.from({ length: 40 }, (_, index) => journal.highestSequence(`key-${index}`)),
      ...Array.from({ length: 40 }, (_, index) => journal.append(`key-${index}`, 0, [event(1)])),
    ]);
    const waiting = await pollFor(
      () =>
        server.query(
          `SELECT wait_event_type FROM pg_stat_activity WHERE application_name = 'dataflow-platform' AND query LIKE '%${schema}"%'`,
        ),
      (rows) => rows.filter(({ wait_event_type }) => wait_event_type === 'Lock').length >= 4,
    );
    expect(waiting).toHaveLength(4);
    await rival.query('COMMIT');
    expect(await uses).toHaveLength(80);
    expect(proxy.sent).toHaveLength(4);
  } finally {
    await rival.end();
  }
});

test('what waits for the server is bounded', async () => {
  const journal = await openJournal({ maxQueuedBytes: 1024 * 1024 });
  const large = { ...event(1), data: { text: 'x'.repeat(700_000) } };
  const outcomes = await Promise.allSettled(['a', 'b', 'c'].map((key) => journal.append(key, 0, [large])));
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  expect((outcomes[1] as PromiseRejectedResult).reason.code).toBe('DATAFLOW_ERR_JOURNAL_APPEND_FAILED');
  await journal.append('b', 0, [large]);
});

describe('no secret is shown', () => {
  const shown = (error: unknown) =>
    `${inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true })}${(error as Error).stack}`;
  const cases: [what: string, url: () => string, code: string][] = [
    ['a wrong password', () => server.url().replace('%25', '%26'), 'DATAFLOW_ERR_JOURNAL_OPEN_FAILED'],
    ['a server that is not there', () => server.url(1), 'DATAFLOW_ERR_JOURNAL_OPEN_FAILED'],
    ['a database that is not there', () => `${server.url()}-no`, 'DATAFLOW_ERR_JOURNAL_OPEN_FAILED'],
    ['a raw password', () => `postgres://postgres:${PASSWORD}@127.0.0.1/x`, 'DATAFLOW_ERR_CONFIG_INVALID'],
    ['a raw # in it', () => 'postgres://postgres:s3cr#t@127.0.0.1/x', 'DATAFLOW_ERR_CONFIG_INVALID'],
    ['another protocol', () => server.url().replace('postgres:', 'mysql:'), 'DATAFLOW_ERR_CONFIG_INVALID'],
  ];
  test.each(cases)('%s', async (_, url, code) => {
    const error = await openPostgresJournal({ url: url(), schema, connectTimeoutMs: 200 }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code });
    expect(shown(error)).not.toMatch(/s3cr/);
  });

  test('a server that is lost', async () => {
    const journal = await openJournal({ retryForMs: 0 });
    proxy.on('append_events', 'cut before it');
    const error = await journal.append('key', 0, [event(1)]).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED' });
    expect(shown(error)).not.toMatch(/s3cr/);
  });
});
