/**
 * Several file pipelines at full speed on one platform, with its metrics and without, in turn in one process, so that both
 * are compiled alike and meet the same drift of the machine: `metrics-platform.mjs <pairs> <pipelines>`.
 * Prints { first: { on, off }, on: [s…], off: [s…] }: CPU of the whole process from the start of the pipelines to their end.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPlatform } from '../dist/index.js';
import { flightsFile } from './flights.mjs';

const [pairsText, pipelinesText] = process.argv.slice(2);
const input = await flightsFile('ndjson');

async function run(enabled) {
  const folder = mkdtempSync(join(tmpdir(), 'dataflow-bench-'));
  const platform = await startPlatform({
    configFile: false,
    env: {},
    journal: { kind: 'embedded', path: join(folder, 'journal') },
    metrics: { enabled, prometheus: { port: 0 } },
    statusPage: { enabled: false },
  });
  const processAll = async (round) => {
    const pipelines = [];
    for (let index = 0; index < Number(pipelinesText); index++) {
      const pipeline = await platform.spawnPipeline({
        id: `flights-${round}-${index}`,
        source: { type: 'file', connectionString: input, batchSize: 500, options: { format: 'ndjson' } },
        transforms: [{ type: 'filter', config: { expression: 'record.delay > 15' } }],
        sink: { type: 'file', connectionString: join(folder, `out-${round}-${index}.ndjson`), batchSize: 500 },
      });
      pipelines.push(pipeline);
    }
    const before = process.cpuUsage();
    await Promise.all(pipelines.map((pipeline) => pipeline.start()));
    await Promise.all(pipelines.map((pipeline) => pipeline.completion()));
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6;
  };
  globalThis.gc();
  // With the platform before it V8 let go of the code that was compiled for its parts; this one compiles it again.
  const first = await processAll('first');
  const seconds = await processAll('again');
  await platform.shutdown();
  rmSync(folder, { recursive: true });
  return { first, seconds };
}

await run(false);
const [firstOn, firstOff] = [await run(true), await run(false)];
const seconds = { on: [], off: [] };
for (let pair = 0; pair < Number(pairsText); pair++) {
  // The one that goes first changes, so that what one leaves behind meets both.
  for (const mode of pair % 2 === 0 ? ['on', 'off'] : ['off', 'on']) {
    seconds[mode].push((await run(mode === 'on')).seconds);
  }
}
console.log(JSON.stringify({ first: { on: firstOn.first, off: firstOff.first }, ...seconds }));
