/**
 * `fleet.mjs embedded|none <pipelines> <batch size>`: as many file pipelines at once, each from an NDJSON file through a
 * filter and a map into a file of its own. Prints { cpuSeconds }, of all threads, from their making to the end of the last.
 */
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startPlatform } from '../dist/index.js';
import { flightsFile } from './flights.mjs';

const RECORDS = 20_000;
const [kind, count, batchSize] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'dataflow-bench-fleet-'));

async function head() {
  const path = join(folder, 'flights.ndjson');
  const out = createWriteStream(path);
  let lines = 0;
  for await (const line of createInterface({ input: createReadStream(await flightsFile('ndjson')) })) {
    out.write(`${line}\n`);
    if (++lines === RECORDS) break;
  }
  await new Promise((resolve) => out.end(resolve));
  return path;
}

/** Forgets everything, for nothing: what is left of the costs is not the journal's. */
const NONE = {
  append: async () => {},
  async *read() {},
  highestSequence: async () => 0,
  deleteEvents: async () => {},
  keys: async () => [],
  async *readAll() {},
  onAppend: () => () => {},
  projectionOffset: async () => 0,
  saveProjectionOffset: async () => {},
  saveSnapshot: async () => {},
  latestSnapshot: async () => undefined,
  deleteSnapshots: async () => {},
  pruneSnapshots: async () => {},
  close: async () => {},
};

const input = await head();
const platform = await startPlatform({
  configFile: false,
  env: {},
  journal: kind === 'none' ? NONE : { kind, path: join(folder, 'journal') },
  metrics: { prometheus: { port: 0 } },
  statusPage: { enabled: false },
});
const before = process.cpuUsage();
const fleet = await Promise.all(
  Array.from({ length: Number(count) }, (_, number) =>
    platform.spawnPipeline({
      id: `flights-${number}`,
      source: { type: 'file', connectionString: input, batchSize: Number(batchSize), options: { format: 'ndjson' } },
      transforms: [
        { type: 'filter', config: { expression: 'record.delay > 15' } },
        { type: 'map', config: { fields: { hoursLate: 'record.delay / 60', far: 'record.distance > 1000' } } },
      ],
      sink: { type: 'file', connectionString: join(folder, `out-${number}.ndjson`) },
    }),
  ),
);
await Promise.all(fleet.map((pipeline) => pipeline.start()));
const ends = await Promise.all(fleet.map((pipeline) => pipeline.completion()));
const { user, system } = process.cpuUsage(before);
const records = ends.reduce((sum, { metrics }) => sum + metrics.totalRecordsProcessed, 0);
if (records !== RECORDS * Number(count)) throw new Error(`only ${records} records were processed`);
await platform.shutdown();
rmSync(folder, { recursive: true });
console.log(JSON.stringify({ cpuSeconds: (user + system) / 1e6 }));
