/** What every implementation of leases promises of the keys that were retired: the model that the tests use, too. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Leases } from '../../src/cluster/leases.ts';
import { openPostgresJournal } from '../../src/journals/postgres/open.ts';
import { createManualClock } from '../../src/testing/manual-clock.ts';
import { LeasedStore, StoreView } from '../support/leased-store.ts';
import { newSchema, type PostgresServer, startPostgres } from '../support/postgres.ts';

const LONG = 600_000;

/** @param create the leases of the same store as two processes see them */
function leasesContract(name: string, create: () => Promise<readonly [Leases, Leases]>): void {
  describe(`leases contract: ${name}`, () => {
    test('retired are the keys that were let go of as such, whoever asks', async () => {
      const [one, two] = await create();
      await one.acquire(['a', 'b', 'c', 'd'], 'one', LONG);
      await one.release(['a', 'b'], 'one', 'retired');
      await one.release(['c'], 'one');
      for (const leases of [one, two]) {
        expect([...(await leases.retired(['a', 'b', 'c', 'd', 'unknown']))].sort()).toEqual(['a', 'b']);
        expect(await leases.retired(['b', 'd'])).toEqual(['b']);
      }
    });

    test('a retired key that somebody has acquired is not retired any more, be it released again', async () => {
      const [one, two] = await create();
      await one.acquire(['key'], 'one', LONG);
      await one.release(['key'], 'one', 'retired');
      await two.acquire(['key'], 'two', LONG);
      expect(await one.retired(['key'])).toEqual([]);
      await two.release(['key'], 'two', 'abandoned');
      expect(await one.retired(['key'])).toEqual([]);
      await one.acquire(['key'], 'one', LONG);
      await one.release(['key'], 'one', 'retired');
      expect(await two.retired(['key'])).toEqual(['key']);
    });

    test('who does not hold a key cannot retire it', async () => {
      const [one, two] = await create();
      await one.acquire(['key'], 'one', LONG);
      await two.release(['key'], 'two', 'retired');
      expect(await two.retired(['key'])).toEqual([]);
    });

    test('each is named once; of none, none is', async () => {
      const [one] = await create();
      expect(await one.retired([])).toEqual([]);
      await one.acquire(['key'], 'one', LONG);
      await one.release(['key'], 'one', 'retired');
      expect(await one.retired(['key', 'other', 'key'])).toEqual(['key']);
    });

    test('many are asked about at once', async () => {
      const [one, two] = await create();
      const keys = Array.from({ length: 5000 }, (_, index) => `key ${index}: "ä", 'b', {c}`);
      await one.acquire(keys, 'one', LONG);
      const gone = keys.filter((_, index) => index % 2 === 0);
      await one.release(gone, 'one', 'retired');
      expect([...(await two.retired(keys))].sort()).toEqual([...gone].sort());
    });
  });
}

leasesContract('model', async () => {
  const store = new LeasedStore(createManualClock());
  return [new StoreView(store).leases, new StoreView(store).leases];
});

describe('on a server', () => {
  let server: PostgresServer;
  const open: { close(): Promise<void> }[] = [];
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());
  afterEach(async () => {
    for (const journal of open.splice(0)) await journal.close();
  });

  leasesContract('postgres', async () => {
    const schema = newSchema();
    const [one, two] = await Promise.all([1, 2].map(() => openPostgresJournal({ url: server.url(), schema })));
    if (one === undefined || two === undefined) throw new Error('two were opened');
    open.push(one, two);
    return [one.leases, two.leases];
  });
});
