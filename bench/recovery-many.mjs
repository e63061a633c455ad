/**
 * `recovery-many.mjs <settings of the journal> <pipelines>`: starts a platform, endpoints and all, on a journal of so
 * many pipelines. Prints { seconds, longestBlockMs, peakMegabytes }.
 */
import { startPlatform } from '../dist/index.js';
import { peakMegabytes } from './measure.mjs';

const [journal, pipelines] = process.argv.slice(2);

// The time between two turns of the event loop is the time that everybody else waits.
let longestBlockMs = 0;
let last = performance.now();
let watching = true;
const watch = () => {
  const now = performance.now();
  longestBlockMs = Math.max(longestBlockMs, now - last);
  last = now;
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
console.log(JSON.stringify({ seconds, longestBlockMs, peakMegabytes: peakMegabytes() }));
process.exit();
