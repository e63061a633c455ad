/**
 * Several file pipelines at full speed on platforms that live side by side in one process, with metrics and twice without:
 * `metrics-platform.mjs <turns> <pipelines>`. They take turns, so that all run the same compiled code and meet the
 * same drift of the machine. Prints { first: { on, off }, on: [[user, system, main]…], off: …, control: … }: of each round, the seconds of
 * CPU of the whole process, and of the thread of its event loop, from the start of the pipelines to their end.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';
import { startPlatform } from '../dist/index.js';
import { PULSE_MS } from '../dist/telemetry/pulse.js';
import { startTelemetry } from '../dist/telemetry/start-telemetry.js';
import { DEFAULT_TELEMETRY_CONFIG, mergeTelemetryConfig } from '../dist/telemetry/telemetry-config.js';
import { flightsFile } from './flights.mjs';

const [turns, pipelineCount] = process.argv.slice(2).map(Number);
/** Until V8 has compiled what it is going to: the first ones take twice the CPU. */
const WARM_UP = 15;
/** Of the flights, for each pipeline: the shorter a round, the more alike are the machine's moods in the rounds of a turn. */
const PART = 1 / 4;
// V8 lets go of code together with the objects that it was compiled for, and would compile it again in the next round.
const kept = [];
const input = await flightsFile('ndjson', PART);

/** Linux alone tells it; elsewhere 0. */
const SCHEDULED = `/proc/self/task/${process.pid}/schedstat`;
const mainThreadNs = existsSync(SCHEDULED) ? () => Number(readFileSync(SCHEDULED, 'utf8').split(' ')[0]) : () => 0;

/** A platform, and one round of work on it: all pipelines from start to end. */
async function open(metrics) {
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
  return { round, close };
}

/** The first round of a platform: with the one before it V8 let go of the code that was compiled for its parts. */
async function firstRound(enabled) {
  const { round, close } = await open({ enabled });
  const [user, system] = await round();
  await close();
  return user + system;
}

await firstRound(false);
const first = { on: await firstRound(true), off: await firstRound(false) };

// What watches the runtime (collections, the event loop, the CPU) would watch the other's rounds too. So it is not the
// platform's but by itself: the same parts, started before each round with metrics and stopped after it.
const runtime = mergeTelemetryConfig(DEFAULT_TELEMETRY_CONFIG, { host: { groups: [] } });
const platforms = {
  on: await open({ runtime: { enabled: false }, process: { enabled: false } }),
  off: await open({ enabled: false }),
  // The same once more: what it differs by is what a difference is worth here.
  control: await open({ enabled: false }),
};
const MODES = Object.keys(platforms);
v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc');
async function round(mode) {
  const telemetry = mode === 'on' ? await startTelemetry({ config: runtime }) : undefined;
  kept.push(telemetry);
  // What was made before, such as for the start of the telemetry, is not to be moved out of the young space in this round.
  for (let age = 0; age < 2; age++) {
    collect({ type: 'minor' });
    // What watches the collections looks between two of them, as it does at work.
    await delay(2 * PULSE_MS);
  }
  const seconds = await platforms[mode].round();
  await telemetry?.shutdown();
  return seconds;
}
const seconds = { on: [], off: [], control: [] };
for (let turn = 0; turn < WARM_UP + turns; turn++) {
  // The one that goes first changes, and who follows whom, so that what one leaves behind meets all.
  const order = [0, 1, 2].map((place) => MODES[(turn + (turn % 2 === 0 ? place : 2 * place)) % 3]);
  for (const mode of order) {
    const taken = await round(mode);
    if (turn >= WARM_UP) seconds[mode].push(taken);
  }
}
for (const { close } of Object.values(platforms)) await close();
console.log(JSON.stringify({ first, ...seconds }));
