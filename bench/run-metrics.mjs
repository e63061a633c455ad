/**
 * The metrics engine beside the OpenTelemetry SDK with its Prometheus exporter and prom-client, on the same series, in
 * processes of their own and in turn. Prints the tables; `--write` also puts them into bench/METRICS.md. `--quick` takes
 * one round: to see that everything runs.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { inProcess, interleaved, median, midmean, midmeanError } from './measure.mjs';

const isQuick = process.argv.includes('--quick');
const ROUNDS = isQuick ? 1 : 5;
const PLATFORM_PROCESSES = isQuick ? 1 : 5;
const PLATFORM_TURNS = isQuick ? 4 : 40;
const PROFILE_ROUNDS = 30;
const PAGE = new URL('./METRICS.md', import.meta.url);
const LIBRARIES = ['ours', 'prom', 'sdk'];
const sections = [];

const fixed = (value, digits = 0) =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
const fraction = (value) => `**1/${value < 0.1 ? fixed(1 / value) : fixed(1 / value, 1)}**`;
const ratioOf = (ours, peers) => median(ours.map((value, round) => value / peers[round]));

function table(title, head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const text = `### ${title}\n\n${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
  sections.push(text);
  console.log(`\n${text}`);
}

async function recording() {
  const rows = [];
  for (const pipelines of [1, 1000, 10_000]) {
    const [ours, prom, sdk] = await interleaved(
      ROUNDS,
      LIBRARIES.map((library) => async () => {
        const events = (library === 'ours' ? 4_000_000 : library === 'prom' ? 600_000 : 200_000) / (isQuick ? 4 : 1);
        return (await inProcess('metrics-record.mjs', [library, pipelines, events])).nanoseconds;
      }),
    );
    rows.push([
      fixed(pipelines),
      ...[ours, prom, sdk].map((runs) => `${fixed(median(runs))} ns`),
      fraction(ratioOf(ours, prom)),
      fraction(ratioOf(ours, sdk)),
    ]);
  }
  const head = [
    'pipelines',
    'ours',
    'prom-client',
    'SDK',
    'of prom-client (target ≤ 1/10)',
    'of the SDK (target ≤ 1/40)',
  ];
  table('One batch event (6 counters, gauge, histogram), CPU', head, rows);
}

async function scraping() {
  const results = await interleaved(
    Math.min(ROUNDS, 3),
    LIBRARIES.map((library) => () => inProcess('metrics-scrape.mjs', [library, 10_000, 5], ['--expose-gc'])),
  );
  const [ours, prom, sdk] = results.map((runs) => (name) => runs.map((run) => run[name]));
  const row = (title, name, show, target, ratio) => [
    title,
    ...[ours, prom, sdk].map((of) => show(name === 'blockMs' ? Math.max(...of(name)) : median(of(name)))),
    ratio ? fraction(ratioOf(ours(name), prom(name))) : '–',
    target,
  ];
  const ms = (value) => `${fixed(value)} ms`;
  const bytes = (value) => `${fixed(value)} B`;
  table(
    'Scrape of 10,000 pipelines, 25 lines each',
    ['', 'ours', 'prom-client', 'SDK', 'of prom-client', 'target'],
    [
      row('longest block of the event loop, worst run', 'blockMs', ms, '≤ 20 ms', false),
      row('CPU', 'cpuMs', ms, '≤ 1/4 of prom-client', true),
      row('memory a pipeline before the first scrape', 'heapBytes', bytes, '≤ 800 B', true),
      row('memory a pipeline after scrapes', 'heapScrapedBytes', bytes, '≤ 800 B', true),
      row('lines', 'lines', fixed, '250,000', false),
    ],
  );
}

async function reporter() {
  const { heapBytes, points } = await inProcess('metrics-reporter-heap.mjs', [10_000], ['--expose-gc']);
  table(
    'Everything the platform records of a pipeline (reporter and engine)',
    ['', 'measured'],
    [
      ['points', fixed(points)],
      ['memory', `${fixed(heapBytes)} B`],
    ],
  );
}

async function platform() {
  // Which code V8 compiles when, and where what lies, differs between two platforms that are the same: so, several of each.
  const [runs] = await interleaved(PLATFORM_PROCESSES, [() => inProcess('metrics-platform.mjs', [PLATFORM_TURNS, 4])]);
  const whole = ([user, system]) => user + system;
  const main = (round) => round[2];
  const unmetered = ({ off, control }) => [...off, ...control];
  const percent = (value) => `${fixed(value * 100, 2)} %`;
  const seconds = (values) => `${fixed(median(values), 3)} s`;
  /** Of each turn by itself, since the machine is never the same for long; and of the process's CPU, since a user pays that. */
  const more = (of, difference) => {
    const turns = runs.flatMap((run) => {
      const cpu = median(unmetered(run).map(whole));
      return run.on.map((on, turn) => difference(of(on), of(run.off[turn]), of(run.control[turn])) / cpu);
    });
    return `${percent(midmean(turns))} ± ${percent(midmeanError(turns))}`;
  };
  const row = (title, of) => [
    title,
    seconds(runs.flatMap(({ on }) => on.map(of))),
    seconds(runs.flatMap((run) => unmetered(run).map(of))),
    more(of, (on, off, control) => on - (off + control) / 2),
    more(of, (_on, off, control) => control - off),
    '≤ 1 %',
  ];
  const first = (mode) => runs.map((run) => run.first[mode]);
  table(
    'Whole platform: four file pipelines at full speed, batches of 500, CPU',
    ['', 'metrics on, a round', 'metrics off', 'more, of the process', 'control: off against off', 'target'],
    [
      row('the process', whole),
      // Linux alone tells it.
      ...(runs.some(({ on }) => on.some((round) => main(round) === 0))
        ? []
        : [row('of it the thread of the event loop', main)]),
      [
        'the first round of a platform, compilation included',
        seconds(first('on')),
        seconds(first('off')),
        percent(median(first('on').map((on, run) => on / first('off')[run] - 1))),
        '',
        '–',
      ],
    ],
  );
}

async function profile() {
  const run = await inProcess('metrics-profile.mjs', [isQuick ? 1 : PROFILE_ROUNDS, 4]);
  const { cpuMs, profiledMs, collections, callbackMs } = run;
  const row = (title, ms) => [title, `${fixed(ms, 2)} ms`, `${fixed((ms / cpuMs) * 100, 2)} %`];
  const watched = collections * callbackMs;
  table(
    `The same in a CPU profile: a round takes ${fixed(cpuMs)} ms`,
    ['', 'a round', 'of the process'],
    [
      row('recording, and watching the runtime', profiledMs),
      row(
        `V8's callbacks about collections: ${fixed(collections)} collections, ${fixed(callbackMs * 1000)} µs each`,
        watched,
      ),
      row('together', profiledMs + watched),
    ],
  );
}

await recording();
await scraping();
await reporter();
await platform();
await profile();

if (process.argv.includes('--write')) {
  const machine = `Node.js ${process.versions.node}, ${cpus().length} processors, medians of ${ROUNDS} rounds (scrapes: 3, platform: ${PLATFORM_PROCESSES} processes of ${PLATFORM_TURNS} turns).`;
  const before = readFileSync(PAGE, 'utf8').split('<!-- measured -->')[0];
  writeFileSync(PAGE, `${before}<!-- measured -->\n\n${machine}\n\n${sections.join('\n')}`);
}
