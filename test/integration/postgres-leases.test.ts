import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { openPostgresJournal } from '../../src/journals/postgres/open.ts';
import type { PostgresJournalOptions } from '../../src/journals/postgres/options.ts';
import type { PostgresJournal } from '../../src/journals/postgres/postgres-journal.ts';
import { event, events, readKey } from '../support/journal-events.ts';
import { pollFor } from '../support/poll.ts';
import { newSchema, type PostgresServer, startPostgres } from '../support/postgres.ts';
import { stallCommits } from '../support/stalled-commits.ts';

const LONG = 600_000;

let server: PostgresServer;
let schema: string;
const open: PostgresJournal[] = [];

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(async () => {
  await server.stop();
});
beforeEach(() => {
  schema = newSchema();
});
afterEach(async () => {
  for (const journal of open.splice(0)) await journal.close();
});

async function openJournal(options: Partial<PostgresJournalOptions> = {}): Promise<PostgresJournal> {
  const journal = await openPostgresJournal({ url: server.url(), schema, ...options });
  open.push(journal);
  return journal;
}

const FENCED = { code: 'DATAFLOW_ERR_JOURNAL_FENCED' };

/** Both the lease of `key`, taken over after the first one's has run out. */
async function takenOver(key: string): Promise<{ zombie: PostgresJournal; owner: PostgresJournal }> {
  const [zombie, owner] = [await openJournal(), await openJournal()];
  expect(await zombie.leases.acquire([key], 'zombie', 1)).toMatchObject([{ key, owner: 'zombie', epoch: 1 }]);
  await zombie.append(key, 0, events(1, 2));
  await pollFor(
    () => owner.leases.acquire([key], 'owner', LONG),
    (leases) => leases.length === 1,
  );
  return { zombie, owner };
}

test('a lease is given to one, with an epoch that grows with every acquisition', async () => {
  const [one, two] = [await openJournal(), await openJournal()];
  const first = await one.leases.acquire(['a', 'b'], 'one', LONG);
  expect(first.map(({ key, epoch, isExpired }) => [key, epoch, isExpired])).toEqual([
    ['a', 1, false],
    ['b', 1, false],
  ]);
  expect((await two.leases.acquire(['a', 'b', 'c'], 'two', LONG)).map(({ key }) => key)).toEqual(['c']);
  await one.leases.release(['a'], 'one');
  expect(await two.leases.acquire(['a', 'b'], 'two', LONG)).toMatchObject([{ key: 'a', owner: 'two', epoch: 2 }]);
  expect(await one.leases.acquire(['b'], 'one', LONG)).toMatchObject([{ key: 'b', epoch: 2 }]);
  expect((await two.leases.list()).map(({ key, owner }) => [key, owner])).toEqual([
    ['a', 'two'],
    ['b', 'one'],
    ['c', 'two'],
  ]);
});

