/**
 * `recovery-many.mjs <settings of the journal> <pipelines>`: starts a platform, endpoints and all, on a journal of so
 * many pipelines. Prints { seconds, longestBlockMs, longestOwnMs, peakMegabytes }.
 */
import { startPlatform } from '../dist/index.js';
import { peakMegabytes } from './measure.mjs';

const [journal, pipelines] = process.argv.slice(2);

const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

// The time between two turns of the event loop is the time that everybody else waits. Of it, at most the CPU time of
// the process, all threads, is its own; the rest went to others on the machine.
let longestBlockMs = 0;
let longestOwnMs = 0;
let last = performance.now();
let lastCpu = cpuMs();
let watching = true;
const watch = () => {
  const now = performance.now();
  const cpu = cpuMs();
  longestBlockMs = Math.max(longestBlockMs, now - last);
  longestOwnMs = Math.max(longestOwnMs, Math.min(now - last, cpu - lastCpu));
  last = now;
  lastCpu = cpu;
  if (watching) setImmediate(watch);
};
setImmediate(watch);

const startedAt = performance.now();
const platform = await startPlatform({
  env: {},
  configFile: false,
  journal: JSON.parse(journal),
  metrics: { prometheus: { port: 0 } },
  statusPage: { port: 0 },
});
const seconds = (performance.now() - startedAt) / 1000;
await new Promise((resolve) => setTimeout(resolve, 1000));
watching = false;
const found = { running: 0, stopped: 0 };
for (const { id } of platform.listPipelines()) found[(await platform.pipeline(id).state()).status]++;
if (found.running + found.stopped !== Number(pipelines)) throw new Error(`recovered ${JSON.stringify(found)}`);
console.log(JSON.stringify({ seconds, longestBlockMs, longestOwnMs, peakMegabytes: peakMegabytes() }));
process.exit();
