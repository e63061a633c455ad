/**
 * Several file pipelines at full speed on one platform: `metrics-platform.mjs <on|off> <pipelines>`.
 * Prints { cpuSeconds }, of the whole process from the start of the pipelines to their end.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPlatform } from '../dist/index.js';
import { flightsFile } from './flights.mjs';

const [mode, pipelinesText] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'dataflow-bench-'));
const input = await flightsFile('ndjson');
const platform = await startPlatform({
  configFile: false,
  env: {},
  journal: { kind: 'embedded', path: join(folder, 'journal') },
  metrics: { enabled: mode === 'on', prometheus: { port: 0 } },
});
const pipelines = [];
for (let index = 0; index < Number(pipelinesText); index++) {
  const pipeline = await platform.spawnPipeline({
    id: `flights-${index}`,
    source: { type: 'file', connectionString: input, batchSize: 500, options: { format: 'ndjson' } },
    transforms: [{ type: 'filter', config: { expression: 'record.delay > 15' } }],
    sink: { type: 'file', connectionString: join(folder, `out-${index}.ndjson`), batchSize: 500 },
  });
  pipelines.push(pipeline);
}
const before = process.cpuUsage();
await Promise.all(pipelines.map((pipeline) => pipeline.start()));
await Promise.all(pipelines.map((pipeline) => pipeline.completion()));
const { user, system } = process.cpuUsage(before);
await platform.shutdown();
rmSync(folder, { recursive: true });
console.log(JSON.stringify({ cpuSeconds: (user + system) / 1e6 }));
