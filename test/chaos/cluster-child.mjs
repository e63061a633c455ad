/**
 * One of the processes that share the pipelines of pipelines.mjs: `cluster-child.mjs <folder> <output> <node>`. Pushes
 * batches to the pushed pipelines wherever they are, and says each one that was acknowledged to it; waits while `<output>/wait`
 * is there, and ends at the number in `<output>/until`; says when everything has ended; ends in order on SIGTERM.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startPlatform } from '../../dist/index.js';
import { journalSettings } from './support/child-journal.mjs';
import { BATCH_RECORDS, FILE_PIPELINES, PUSHED_PIPELINES, pushedRecord, specifications } from './support/pipelines.mjs';
import { say } from './support/say.mjs';

const [folder, output, node] = process.argv.slice(2);
/** What an attempt may meet while processes come and go; the batch is sent again. */
const PASSING =
  /^DATAFLOW_ERR_(?:PIPELINE_(?:ELSEWHERE|STOPPED|UNKNOWN)|BATCH_A|JOURNAL_|SHUTDOWN|COMMAND_REFUSED|RECOVERY_FAILED|SINK_FENCED)/;

const platform = await startPlatform({
  env: {},
  configFile: false,
  journal: journalSettings(''),
  cluster: { enabled: true, node, leaseTime: Number(process.env.CHAOS_LEASE_MS) },
  runtime: { snapshotEvery: 50, keepSnapshots: 2 },
  metrics: { prometheus: { enabled: false } },
  statusPage: { enabled: false },
  onWarning: () => {},
});
let isOver = false;
process.once('SIGTERM', () => {
  isOver = true;
  void platform.shutdown();
});

async function patiently(attempt) {
  while (!isOver) {
    try {
      return await attempt();
    } catch (error) {
      if (!PASSING.test(error.code) && error.code !== 'DATAFLOW_ERR_PLATFORM_SHUT_DOWN') throw error;
      await pause(50);
    }
  }
  return undefined;
}

const pipelines = [];
for (const spec of specifications(folder, output)) {
  const pipeline = await patiently(() => platform.spawnPipeline(spec));
  if (pipeline === undefined) break;
  pipelines.push(pipeline);
  await patiently(async () => {
    if ((await pipeline.state()).status === 'configured') await pipeline.start();
  });
}
say({ ready: true });

const isAskedToWait = () => existsSync(join(output, 'wait')) && !existsSync(join(output, 'until'));
const limit = () =>
  existsSync(join(output, 'until')) ? Number(readFileSync(join(output, 'until'), 'utf8')) : Infinity;

async function push(id) {
  const pipeline = platform.pipeline(id);
  while (!isOver) {
    if (isAskedToWait()) {
      await pause(20);
      continue;
    }
    const batch = await patiently(async () => {
      const { checkpoint } = await pipeline.state();
      return checkpoint.offset / BATCH_RECORDS;
    });
    if (batch === undefined || batch >= limit()) return;
    const first = batch * BATCH_RECORDS;
    const records = Array.from({ length: BATCH_RECORDS }, (_, index) => pushedRecord(first + index));
    try {
      const result = await pipeline.ingest({ batchId: `${id}-${batch}`, records, sourceOffset: first });
      if (result.successCount !== BATCH_RECORDS) throw new Error(`${id} ${batch}: ${JSON.stringify(result)}`);
      say({ id, batch });
    } catch (error) {
      if (!PASSING.test(error.code) && error.code !== 'DATAFLOW_ERR_PLATFORM_SHUT_DOWN') throw error;
      await pause(20);
    }
  }
}

await Promise.all([
  ...PUSHED_PIPELINES.map(push),
  ...FILE_PIPELINES.map((id) => patiently(() => platform.pipeline(id).completion())),
]);
if (!isOver) say({ done: true });
