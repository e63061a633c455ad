/**
 * A scrape over HTTP by another process: `metrics-scrape.mjs <library> <pipelines> <scrapes>`, run with --expose-gc.
 * Prints { blockMs, cpuMs, heapBytes, lines }: the longest block of the event loop, CPU a scrape, memory a pipeline.
 */
import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { LIBRARIES } from './metrics-libraries.mjs';

const WARM_UP = 10;
const FETCH = `process.on('message', async (url) => {
  const text = await (await fetch(url, { headers: { 'accept-encoding': 'identity' } })).text();
  process.send(text.split('\\n').filter((line) => line !== '' && !line.startsWith('#')).length);
})`;

const [library, pipelinesText, scrapesText] = process.argv.slice(2);
const pipelines = Number(pipelinesText);
const scrapes = Number(scrapesText);

async function bytes() {
  for (let round = 0; round < 3; round++) {
    globalThis.gc();
    await pause(10);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const warm = await LIBRARIES[library](1);
warm.event(0, 1);
const empty = await bytes();
const { event, serve } = await LIBRARIES[library](pipelines);
const record = () => {
  for (let index = 0; index < pipelines; index++) event(index, index % 9973);
};
record();
const heapBytes = ((await bytes()) - empty) / pipelines;

const url = await serve();
const scraper = spawn(process.execPath, ['-e', FETCH], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
const scrape = () =>
  new Promise((resolve) => {
    scraper.once('message', resolve);
    scraper.send(url);
  });

let lines = 0;
for (let index = 0; index < WARM_UP; index++) lines = await scrape();
const prepare = async () => {
  record();
  // Recording is over, and its garbage gone, before the scrape is measured.
  globalThis.gc();
  await pause(50);
};
const blocks = [];
let cpuMs = 0;
for (let index = 0; index < scrapes; index++) {
  await prepare();
  const before = process.cpuUsage();
  await scrape();
  const { user, system } = process.cpuUsage(before);
  cpuMs += (user + system) / 1000 / scrapes;

  // Looked at in a scrape of its own: a timer each millisecond is CPU as well, the more of it the more often it comes.
  await prepare();
  let longest = 0;
  let last = performance.now();
  // Node's own monitorEventLoopDelay misses some blocks of hundreds of ms altogether.
  const ticks = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  await scrape();
  await pause(5);
  clearInterval(ticks);
  blocks.push(longest);
}
const heapScrapedBytes = ((await bytes()) - empty) / pipelines;
console.log(JSON.stringify({ blockMs: Math.max(...blocks), cpuMs, heapBytes, heapScrapedBytes, lines }));
process.exit(0);
