/**
 * Records the golden journal of this version: `npm run golden -- <name>` writes test/golden/<name> with the journal of
 * pipelines that went through everything, as the database and as an export, and the states that it leads to. Once
 * released, a recording is never changed: every later version must read it.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { exportJournal, openEmbeddedJournal, openEmbeddedJournalReadOnly } from '../dist/index.js';
import { readState } from '../dist/runtime/read-state.js';
import { encodeSnapshot } from '../dist/runtime/snapshots.js';
import { startTestPlatform } from '../dist/testing/index.js';

const [name] = process.argv.slice(2);
if (name === undefined) throw new Error('name the recording: npm run golden -- 0.2.0');
const target = join(import.meta.dirname, '../test/golden', name);
await mkdir(target, { recursive: true });
const folder = await mkdtemp(join(tmpdir(), 'dataflow-golden-'));

const journal = await openEmbeddedJournal({ path: folder });
const { platform, clock } = await startTestPlatform({ journal, runtime: { snapshotEvery: 10 } });

const coded = (code, more = {}) => Object.assign(new Error(`${code} of the sink`), { code, ...more });
/** What the sinks do with the next writes, in order; nothing in particular when it is empty. */
const behaviours = [];
const sink = { write: async (records, context) => behaviours.shift()?.(records, context) };
const never = () => new Promise(() => {});

/** Lets time pass until the condition holds. */
async function until(condition, stepMs = 0) {
  while (!(await condition())) {
    await clock.advance(stepMs);
    await nextTurn();
  }
}

let batch = 0;
async function ingest(pipeline, records = [{ id: ++batch, name: 'größe 🚀' }, { id: ++batch }]) {
  let done = false;
  const result = pipeline.ingest({ batchId: `batch-${++batch}`, records, sourceOffset: batch });
  result.then(
    () => (done = true),
    () => (done = true),
  );
  await until(() => done, 100);
  return result;
}

const spec = (id, more = {}) => ({ id, name: `${id}-pipeline`, description: 'Größe, 注文 & 🚀', sink, ...more });
const orders = await platform.spawnPipeline(
  spec('orders', { deadLetter: { write: () => {} }, batchTimeoutMs: 5000, transforms: [(record) => record] }),
);
await orders.start();
behaviours.push(() => ({ committed: { bytes: 42 } }));
await ingest(orders);
behaviours.push(() => ({ rejected: [{ index: 1, code: 'TOO_BIG', message: 'too big' }] }));
await ingest(orders);
behaviours.push(() => Promise.reject(coded('ECONNRESET')));
await ingest(orders);
behaviours.push(never);
await ingest(orders);
await orders.pause('lunch');
await orders.resume();
await orders.updateCheckpoint();
await orders.reportFailure({ code: 'BROKEN', message: 'told from outside', retryable: false });
await orders.reset();
await orders.updateConfig(spec('orders', { description: 'another', batchTimeoutMs: 6000 }));
await orders.start();
await ingest(orders);
await orders.stop('enough');

const tokens = await platform.spawnPipeline(
  spec('tokens', {
    source: {
      read: async function* () {
        for (const token of ['a', 'b'])
          yield { records: [{ token }], nextOffset: `token-${token}`, position: { token } };
      },
    },
  }),
);
await tokens.start();
await tokens.completion();

const removed = await platform.spawnPipeline(spec('removed'));
await removed.start();
await ingest(removed);
await platform.removePipeline('removed');
await platform.spawnPipeline(spec('removed', { description: 'again' }));

const paused = await platform.spawnPipeline(spec('paused'));
await paused.start();
await ingest(paused);
await paused.pause('for ever');

const failed = await platform.spawnPipeline(spec('failed'));
await failed.start();
behaviours.push(() => Promise.reject(coded('DISK_GONE')));
await ingest(failed).catch(() => {});

const long = await platform.spawnPipeline(spec('long'));
await long.start();
for (let count = 0; count < 20; count++) await ingest(long);
await long.stop('long enough');
const snapshot = await journal.latestSnapshot('long');
await journal.deleteEvents('long', snapshot.sequence - 5);

await platform.spawnPipeline(spec('configured'));

const busy = await platform.spawnPipeline(spec('busy'));
await busy.start();
await ingest(busy);
behaviours.push(never);
void busy.ingest({ batchId: 'in-progress', records: [1, 2, 3], sourceOffset: 99 }).catch(() => {});
await until(async () => (await busy.state()).activeBatch !== null);

await rm(join(target, 'journal.db'), { force: true });
await journal.backup(join(target, 'journal.db'));
let over = false;
void platform.shutdown({ timeoutMs: 0 }).finally(() => {
  over = true;
});
await until(() => over, 1000);

const recorded = await openEmbeddedJournalReadOnly({ path: target });
const states = {};
for (const key of await recorded.keys()) {
  const { state, sequence } = await readState(recorded, key);
  states[key] = { sequence, ...encodeSnapshot(state).state };
}
await writeFile(join(target, 'states.json'), `${JSON.stringify(states, undefined, 2)}\n`);
const lines = [];
for await (const line of exportJournal(recorded)) lines.push(line);
await writeFile(join(target, 'journal.ndjson'), lines.join(''));
await recorded.close();
await rm(folder, { recursive: true });