test('who lost the lease is refused, writes nothing, and takes no neighbour along', async () => {
  const { zombie, owner } = await takenOver('key');
  const outcomes = await Promise.allSettled([
    zombie.append('before', 0, [event(1)]),
    zombie.append('key', 2, [event(3, 'by the zombie')]),
    zombie.append('after', 0, [event(1)]),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect((outcomes[1] as PromiseRejectedResult).reason).toMatchObject({ ...FENCED, details: { owner: 'owner' } });
  await owner.append('key', 2, [event(3, 'by the owner')]);
  expect((await readKey(owner, 'key')).map(({ data }) => data.text)).toEqual(['event', 'event', 'by the owner']);
});

test('who lost the lease changes no snapshot and deletes nothing', async () => {
  const { zombie, owner } = await takenOver('key');
  await owner.saveSnapshot('key', { sequence: 2, state: 'of the owner', timestamp: 1 });
  for (const change of [
    zombie.saveSnapshot('key', { sequence: 2, state: 'of the zombie', timestamp: 1 }),
    zombie.deleteEvents('key', 2),
    zombie.deleteSnapshots('key'),
    zombie.pruneSnapshots('key', 0),
  ]) {
    await expect(change).rejects.toMatchObject(FENCED);
  }
  expect(await owner.latestSnapshot('key')).toMatchObject({ state: 'of the owner' });
  expect(await readKey(owner, 'key')).toHaveLength(2);
});

test('even the very same events are refused under an old epoch', async () => {
  const { zombie, owner } = await takenOver('key');
  await owner.append('key', 2, [event(3)]);
  await expect(zombie.append('key', 2, [event(3)])).rejects.toMatchObject(FENCED);
});

test('an expired lease that nobody has taken over still writes, and can be renewed', async () => {
  const journal = await openJournal();
  await journal.leases.acquire(['key'], 'one', 1);
  await pollFor(
    () => journal.leases.list(),
    ([lease]) => lease?.isExpired === true,
  );
  await journal.append('key', 0, [event(1)]);
  expect(await journal.leases.renew(['key'], 'one', LONG)).toMatchObject([{ key: 'key', epoch: 1, isExpired: false }]);
});

test('renewal leaves out what was lost, and it is not written any more', async () => {
  const { zombie } = await takenOver('key');
  await zombie.leases.acquire(['other'], 'zombie', LONG);
  expect((await zombie.leases.renew(['key', 'other'], 'zombie', LONG)).map(({ key }) => key)).toEqual(['other']);
  await expect(zombie.append('key', 2, [event(3)])).rejects.toMatchObject(FENCED);
  await zombie.append('other', 0, [event(1)]);
});

test('what was released is written by the next owner alone', async () => {
  const [one, two] = [await openJournal(), await openJournal()];
  await one.leases.acquire(['key'], 'one', LONG);
  await one.append('key', 0, [event(1)]);
  await one.leases.release(['key'], 'one');
  await expect(one.append('key', 1, [event(2)])).rejects.toMatchObject(FENCED);
  expect(await two.leases.acquire(['key'], 'two', LONG)).toHaveLength(1);
  await two.append('key', 1, [event(2)]);
  await expect(one.append('key', 2, [event(3)])).rejects.toMatchObject(FENCED);
});

test('a restarted process of the same name gets its leases at once and fences its older self', async () => {
  const [older, newer] = [await openJournal(), await openJournal()];
  await older.leases.acquire(['key'], 'name', LONG);
  expect(await newer.leases.acquire(['key'], 'name', LONG)).toMatchObject([{ epoch: 2 }]);
  await expect(older.append('key', 0, [event(1)])).rejects.toMatchObject(FENCED);
  await newer.append('key', 0, [event(1)]);
});

test('who has no lease is refused where another one has it, and everywhere when leases are required', async () => {
  const [owner, without, strict] = [
    await openJournal(),
    await openJournal(),
    await openJournal({ requireLeases: true }),
  ];
  await owner.leases.acquire(['key'], 'owner', LONG);
  await expect(without.append('key', 0, [event(1)])).rejects.toMatchObject({ ...FENCED, details: { owner: 'owner' } });
  await without.append('free', 0, [event(1)]);
  await expect(strict.append('free', 1, [event(2)])).rejects.toMatchObject(FENCED);
  await strict.leases.acquire(['free'], 'strict', LONG);
  await strict.append('free', 1, [event(2)]);
});

test('nobody takes over between an append and its commit; who takes over sees what was written', async () => {
  const slow = await openJournal();
  const next = await openJournal();
  await slow.leases.acquire(['key'], 'slow', 1);
  const commits = await stallCommits(server, schema);
  const append = slow.append('key', 0, [event(1)]);
  await commits.met();
  let isTaken = false;
  const taking = pollFor(
    () => next.leases.acquire(['key'], 'next', LONG),
    (leases) => leases.length === 1,
  ).then(() => {
    isTaken = true;
  });
  await pollFor(
    () => server.query(`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%leases%'`),
    (rows) => rows.length > 0,
  );
  expect(isTaken).toBe(false);
  await commits.release();
  await append;
  await taking;
  await commits.end();
  expect(await next.highestSequence('key')).toBe(1);
  await expect(slow.append('key', 1, [event(2)])).rejects.toMatchObject(FENCED);
});

test('an append that waits while the lease changes hands is refused alone', async () => {
  const zombie = await openJournal();
  await zombie.leases.acquire(['key', 'other'], 'zombie', LONG);
  const taker = new pg.Client({ connectionString: server.url() });
  await taker.connect();
  try {
    await taker.query('BEGIN');
    await taker.query(`UPDATE ${schema}.leases SET owner = 'taker', epoch = epoch + 1 WHERE key = 'key'`);
    const appends = Promise.allSettled([zombie.append('key', 0, [event(1)]), zombie.append('other', 0, [event(1)])]);
    await pollFor(
      () =>
        server.query(`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%append_events%'`),
      (rows) => rows.length > 0,
    );
    await taker.query('COMMIT');
    const [fenced, stored] = await appends;
    expect(fenced).toMatchObject({ status: 'rejected', reason: { ...FENCED, details: { owner: 'taker' } } });
    expect(stored?.status).toBe('fulfilled');
    expect(await readKey(zombie, 'key')).toEqual([]);
  } finally {
    await taker.end();
  }
});

test('what cannot be a lease is refused', async () => {
  const { leases } = await openJournal();
  const invalid = { code: 'DATAFLOW_ERR_JOURNAL_INPUT_INVALID' };
  await expect(leases.acquire([''], 'owner', LONG)).rejects.toMatchObject(invalid);
  await expect(leases.acquire(['key'], '', LONG)).rejects.toMatchObject(invalid);
  for (const ttl of [0, Number.NaN, 2 ** 40]) {
    await expect(leases.acquire(['key'], 'owner', ttl)).rejects.toMatchObject(invalid);
  }
  expect(await leases.acquire([], 'owner', LONG)).toEqual([]);
  expect(await leases.renew(['unknown'], 'owner', LONG)).toEqual([]);
});
