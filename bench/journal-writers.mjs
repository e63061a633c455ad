/** What events can be made durable with: each gives `append(actor, number)`, which resolves when it is, and `close()`. */
import { open } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const PEERS = createRequire(new URL('./peers/package.json', import.meta.url));

/** 328 bytes as JSON, the size of a batch's event. */
const payload = (number) => ({
  type: 'BatchProcessed',
  schemaVersion: 1,
  number,
  text: 'x'.repeat(256 - String(number).length),
});
const event = (number) => ({ data: payload(number), tags: ['pipeline-events', 'all-events'], timestamp: number });
const key = (actor) => `actor-${actor}`;

function ofJournal(journal) {
  return {
    append: (actor, number) => journal.append(key(actor), number - 1, [event(number)]),
    close: () => journal.close(),
  };
}

async function embedded({ path }) {
  const { openEmbeddedJournal } = await import('../dist/journals/embedded/open.js');
  return ofJournal(await openEmbeddedJournal({ path: join(path, 'embedded') }));
}

/** Lines in a file, and nothing to find them by: the limit. What arrives during a sync is the next write. */
async function file({ path }) {
  const handle = await open(join(path, 'events.ndjson'), 'a');
  let waiting = [];
  let isRunning = false;
  const drain = async () => {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      await handle.write(batch.map(({ line }) => line).join(''));
      await handle.datasync();
      for (const { resolve } of batch) resolve();
    }
    isRunning = false;
  };
  return {
    append: (actor, number) =>
      new Promise((resolve) => {
        waiting.push({ line: `${JSON.stringify({ key: key(actor), ...event(number) })}\n`, resolve });
        if (isRunning) return;
        isRunning = true;
        setImmediate(drain);
      }),
    close: () => handle.close(),
  };
}

/** One block and its sync at a time: what the disk can do. */
async function sync({ path }) {
  const handle = await open(join(path, 'synced'), 'w');
  const block = Buffer.alloc(4096);
  return {
    async append(_actor, number) {
      await handle.write(block, 0, block.length, (number % 1000) * block.length);
      await handle.datasync();
    },
    close: () => handle.close(),
  };
}

async function postgres({ url, schema, actors }, isLeased) {
  const { openPostgresJournal } = await import('../dist/journals/postgres/index.js');
  const journal = await openPostgresJournal({ url, schema, requireLeases: isLeased });
  if (isLeased) {
    const keys = Array.from({ length: actors }, (_, actor) => key(actor));
    await journal.leases.acquire(keys, 'bench', 3_600_000);
  }
  return ofJournal(journal);
}

async function nact({ url }) {
  const { PostgresPersistenceEngine } = PEERS('nact-persistence-postgres');
  const { PersistedEvent } = PEERS('nact/lib/persistence');
  const engine = new PostgresPersistenceEngine(url);
  await engine.db;
  return {
    append: (actor, number) => {
      const { data, tags, timestamp } = event(number);
      return engine.persist(new PersistedEvent(data, number, key(actor), tags, timestamp));
    },
    close: async () => (await engine.db).$pool.end(),
  };
}

async function emmett({ url }) {
  const path = PEERS.resolve('@event-driven-io/emmett-postgresql').replace(/\.cjs$/, '.js');
  const { getPostgreSQLEventStore } = await import(pathToFileURL(path).href);
  const store = getPostgreSQLEventStore(url);
  await store.schema.migrate();
  return {
    append: (actor, number) =>
      store.appendToStream(key(actor), [{ type: 'BatchProcessed', data: payload(number) }], {
        expectedStreamVersion: BigInt(number - 1),
      }),
    close: () => store.close(),
  };
}

export const WRITERS = {
  embedded,
  file,
  sync,
  postgres: (options) => postgres(options, false),
  leased: (options) => postgres(options, true),
  nact,
  emmett,
};
