/** The work that the platform's metrics are measured with: file pipelines at full speed, a round of all of them at a time. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import v8 from 'node:v8';
import vm from 'node:vm';
import { startPlatform } from '../dist/index.js';
import { flightsFile } from './flights.mjs';

/** Of the flights, for each pipeline: the shorter a round, the more alike are the machine's moods in the rounds of a turn. */
const PART = 1 / 2;
/** Rounds until V8 has compiled what it is going to: the first ones take up to twice the CPU. */
export const WARM_UP = 10;

// V8 lets go of code together with the objects that it was compiled for, and would compile it again in the next round.
export const kept = [];

/** Linux alone tells it; elsewhere 0. */
const SCHEDULED = `/proc/self/task/${process.pid}/schedstat`;
const mainThreadNs = existsSync(SCHEDULED) ? () => Number(readFileSync(SCHEDULED, 'utf8').split(' ')[0]) : () => 0;

v8.setFlagsFromString('--expose-gc');
export const collect = vm.runInNewContext('gc');

/**
 * A platform. Each call of its `round` runs all pipelines from start to end, and gives the seconds of CPU of the process
 * (user and system), and of the thread of its event loop.
 */
export async function openPlatform(metrics, pipelineCount) {
  const input = await flightsFile('ndjson', PART);
  const folder = mkdtempSync(join(tmpdir(), 'dataflow-bench-'));
  const platform = await startPlatform({
    configFile: false,
    env: {},
    journal: { kind: 'embedded', path: join(folder, 'journal') },
    metrics: { ...metrics, prometheus: { port: 0 } },
    statusPage: { enabled: false },
  });
  let rounds = 0;
  const round = async () => {
    const pipelines = [];
    rounds += 1;
    for (let index = 0; index < pipelineCount; index++) {
      const pipeline = await platform.spawnPipeline({
        id: `flights-${rounds}-${index}`,
        source: { type: 'file', connectionString: input, batchSize: 500, options: { format: 'ndjson' } },
        transforms: [{ type: 'filter', config: { expression: 'record.delay > 15' } }],
        sink: { type: 'file', connectionString: join(folder, `out-${rounds}-${index}.ndjson`), batchSize: 500 },
      });
      pipelines.push(pipeline);
    }
    const before = process.cpuUsage();
    const main = mainThreadNs();
    await Promise.all(pipelines.map((pipeline) => pipeline.start()));
    await Promise.all(pipelines.map((pipeline) => pipeline.completion()));
    const mainNs = mainThreadNs() - main;
    const { user, system } = process.cpuUsage(before);
    kept.push(pipelines);
    for (const index of pipelines.keys()) rmSync(join(folder, `out-${rounds}-${index}.ndjson`));
    return [user / 1e6, system / 1e6, mainNs / 1e9];
  };
  const close = async () => {
    await platform.shutdown();
    rmSync(folder, { recursive: true });
  };
  return { platform, round, close };
}
