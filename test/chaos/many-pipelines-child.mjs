/**
 * `many-pipelines-child.mjs <journal> <count>`: recovers what the journal holds, makes what is missing of `count`
 * pushed pipelines, sends one batch to each of them, and lives until it is killed or its standard input ends.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { startPlatform } from '../../dist/index.js';
import { journalSettings } from './support/child-journal.mjs';
import { say } from './support/say.mjs';

const [path, count] = process.argv.slice(2);

const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
const startedAt = performance.now();
const platform = await startPlatform({
  env: {},
  configFile: false,
  journal: journalSettings(path),
  metrics: { prometheus: { enabled: false } },
  statusPage: { enabled: false },
});
const recoveredMs = Math.round(performance.now() - startedAt);
delay.disable();
const longestBlockMs = Math.round(delay.max / 1e6);

/** How many pipelines there are of each status and number of batches. */
async function tally() {
  const found = {};
  for (const { id } of platform.listPipelines()) {
    const { status, metrics } = await platform.pipeline(id).state();
    const kind = `${status} ${metrics.totalBatchesProcessed}`;
    found[kind] = (found[kind] ?? 0) + 1;
  }
  return found;
}

say({ recovered: await tally(), recoveredMs, longestBlockMs });

let next = 0;
async function work() {
  for (let number = next++; number < Number(count); number = next++) {
    const pipeline = await platform.spawnPipeline({
      id: `pipeline-${number}`,
      source: { type: 'push' },
      sink: { type: 'null', connectionString: 'nowhere' },
    });
    const { status, metrics } = await pipeline.state();
    if (status === 'configured') await pipeline.start();
    const done = metrics.totalBatchesProcessed;
    await pipeline.ingest({ batchId: `b-${done}`, records: [number], sourceOffset: done });
  }
}
await Promise.all(Array.from({ length: 500 }, work));
say({ worked: await tally() });
process.stdin.resume();
process.stdin.on('end', () => platform.shutdown());
