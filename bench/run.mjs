/**
 * Every benchmark, each beside its peer in the same run, in processes of their own and in turn. Prints the tables;
 * `--write` also puts them into bench/README.md. `--quick` takes one round: to see that everything runs.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { flightsFile } from './flights.mjs';
import { inProcess, interleaved, median } from './measure.mjs';

const isQuick = process.argv.includes('--quick');
const ROUNDS = isQuick ? 1 : 5;
const README = new URL('./README.md', import.meta.url);
const sections = [];

const thousands = (value) => `${Math.round(value / 1000).toLocaleString('en-US')}k`;
const fixed = (value, digits = 2) => value.toFixed(digits);
const megabytes = (value) => `${Math.round(value * 1.048576)} MB`;

function table(title, head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const text = `### ${title}\n\n${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
  sections.push(text);
  console.log(`\n${text}`);
}

/** The median of the ratios of each round's pair, so that a slow minute of the machine cancels out. */
function ratioOf(ours, peers) {
  return median(ours.map((value, round) => value / peers[round]));
}

async function actors() {
  const rows = [];
  for (const [pipelines, clients, target] of [
    [1, 1000, '≥ 3'],
    [1000, 64, '≥ 3'],
    [1000, 1, '–'],
  ]) {
    const args = [pipelines, isQuick ? 100_000 : 500_000, clients];
    const [ours, peers] = await interleaved(ROUNDS, [
      async () => (await inProcess('actor-ours.mjs', args)).eventsPerSecond,
      async () => (await inProcess('actor-nact.mjs', args)).eventsPerSecond,
    ]);
    const ratio = `**${fixed(ratioOf(ours, peers))}×**`;
    rows.push([pipelines, clients, thousands(median(ours)), thousands(median(peers)), ratio, target]);
  }
  const head = ['pipelines', 'clients each', 'ours, events/s', 'plain nact, events/s', 'ratio', 'target'];
  table('Actor: durable commands on the in-memory journal', head, rows);
}

async function files() {
  const rows = [];
  for (const [format, transforms] of [
    ['csv', 'cel'],
    ['ndjson', 'cel'],
    ['ndjson', 'code'],
  ]) {
    await flightsFile(format);
    const [ours, script] = await interleaved(ROUNDS, [
      () => inProcess('file-ours.mjs', [format, 1, transforms, 5000]),
      () => inProcess('file-script.mjs', [format, 1]),
    ]);
    const seconds = [ours, script].map((runs) => runs.map((run) => run.seconds));
    const peak = median(ours.map((run) => run.peakMegabytes));
    rows.push([
      `${format} → ndjson`,
      transforms === 'cel' ? 'CEL expressions' : 'functions',
      `${fixed(median(seconds[0]))} s`,
      `${fixed(median(seconds[1]))} s`,
      `**${fixed(ratioOf(...seconds))}×**`,
      '≤ 2.5',
      megabytes(peak),
    ]);
  }
  const head = ['200,000 flights', 'filter and map', 'ours', 'script', 'ratio of times', 'target', 'peak memory'];
  table('File → filter → map → file, beside a plain streaming script', head, rows);
}

async function memory() {
  const rows = [];
  for (const times of isQuick ? [1, 2] : [1, 5, 10]) {
    await flightsFile('csv', times);
    const runs = [];
    for (let round = 0; round < Math.min(ROUNDS, 3); round++) {
      runs.push((await inProcess('file-ours.mjs', ['csv', times, 'cel', 500])).peakMegabytes);
    }
    rows.push([(200_000 * times).toLocaleString('en-US'), megabytes(median(runs)), '< 150 MB']);
  }
  table('Peak memory by size of the file (batches of 500)', ['records', 'peak memory of the process', 'target'], rows);
}

async function recovery() {
  const path = mkdtempSync(join(tmpdir(), 'dataflow-bench-recovery-'));
  try {
    await inProcess('recovery-journal.mjs', [path, 100_000]);
    const runs = [];
    for (let round = 0; round < ROUNDS; round++) runs.push(await inProcess('recovery-ours.mjs', [path]));
    const of = (name) => median(runs.map((run) => run[name]));
    const longest = Math.max(...runs.map((run) => run.longestBlockMs));
    table(
      'Recovery of one pipeline with 100,000 events from the embedded journal',
      ['', 'measured', 'target'],
      [
        ['events/s', thousands(of('eventsPerSecond')), '≥ 100k'],
        ['longest block of the event loop, worst run', `${fixed(longest, 0)} ms`, '≤ 50 ms'],
        ['peak memory of the process', megabytes(of('peakMegabytes')), '< 150 MB'],
      ],
    );
  } finally {
    rmSync(path, { recursive: true });
  }
}

await actors();
await files();
await memory();
await recovery();

if (process.argv.includes('--write')) {
  const machine = `Node.js ${process.versions.node}, ${cpus().length} processors, medians of ${ROUNDS} rounds.`;
  const before = readFileSync(README, 'utf8').split('<!-- measured -->')[0];
  writeFileSync(README, `${before}<!-- measured -->\n\n${machine}\n\n${sections.join('\n')}`);
}
