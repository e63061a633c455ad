/** File → filter → map → file on a platform with its journal and metrics. Prints { seconds, records, peakMegabytes }. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPlatform } from '../dist/index.js';
import { flightsFile } from './flights.mjs';
import { peakMegabytes } from './measure.mjs';

const [format, times, transforms = 'cel', batchSize = '5000'] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'dataflow-bench-'));
const input = await flightsFile(format, Number(times));
const asNumbers = format === 'csv' ? { types: { delay: 'number', distance: 'number', time: 'number' } } : {};

const startedAt = performance.now();
const platform = await startPlatform({
  configFile: false,
  env: {},
  journal: { kind: 'embedded', path: join(folder, 'journal') },
  metrics: { prometheus: { port: 0 } },
  statusPage: { enabled: false },
});
const pipeline = await platform.spawnPipeline({
  id: 'flights',
  source: { type: 'file', connectionString: input, batchSize: Number(batchSize), options: { format, ...asNumbers } },
  transforms:
    transforms === 'cel'
      ? [
          { type: 'filter', config: { expression: 'record.delay > 15' } },
          { type: 'map', config: { fields: { hoursLate: 'record.delay / 60', far: 'record.distance > 1000' } } },
        ]
      : [
          (record) => (record.delay > 15 ? record : undefined),
          (record) => ({ ...record, hoursLate: record.delay / 60, far: record.distance > 1000 }),
        ],
  sink: { type: 'file', connectionString: join(folder, 'out.ndjson'), batchSize: Math.min(Number(batchSize), 10_000) },
});
await pipeline.start();
const { metrics } = await pipeline.completion();
const seconds = (performance.now() - startedAt) / 1000;
await platform.shutdown();
rmSync(folder, { recursive: true });
const records = metrics.totalRecordsProcessed;
console.log(JSON.stringify({ seconds, records, peakMegabytes: peakMegabytes() }));
