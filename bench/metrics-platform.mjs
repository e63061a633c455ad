/**
 * Several file pipelines at full speed on platforms that live side by side in one process, with metrics and twice without:
 * `metrics-platform.mjs <turns> <pipelines>`. They take turns, so that all run the same compiled code and meet the
 * same drift of the machine. Prints { first: { on, off }, on: [[user, system, main]…], off: …, control: … }: of each round, the seconds of
 * CPU of the whole process, and of the thread of its event loop, from the start of the pipelines to their end.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { PULSE_MS } from '../dist/telemetry/pulse.js';
import { startTelemetry } from '../dist/telemetry/start-telemetry.js';
import { DEFAULT_TELEMETRY_CONFIG, mergeTelemetryConfig } from '../dist/telemetry/telemetry-config.js';
import { collect, kept, openPlatform, WARM_UP } from './platform-rounds.mjs';

const [turns, pipelineCount] = process.argv.slice(2).map(Number);
const open = (metrics) => openPlatform(metrics, pipelineCount);

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
