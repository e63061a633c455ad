/**
 * Runs file pipelines and pushed pipelines on a journal (child-journal.mjs): `pipelines-child.mjs <folder> <output> <until>
 * [acknowledged]`. Pushes batches from where each checkpoint is up to number `until`, and says each one that was
 * acknowledged, also in a file where one is named; then waits for the files, and says up to which number, what it
 * counted and what the states hold. When its standard input ends before, it pushes up to the highest number so far.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { startPlatform } from '../../dist/index.js';
import { journalSettings } from './support/child-journal.mjs';
import { BATCH_RECORDS, FILE_PIPELINES, PUSHED_PIPELINES, pushedRecord, specifications } from './support/pipelines.mjs';
import { say } from './support/say.mjs';

const [folder, output, until, acknowledged] = process.argv.slice(2);

const platform = await startPlatform({
  env: {},
  configFile: false,
  journal: journalSettings(join(output, 'journal')),
  runtime: { snapshotEvery: 50, keepSnapshots: 2 },
  metrics: { prometheus: { enabled: false } },
  statusPage: { enabled: false },
});

const pipelines = [];
for (const spec of specifications(folder, output)) pipelines.push(await platform.spawnPipeline(spec));
const totalsOf = async () =>
  Object.fromEntries(
    await Promise.all(
      pipelines.map(async (pipeline) => {
        const { metrics, status, checkpoint } = await pipeline.state();
        const { totalRecordsProcessed, totalRecordsFailed, totalBatchesProcessed } = metrics;
        const offset = checkpoint.offset;
        return [pipeline.id, { status, offset, totalRecordsProcessed, totalRecordsFailed, totalBatchesProcessed }];
      }),
    ),
  );

const recovered = await totalsOf();
say({ ready: true, recovered });
for (const pipeline of pipelines) {
  const { status } = await pipeline.state();
  if (status === 'configured') await pipeline.start();
}

let limit = Number(until);
let highest = 0;
process.stdin.on('end', () => {
  limit = Math.min(limit, highest);
});
process.stdin.resume().unref();

async function push(id) {
  const pipeline = platform.pipeline(id);
  for (let batch = recovered[id].offset / BATCH_RECORDS; batch < limit; batch++) {
    highest = Math.max(highest, batch + 1);
    const first = batch * BATCH_RECORDS;
    const records = Array.from({ length: BATCH_RECORDS }, (_, index) => pushedRecord(first + index));
    await pipeline.ingest({ batchId: `${id}-${batch}`, records, sourceOffset: first });
    if (acknowledged !== undefined) appendFileSync(acknowledged, `append ${id} ${batch + 1}\n`);
    say({ id, batch });
  }
}

await Promise.all([...PUSHED_PIPELINES.map(push), ...FILE_PIPELINES.map((id) => platform.pipeline(id).completion())]);
const points = await platform.metrics.snapshot();
const counted = points.filter(({ name }) => name === 'dataflow.batches.processed');
const counts = Object.fromEntries(counted.map(({ attributes, value }) => [attributes.pipeline_id, value]));
const totals = await totalsOf();
await platform.shutdown();
say({ done: { until: limit, totals, counts } });
