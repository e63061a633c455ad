/**
 * The status page with 1,000 pipelines, a tenth of which work, in Debian's Chromium: when the first view can be used, how
 * long the table takes to take in what is new, what an open page costs the server, how large the page and its history are.
 * Prints the table; `--write` also puts it into bench/STATUS-PAGE.md. `--quick` looks for a few seconds only.
 */
import { fork } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';
import { median } from './measure.mjs';

const isQuick = process.argv.includes('--quick');
const PAGE = new URL('./STATUS-PAGE.md', import.meta.url);
const FILES = new URL('../dist/page/', import.meta.url);
const LOADS = isQuick ? 1 : 5;
const SECONDS = isQuick ? 5 : 30;
const PAIRS = isQuick ? 1 : 5;

const child = fork(new URL('./status-page-platform.mjs', import.meta.url), ['1000', '100'], {
  execArgv: ['--expose-gc'],
});
const next = () => new Promise((resolve) => child.once('message', resolve));
const ask = async (question) => {
  const answer = next();
  child.send(question);
  return answer;
};
const { url, historyBytes } = await next();

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});

/** ms from the start of the navigation until the first numbers stand there and the main thread is free for a click. */
async function firstView() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  const page = await context.newPage();
  await page.goto(url, { waitUntil: 'commit' });
  const ms = await page.evaluate(`new Promise((resolve) => {
    const look = () => {
      if (/\\b1,000\\b|\\b100\\b/.test(document.querySelector('main')?.innerText ?? '')) setTimeout(() => resolve(performance.now()));
      else requestAnimationFrame(look);
    };
    look();
  })`);
  await context.close();
  return ms;
}

/** Work of the page's main thread for the table, in ms: the longest task, and the mean of a second's update. */
async function table() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  const page = await context.newPage();
  await page.goto(`${url}#/pipelines`);
  await page.locator('[role=row], tr').nth(5).waitFor();
  await pause(3000);
  const session = await context.newCDPSession(page);
  await session.send('Performance.enable');
  const taskSeconds = async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    return metrics.find(({ name }) => name === 'TaskDuration').value;
  };
  const before = await taskSeconds();
  const longest = await page.evaluate(`new Promise((resolve) => {
    // A frame that is late by more than its time was held up by work of the page.
    let longest = 0;
    let last;
    const end = performance.now() + ${SECONDS * 1000};
    const work = new MessageChannel();
    work.port1.onmessage = () => {
      const now = performance.now();
      if (last !== undefined) longest = Math.max(longest, now - last);
      last = undefined;
      if (now > end) resolve(longest);
      else requestAnimationFrame(frame);
    };
    const frame = () => {
      // From the first callback of a frame until its layout and paint are done.
      last = performance.now();
      work.port2.postMessage(0);
    };
    requestAnimationFrame(frame);
  })`);
  const update = (((await taskSeconds()) - before) * 1000) / SECONDS;
  await context.close();
  return { longest, update };
}

/** CPU of the server with the page open, less that without, as a share of a core. */
async function serverCost() {
  const differences = [];
  for (let pair = 0; pair < PAIRS; pair++) {
    const alone = await ask({ measureMs: SECONDS * 500 });
    const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
    const page = await context.newPage();
    await page.goto(`${url}#/pipelines`);
    await pause(3000);
    const open = await ask({ measureMs: SECONDS * 500 });
    await context.close();
    differences.push(open - alone);
  }
  return median(differences);
}

const loads = [];
for (let load = 0; load < LOADS; load++) loads.push(await firstView());
const { longest, update } = await table();
const cost = await serverCost();
const gzipped = readdirSync(FILES, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && !/\.(?:br|gz)$/.test(entry.name))
  .reduce((sum, entry) => sum + gzipSync(readFileSync(`${entry.parentPath ?? entry.path}/${entry.name}`)).length, 0);
await browser.close();
child.kill();

const rows = [
  ['first view can be used', `${Math.round(median(loads))} ms`, '≤ 1 s'],
  ['longest frame of the table while it is updated', `${longest.toFixed(1)} ms`, '≤ 16 ms'],
  ['work of the page for a second of updates', `${update.toFixed(1)} ms`, '–'],
  ['CPU of the server for an open page', `${(cost * 100).toFixed(2)} % of a core`, '≤ 1 %'],
  ['page, gzipped', `${(gzipped / 1000).toFixed(0)} kB`, '≤ 150 kB'],
  ['memory of an hour of history', `${(historyBytes / 1e6).toFixed(1)} MB`, '≤ 20 MB'],
];
const text = [
  '| 1,000 pipelines | measured | target |',
  '| --- | --- | --- |',
  ...rows.map((row) => `| ${row.join(' | ')} |`),
].join('\n');
console.log(text);
if (process.argv.includes('--write')) {
  const machine = `Node.js ${process.versions.node}, ${cpus().length} processors.`;
  const [head] = readFileSync(PAGE, 'utf8').split('<!-- measured -->');
  writeFileSync(PAGE, `${head}<!-- measured -->\n\n${machine}\n\n${text}\n`);
}
