import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { openPostgresJournal } from '../../src/journals/postgres/open.ts';
import type { PostgresJournalOptions } from '../../src/journals/postgres/options.ts';
import type { PostgresJournal } from '../../src/journals/postgres/postgres-journal.ts';
import { startPlatform } from '../../src/platform/start.ts';
import { startCuttingProxy } from '../support/cutting-proxy.ts';
import { parseFrontend } from '../support/frontend-messages.ts';
import { event, events, readEverything, readKey } from '../support/journal-events.ts';
import { newSchema, PASSWORD, type PostgresServer, startPostgres } from '../support/postgres.ts';
import { runChild } from '../support/run-child.ts';

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

async function openJournal(options: Partial<PostgresJournalOptions> = {}): Promise<PostgresJournal> {
  const journal = await openPostgresJournal({ url: server.url(), schema, ...options });
  open.push(journal);
  return journal;
}

describe('the schema', () => {
  test('is made once by processes that start at the same time', async () => {
    const keys = ['a', 'b', 'c', 'd', 'e'];
    const children = await Promise.all(
      keys.map((key) =>
        runChild(`
          import { openPostgresJournal } from 'dist:journals/postgres/index.js';
          const journal = await openPostgresJournal(${JSON.stringify({ url: server.url(), schema })});
          await journal.append('${key}', 0, [{ data: {}, tags: [], timestamp: 1 }]);
          await journal.close();`),
      ),
    );
    expect(children).toEqual(keys.map(() => ({ code: 0, out: '', err: '' })));
    expect([...(await (await openJournal()).keys())].sort()).toEqual(keys);
    const versions = await server.query(`SELECT version FROM ${schema}.schema_versions`);
    expect(versions).toEqual([{ version: 1 }, { version: 2 }, { version: 3 }]);
  });

  test('of a newer version is refused and left as it is', async () => {
    await openJournal();
    await server.query(`INSERT INTO ${schema}.schema_versions (version) VALUES (999)`);
    await expect(openJournal()).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_JOURNAL_FOREIGN',
      details: { schema, version: 999 },
      message: expect.stringMatching(/use a newer version/),
    });
  });

  test('with tables of another program is refused and left as it is', async () => {
    await server.query(`CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.events (id int)`);
    await expect(openJournal()).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_FOREIGN' });
    const tables = await server.query('SELECT tablename FROM pg_tables WHERE schemaname = $1', [schema]);
    expect(tables).toEqual([{ tablename: 'events' }]);
  });

  test('keeps two journals in one database apart', async () => {
    const [one, two] = [await openJournal(), await openJournal({ schema: newSchema() })];
    await one.append('key', 0, events(1, 2));
    expect(await two.keys()).toEqual([]);
    expect(await readEverything(two)).toEqual([]);
    await two.append('key', 0, [event(1)]);
    expect(await readKey(one, 'key')).toHaveLength(2);
  });

  test('that is current is used by a user who may change no table', async () => {
    await openJournal();
    await server.query(`
      CREATE ROLE worker LOGIN PASSWORD 'worker';
      GRANT USAGE ON SCHEMA ${schema} TO worker;
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO worker;
      GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA ${schema} TO worker`);
    const journal = await openJournal({ url: `postgres://worker:worker@127.0.0.1:${server.port}/postgres` });
    await journal.leases.acquire(['key'], 'worker', 60_000);
    await journal.append('key', 0, events(1, 2));
    await journal.deleteEvents('key', 1);
    expect(await readEverything(journal)).toHaveLength(1);
    await expect(
      openJournal({ url: `postgres://worker:worker@127.0.0.1:${server.port}/postgres`, schema: newSchema() }),
    ).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_OPEN_FAILED', message: expect.stringMatching(/permission/) });
  });

  test('is not made for a reader, who changes nothing', async () => {
    await expect(openJournal({ readOnly: true })).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_JOURNAL_OPEN_FAILED',
      message: expect.stringMatching(/There is no journal in the schema/),
    });
    const writer = await openJournal();
    await writer.append('key', 0, [event(1)]);
    const reader = await openJournal({ readOnly: true });
    expect(await readKey(reader, 'key')).toHaveLength(1);
    const readOnly = { code: 'DATAFLOW_ERR_JOURNAL_READ_ONLY' };
    await expect(reader.append('key', 1, [event(2)])).rejects.toMatchObject(readOnly);
    await expect(reader.deleteEvents('key', 1)).rejects.toMatchObject(readOnly);
    await expect(reader.saveProjectionOffset('p', 1)).rejects.toMatchObject(readOnly);
  });
});

test('every problem of the options is said at once', async () => {
  const bad = { schema: 'a"b', maxReadConnections: 0, statementTimeoutMs: 1, retryForMs: -1, maxQueuedBytes: 1 };
  const error = await openJournal({ url: 'somewhere', ...bad }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'DATAFLOW_ERR_CONFIG_INVALID' });
  const { problems } = error as { problems: { path: string }[] };
  expect(problems.map(({ path }) => path)).toEqual(['url', ...Object.keys(bad)]);
});

test('events stay as they were through a dump of their rows, and in an application that changes how values are read', async () => {
  const journal = await openJournal();
  await journal.append('key', 0, [{ ...event(1), metadata: { trace: 'a"b\\c\u0000' } }]);
  const [row] = await server.query(`SELECT data, metadata FROM ${schema}.events`);
  expect(row).toEqual({ data: '{"number":1,"text":"event"}', metadata: String.raw`{"trace":"a\"b\\c\u0000"}` });
  const [stored] = await readKey(journal, 'key');
  expect(stored).toEqual({ ...event(1), sequence: 1, metadata: { trace: 'a"b\\c\u0000' } });
});

