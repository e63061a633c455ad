/**
 * A platform with a status page: `status-page-platform.mjs <pipelines> <busy>`; a busy pipeline processes a batch each
 * second. Sends { url, historyBytes }, then answers { measureMs } with its CPU of that time as a share of a core.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { startPlatform } from '../dist/index.js';
import { History, OVERVIEW_COLUMNS, PIPELINE_COLUMNS, SAMPLES } from '../dist/server/status/history.js';

const [pipelines, busy] = process.argv.slice(2).map(Number);

async function* records() {
  for (let n = 0; ; n++) yield { n };
}

const platform = await startPlatform({
  env: {},
  configFile: false,
  journal: { kind: 'memory' },
  metrics: { prometheus: { host: '127.0.0.1', port: 0 } },
  statusPage: { port: 0 },
});
for (let index = 0; index < pipelines; index++) {
  const pipeline = await platform.spawnPipeline({
    id: `pipeline-${index}`,
    source: Object.assign(records(), { batchSize: 10, pollIntervalMs: 1000 }),
    sink: { write: async () => {} },
  });
  if (index < busy) await pipeline.start();
}
process.on('message', async ({ measureMs }) => {
  const before = process.cpuUsage();
  const start = performance.now();
  await pause(measureMs);
  const { user, system } = process.cpuUsage(before);
  process.send((user + system) / 1000 / (performance.now() - start));
});
process.send({ url: platform.statusUrl, historyBytes: historyBytes() });

/** What a full hour holds once its pipelines are known: the ring is of fixed size. */
function historyBytes() {
  const bytes = () => {
    globalThis.gc();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = bytes();
  const history = new History();
  const zeros = (columns) => Object.fromEntries(columns.map((name) => [name, 0]));
  const ids = Array.from({ length: pipelines }, (_, index) => `pipeline-${index}`);
  for (let sample = 0; sample < SAMPLES; sample++) {
    history.add(sample, zeros(OVERVIEW_COLUMNS), new Map(ids.map((id) => [id, zeros(PIPELINE_COLUMNS)])));
  }
  const held = bytes() - before;
  return history.count === SAMPLES ? held : Number.NaN;
}
