import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { openPostgresJournal } from '../../src/journals/postgres/open.ts';
import type { PostgresJournal } from '../../src/journals/postgres/postgres-journal.ts';
import { event } from '../support/journal-events.ts';
import { pollFor } from '../support/poll.ts';
import { newSchema, type PostgresServer, startPostgres } from '../support/postgres.ts';

const LONG = 600_000;

let server: PostgresServer;
let schema: string;
const open: PostgresJournal[] = [];

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());
beforeEach(() => {
  schema = newSchema();
});
afterEach(async () => {
  for (const journal of open.splice(0)) await journal.close();
});

async function openJournal(): Promise<PostgresJournal> {
  const journal = await openPostgresJournal({ url: server.url(), schema });
  open.push(journal);
  return journal;
}

async function withKeys(keys: readonly string[]): Promise<PostgresJournal> {
  const journal = await openJournal();
  for (const key of keys) await journal.append(key, 0, [event(1)]);
  return journal;
}

test('vacant are the keys with events that nobody holds, and only as many as are wanted', async () => {
  const keys = ['a', 'b', 'c', 'd', 'e'];
  const journal = await withKeys(keys);
  // A key that is leased before its first event is nobody's business but its owner's.
  await journal.leases.acquire(['a', 'new'], 'one', LONG);
  expect(await journal.leases.vacancies(100, 1)).toMatchObject({ total: 5 });
  const vacant = async (limit: number, seed = 1) => (await journal.leases.vacancies(limit, seed)).keys;
  expect([...(await vacant(100))].sort()).toEqual(['b', 'c', 'd', 'e']);
  expect(await vacant(2)).toHaveLength(2);
  expect(await vacant(0)).toEqual([]);
  const orders = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(async (seed) => (await vacant(100, seed)).join()));
  expect(new Set(orders).size).toBeGreaterThan(1);
  await journal.leases.acquire(['b'], 'one', 1);
  await pollFor(
    () => vacant(100),
    (now) => now.includes('b'),
  );
  await journal.leases.release(['a'], 'one');
  expect([...(await vacant(100))].sort()).toEqual(keys);
});

test('a retired key is not vacant until somebody has acquired it again', async () => {
  const journal = await withKeys(['a', 'b']);
  await journal.leases.acquire(['a'], 'one', LONG);
  await journal.leases.release(['a'], 'one', 'retired');
  expect(await journal.leases.vacancies(100, 1)).toEqual({ total: 1, keys: ['b'] });
  await journal.leases.acquire(['a'], 'one', LONG);
  await journal.leases.release(['a'], 'one');
  expect(await journal.leases.vacancies(100, 1)).toMatchObject({ total: 2, keys: expect.arrayContaining(['a', 'b']) });
});

test('a lease knows when it was last taken from an owner that had not let go of it', async () => {
  const [one, two] = [await withKeys(['a']), await openJournal()];
  const epochs = async (journal: PostgresJournal, owner: string) => {
    const [lease] = await pollFor(
      () => journal.leases.acquire(['a'], owner, LONG),
      (leases) => leases.length === 1,
    );
    return [lease?.epoch, lease?.takeoverEpoch];
  };
  expect(await epochs(one, 'one')).toEqual([1, 0]);
  await one.leases.release(['a'], 'one');
  expect(await epochs(two, 'two')).toEqual([2, 0]);
  // Of the same name, but it cannot know what its former self still does.
  expect(await epochs(two, 'two')).toEqual([3, 3]);
  await two.leases.release(['a'], 'two');
  expect(await epochs(one, 'one')).toEqual([4, 3]);
  await one.leases.release(['a'], 'one', 'abandoned');
  expect(await epochs(two, 'two')).toEqual([5, 5]);
  await expect(one.append('a', 1, [event(2)])).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_FENCED' });
});

test('the owner of a key is who holds it now', async () => {
  const journal = await withKeys(['a']);
  expect(await journal.leases.ownerOf('a')).toBeUndefined();
  await journal.leases.acquire(['a'], 'one', LONG);
  expect(await journal.leases.ownerOf('a')).toBe('one');
  await journal.leases.acquire(['a'], 'one', 1);
  await pollFor(
    () => journal.leases.ownerOf('a'),
    (owner) => owner === undefined,
  );
});

const identity = (name: string) => ({
  name,
  incarnation: randomUUID(),
  address: `http://${name}:1/`,
  version: '1.2.3',
});

test('nodes are those that report themselves, with what they hold', async () => {
  const journal = await withKeys(['a', 'b', 'c']);
  const [one, two] = [identity('one'), identity('two')];
  await journal.leases.acquire(['a', 'b'], 'one', LONG);
  expect(await journal.nodes.report(one, LONG)).toMatchObject([
    { name: 'one', address: 'http://one:1/', version: '1.2.3', isExpired: false, keys: 2 },
  ]);
  expect((await journal.nodes.report(two, 1))?.map(({ name }) => name)).toEqual(['one', 'two']);
  const [, gone] = await pollFor(
    () => journal.nodes.list(),
    (all) => all[1]?.isExpired === true,
  );
  expect(gone).toMatchObject({ name: 'two', keys: 0 });
  await journal.nodes.leave(one);
  expect((await journal.nodes.list()).map(({ name }) => name)).toEqual(['two']);
});

test('a name belongs to one process at a time', async () => {
  const journal = await openJournal();
  const [first, second] = [identity('same'), identity('same')];
  expect(await journal.nodes.report(first, LONG)).toHaveLength(1);
  expect(await journal.nodes.report(second, LONG)).toBeUndefined();
  // The second one cannot take the first off the list either.
  await journal.nodes.leave(second);
  const [{ startedAt } = { startedAt: 0 }] = (await journal.nodes.report(first, 1)) ?? [];
  const taken = await pollFor(
    () => journal.nodes.report(second, LONG),
    (nodes) => nodes !== undefined,
  );
  expect(taken).toHaveLength(1);
  expect(taken?.[0]?.startedAt).toBeGreaterThan(startedAt);
  expect(await journal.nodes.report(first, LONG)).toBeUndefined();
});

test('who ended without leaving is forgotten after an hour', async () => {
  const journal = await openJournal();
  await journal.nodes.report(identity('crashed'), 1);
  await server.query(`UPDATE ${schema}.nodes SET expires_at = expires_at - interval '61 minutes'`);
  expect((await journal.nodes.report(identity('one'), LONG))?.map(({ name }) => name)).toEqual(['one']);
});