test('nothing is left in a session that a pooler in transaction mode could not carry over', async () => {
  const proxy = await startCuttingProxy(server.port);
  try {
    const journal = await openJournal({ url: server.url(proxy.port), requireLeases: true });
    await journal.leases.acquire(['key'], 'owner', 60_000);
    await Promise.all([journal.append('key', 0, events(1, 3)), journal.keys()]);
    await journal.saveSnapshot('key', { sequence: 1, state: {}, timestamp: 1 });
    await journal.deleteEvents('key', 1);
    await journal.saveProjectionOffset('projection', 1);
    expect(await readEverything(journal)).toHaveLength(2);
    await journal.leases.renew(['key'], 'owner', 60_000);
    await journal.leases.release(['key'], 'owner');
    await journal.close();

    const connections = proxy.sent.map(parseFrontend);
    const texts: string[] = [];
    for (const { startup, messages } of connections) {
      expect(Object.keys(startup).sort()).toEqual(['application_name', 'client_encoding', 'database', 'user']);
      for (const { type, body } of messages) {
        // An unnamed statement begins with the end of its name.
        if (type === 'P') expect(body[0]).toBe(0);
        if (type === 'P') texts.push(body.subarray(1).toString());
        if (type === 'Q') texts.push(body.toString());
      }
    }
    expect(texts.length).toBeGreaterThan(30);
    const all = texts.join('\n');
    expect(all).toMatch(/pg_advisory_xact_lock/);
    expect(all).not.toMatch(
      /\bLISTEN\b|\bPREPARE\b|\bTEMP(?:ORARY)?\b|WITH HOLD|pg_advisory_lock|\bSET (?!LOCAL\b|owner|expires_at|deleted_to|created_at|projected_to|plan_cache_mode)/i,
    );
    // No statement stands outside of a transaction, where its limits would not hold.
    let isOpen = false;
    for (const text of texts) {
      if (text.startsWith('BEGIN')) isOpen = true;
      else expect([text, isOpen]).toEqual([text, true]);
      if (/^(?:COMMIT|ROLLBACK)/.test(text)) isOpen = false;
    }
  } finally {
    await proxy.close();
  }
});

describe('the driver', () => {
  test('is in none of the types that a user compiles', () => {
    const seen = new Set<string>();
    const visit = (file: URL) => {
      if (seen.has(file.href)) return;
      seen.add(file.href);
      for (const [, name] of readFileSync(file, 'utf8').matchAll(/from '([^']+)'/g)) {
        expect([file.pathname, name]).toEqual([file.pathname, expect.stringMatching(/^\.|^node:/)]);
        if (name!.startsWith('.')) visit(new URL(name!.replace(/\.(?:js|ts)$/, '.d.ts'), file));
      }
    };
    visit(new URL('../../dist/journals/postgres/index.d.ts', import.meta.url));
    expect(seen.size).toBeGreaterThan(4);
  });

  test('is not loaded by the main entry', async () => {
    const { out } = await runChild(`
      import { createRequire } from 'node:module';
      await import('dist:index.js');
      const loaded = Object.keys(createRequire(import.meta.url).cache).filter((path) => /node_modules.pg./.test(path));
      process.stdout.write(JSON.stringify(loaded));`);
    expect(out).toBe('[]');
  });

  test('that is not installed is asked for', async () => {
    const hooks = `export async function resolve(specifier, context, next) {
      if (specifier === 'pg') throw Object.assign(new Error('not found'), { code: 'ERR_MODULE_NOT_FOUND' });
      return next(specifier, context);
    }`;
    const { out } = await runChild(`
      import { register } from 'node:module';
      register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}));
      const { startPlatform } = await import('dist:index.js');
      const journal = { kind: 'postgres', url: 'postgres://127.0.0.1/d' };
      const error = await startPlatform({ configFile: false, journal }).catch((reason) => reason);
      process.stdout.write(error.code + ' ' + error.message);`);
    expect(out).toMatch(/^DATAFLOW_ERR_JOURNAL_DRIVER_MISSING .*npm i pg/);
  });
});

test('a platform keeps its pipelines in the database that a variable names', async () => {
  const options = {
    configFile: false as const,
    env: { JOURNAL_PASSWORD: encodeURIComponent(PASSWORD) },
    journal: {
      kind: 'postgres' as const,
      url: `postgres://postgres:\${JOURNAL_PASSWORD}@127.0.0.1:${server.port}/postgres`,
      schema,
    },
    metrics: { enabled: false },
  };
  const first = await startPlatform(options);
  try {
    const pipeline = await first.spawnPipeline({ id: 'orders', sink: { type: 'null', connectionString: 'null' } });
    await pipeline.start();
    await pipeline.ingest({ batchId: 'b', records: [{ id: 1 }, { id: 2 }], sourceOffset: 0 });
  } finally {
    await first.shutdown();
  }
  const second = await startPlatform(options);
  try {
    const state = await second.pipeline('orders').state();
    expect(state).toMatchObject({ status: 'running', metrics: { totalRecordsProcessed: 2 } });
  } finally {
    await second.shutdown();
  }
  await expect(startPlatform({ ...options, env: {} })).rejects.toMatchObject({
    code: 'DATAFLOW_ERR_CONFIG_INVALID',
    message: expect.stringMatching(/JOURNAL_PASSWORD/),
  });
});
