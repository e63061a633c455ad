/** What the PostgreSQL journal promises holds behind a PgBouncer that gives each transaction another connection. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { openPostgresJournal } from '../../src/journals/postgres/open.ts';
import type { PostgresJournalOptions } from '../../src/journals/postgres/options.ts';
import type { PostgresJournal } from '../../src/journals/postgres/postgres-journal.ts';
import { journalContract } from '../../src/testing/journal-contract.ts';
import { metricOf, ownedAs, shutDownNodes, startNode } from '../support/cluster.ts';
import { startCuttingProxy } from '../support/cutting-proxy.ts';
import { event, events, readEverything, readKey } from '../support/journal-events.ts';
import { describeWithPgBouncer, type PgBouncer, POOL_SIZE, startPgBouncer } from '../support/pgbouncer.ts';
import { pollFor } from '../support/poll.ts';
import { newSchema, type PostgresServer, startPostgres } from '../support/postgres.ts';

const LONG = 600_000;
const FENCED = { code: 'DATAFLOW_ERR_JOURNAL_FENCED' };

describeWithPgBouncer('behind PgBouncer in transaction mode', () => {
  let server: PostgresServer;
  let pooler: PgBouncer;
  let url: string;
  let schema: string;
  const open: PostgresJournal[] = [];

  beforeAll(async () => {
    server = await startPostgres();
    pooler = await startPgBouncer(server);
    url = server.url(pooler.port);
  });
  afterAll(async () => {
    await pooler?.stop();
    await server?.stop();
  });
  beforeEach(() => {
    schema = newSchema();
  });
  afterEach(async () => {
    await shutDownNodes();
    for (const journal of open.splice(0)) await journal.close();
  });

  async function openJournal(options: Partial<PostgresJournalOptions> = {}): Promise<PostgresJournal> {
    const journal = await openPostgresJournal({ url, schema, retryForMs: 120_000, ...options });
    open.push(journal);
    return journal;
  }

  const openJournals = (count: number) => Promise.all(Array.from({ length: count }, () => openJournal()));

  let contractSchema = '';
  journalContract({
    name: 'postgres',
    create() {
      contractSchema = newSchema();
      return openPostgresJournal({ url, schema: contractSchema });
    },
    reopen: () => openPostgresJournal({ url, schema: contractSchema }),
    describe,
    test,
  });

  /** Connections of the server that are not the one that asks. */
  const serverConnections = async (): Promise<number> => {
    const [row] = await server.query(
      `SELECT count(*)::int AS count FROM pg_stat_activity
       WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
    );
    return Number(row?.count);
  };

  test('many journals that open, write and read at once share the few connections of the pool', async () => {
    // They make the tables together, too.
    const journals = await openJournals(12);
    const keys = journals.map((_, index) => `key-${index}`);
    await Promise.all(
      journals.flatMap((journal, index) => [
        journal.leases.acquire([keys[index] as string], `owner-${index}`, LONG),
        ...Array.from({ length: 20 }, (_, turn) => journal.append(`${keys[index]}-${turn}`, 0, events(1, 5))),
      ]),
    );
    const found = await Promise.all(journals.map((journal) => readEverything(journal)));
    expect(found.map(({ length }) => length)).toEqual(journals.map(() => 12 * 20 * 5));
    expect(await pooler.clients()).toBeGreaterThanOrEqual(12 * 3);
    expect(await serverConnections()).toBeLessThanOrEqual(POOL_SIZE);
    const leases = await journals[0]?.leases.list();
    expect(leases?.map(({ key }) => key)).toEqual([...keys].sort());
  });

  test('no transaction leaves anything to the next client of its connection', async () => {
    const journal = await openJournal({ statementTimeoutMs: 12_345 });
    await journal.append('key', 0, [event(1)]);
    await journal.leases.acquire(['key'], 'owner', LONG);
    await readEverything(journal);
    const [untouched] = await settingsOf(server.url(), 1);
    expect(await settingsOf(url, POOL_SIZE)).toEqual(Array.from({ length: POOL_SIZE }, () => untouched));
  });

  describe('leases', () => {
    test('of many that ask for the same keys at once, each key goes to one', async () => {
      const journals = await openJournals(6);
      const keys = Array.from({ length: 30 }, (_, index) => `key-${index}`);
      const given = await Promise.all(
        journals.map((journal, index) => journal.leases.acquire(keys, `owner-${index}`, LONG)),
      );
      const taken = given.flat();
      expect(taken.map(({ key }) => key).sort()).toEqual([...keys].sort());
      expect(new Set(taken.map(({ epoch }) => epoch))).toEqual(new Set([1]));
      const renewed = await Promise.all(
        journals.map((journal, index) => journal.leases.renew(keys, `owner-${index}`, LONG)),
      );
      expect(renewed.map(({ length }) => length)).toEqual(given.map(({ length }) => length));
    });

    test('who was taken over from is fenced, and takes no neighbour along', async () => {
      const [zombie, owner] = [await openJournal(), await openJournal()];
      await zombie.leases.acquire(['key'], 'zombie', 1);
      await zombie.append('key', 0, events(1, 2));
      const [lease] = await pollFor(
        () => owner.leases.acquire(['key'], 'owner', LONG),
        (leases) => leases.length === 1,
      );
      expect(lease).toMatchObject({ key: 'key', owner: 'owner', epoch: 2, takeoverEpoch: 2 });
      const [fenced, stored] = await Promise.allSettled([
        zombie.append('key', 2, [event(3)]),
        zombie.append('neighbour', 0, [event(1)]),
      ]);
      expect(fenced).toMatchObject({ status: 'rejected', reason: { ...FENCED, details: { owner: 'owner' } } });
      expect(stored.status).toBe('fulfilled');
      await owner.append('key', 2, [event(3)]);
      await owner.leases.release(['key'], 'owner');
      await expect(owner.append('key', 3, [event(4)])).rejects.toMatchObject(FENCED);
      expect((await owner.leases.vacancies(10, 1)).keys).toEqual(expect.arrayContaining(['key', 'neighbour']));
    });
  });

  test('nodes report themselves, one process a name, until they leave', async () => {
    const [one, two] = [await openJournal(), await openJournal()];
    const identity = (name: string) => ({ name, incarnation: randomUUID(), address: null, version: '1.2.3' });
    const [first, second, rival] = [identity('first'), identity('second'), identity('first')];
    await one.leases.acquire(['a', 'b'], 'first', LONG);
    await one.nodes.report(first, LONG);
    expect(await two.nodes.report(second, LONG)).toMatchObject([
      { name: 'first', keys: 2, isExpired: false },
      { name: 'second', keys: 0, isExpired: false },
    ]);
    expect(await two.nodes.report(rival, LONG)).toBeUndefined();
    await one.nodes.leave(first);
    expect((await two.nodes.list()).map(({ name }) => name)).toEqual(['second']);
  });

  describe('nothing is lost and nothing is stored twice when', () => {
    const numbers = async (journal: PostgresJournal) => (await readKey(journal, 'key')).map(({ data }) => data.number);

    test.each(['cut before it', 'cut after it'] as const)('the way to it is cut at a commit, %s', async (act) => {
      const proxy = await startCuttingProxy(pooler.port);
      try {
        const journal = await openJournal({ url: server.url(proxy.port) });
        await journal.leases.acquire(['key'], 'owner', LONG);
        await journal.append('key', 0, [event(1)]);
        proxy.on('COMMIT', act);
        await journal.append('key', 1, events(2, 4));
        await proxy.acted();
        expect(await numbers(journal)).toEqual([1, 2, 3, 4]);
      } finally {
        for (const journal of open.splice(0)) await journal.close();
        await proxy.close();
      }
    });

    test.each([
      ['the server ends in order', () => server.restart('SIGINT')],
      ['the server crashes', () => server.restart('SIGQUIT')],
      ['PgBouncer is killed', () => pooler.restart()],
    ])('%s in the middle of appends', async (_, disturb) => {
      const journal = await openJournal({ requireLeases: true });
      await journal.leases.acquire(['key'], 'owner', LONG);
      await journal.append('key', 0, [event(1)]);
      let isDisturbed = false;
      const disturbance = disturb().finally(() => {
        isDisturbed = true;
      });
      let last = 1;
      while (!isDisturbed) {
        await journal.append('key', last, [event(last + 1)]);
        last += 1;
      }
      await disturbance;
      await journal.append('key', last, [event(last + 1)]);
      expect(await numbers(journal)).toEqual(Array.from({ length: last + 1 }, (_, index) => index + 1));
      expect(await journal.leases.renew(['key'], 'owner', LONG)).toMatchObject([{ key: 'key', epoch: 1 }]);
    });
  });

  test('processes share pipelines and hand them over', async () => {
    const ids = Array.from({ length: 5 }, (_, index) => `pipeline-${index}`);
    const sink = { type: 'null', connectionString: 'null' };
    const batch = (number: number) => ({ batchId: `batch-${number}`, records: [{ number }], sourceOffset: number });
    const one = await startNode({ url, schema, node: 'one' });
    for (const id of ids) {
      const pipeline = await one.spawnPipeline({ id, source: { type: 'push' }, sink });
      await pipeline.start();
      await pipeline.ingest(batch(0));
    }
    const two = await startNode({ url, schema, node: 'two' });
    const [mine, yours] = await ownedAs(
      [
        [one, 3],
        [two, 2],
      ],
      ids,
    );
    for (const [platform, other, owned] of [
      [one, two, mine],
      [two, one, yours],
    ] as const) {
      for (const id of owned ?? []) {
        await expect(other.pipeline(id).ingest(batch(1))).rejects.toMatchObject({
          code: 'DATAFLOW_ERR_PIPELINE_ELSEWHERE',
        });
        expect(await platform.pipeline(id).ingest(batch(1))).toMatchObject({ duplicate: false });
      }
    }
    expect(await serverConnections()).toBeLessThanOrEqual(POOL_SIZE);
    await one.shutdown();
    await ownedAs([[two, 5]], ids);
    for (const id of ids) {
      expect(await two.pipeline(id).ingest(batch(1))).toMatchObject({ duplicate: true });
      expect(await two.pipeline(id).ingest(batch(2))).toMatchObject({ duplicate: false });
      expect(await two.pipeline(id).state()).toMatchObject({ metrics: { totalBatchesProcessed: 3 } });
    }
    // In order: nothing had to be taken over, nothing was refused.
    expect(await metricOf(two, 'dataflow.cluster.takeovers')).toBe(0);
    expect(await metricOf(two, 'dataflow.cluster.appends.fenced')).toBe(0);
  });
});

/** What so many connections at once are set to. */
async function settingsOf(url: string, connections: number): Promise<unknown[]> {
  const clients = Array.from({ length: connections }, () => new pg.Client({ connectionString: url }));
  try {
    return await Promise.all(
      clients.map(async (client) => {
        await client.connect();
        // Kept until all have one.
        await client.query('BEGIN');
        const { rows } = await client.query(
          `SELECT name, setting FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout',
             'idle_in_transaction_session_timeout', 'synchronous_commit', 'search_path')
           UNION ALL SELECT 'prepared', count(*)::text FROM pg_prepared_statements ORDER BY name`,
        );
        return rows;
      }),
    );
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}
