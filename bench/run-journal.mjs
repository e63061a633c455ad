/**
 * The journals beside their limits and peers, each in the same run, in processes of their own and in turn. Prints the
 * tables; `--write` also puts them into bench/JOURNAL.md. `--quick` takes one short round: to see that everything runs.
 * `embedded`, `postgres`, `fleet`, `recovery` and `handover` measure that part alone, and write its tables alone.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fleetTable, recoveryTable } from './journal-platforms.mjs';
import { inProcess, interleaved, median } from './measure.mjs';
import { startPostgres } from './postgres-server.mjs';

const isQuick = process.argv.includes('--quick');
const ROUNDS = isQuick ? 1 : 3;
const SECONDS = isQuick ? 1 : 4;
const ACTORS = [1, 100, 1000];
const PAGE = new URL('./JOURNAL.md', import.meta.url);
const PARTS = ['embedded', 'postgres', 'fleet', 'recovery', 'handover'];
const asked = process.argv.filter((word) => PARTS.includes(word));
const wants = (part) => asked.length === 0 || asked.includes(part);
/** The text of each table by its title. */
const sections = new Map();

function table(title, head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const text = `### ${title}\n\n${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
  sections.set(title, text);
  console.log(`\n${text}`);
}

const rate = (value) => Math.round(value).toLocaleString('en-US');
const times = (value) => `**${value.toFixed(2)}×**`;
const of = (runs, name = 'eventsPerSecond') => median(runs.map((run) => run[name]));

/** The median of the ratios of each round's pair, so that a slow minute of the machine cancels out. */
function ratioOf(ours, theirs) {
  return median(ours.map((run, round) => run.eventsPerSecond / theirs[round].eventsPerSecond));
}

function inFolder(kind, actors) {
  return async () => {
    const path = mkdtempSync(join(tmpdir(), 'dataflow-bench-journal-'));
    try {
      return await inProcess('journal-load.mjs', [kind, JSON.stringify({ path, actors, seconds: SECONDS })]);
    } finally {
      rmSync(path, { recursive: true });
    }
  };
}

async function embedded() {
  const rows = [];
  let thousand;
  for (const actors of ACTORS) {
    const [ours, file] = await interleaved(ROUNDS, [inFolder('embedded', actors), inFolder('file', actors)]);
    const target = { 1: '≥ 0.65', 100: '≥ 0.45', 1000: '≥ 0.4' }[actors];
    rows.push([actors, rate(of(ours)), rate(of(file)), times(ratioOf(ours, file)), target]);
    thousand = ours;
  }
  const head = ['actors', 'embedded, events/s', 'append-only file, events/s', 'ratio', 'target'];
  table('Embedded journal beside an append-only file', head, rows);
  const syncs = (await interleaved(ROUNDS, [inFolder('sync', 1)]))[0];
  table(
    'Embedded journal at 1,000 actors',
    ['', 'measured', 'target'],
    [
      ['syncs/s of the disk, one block each', rate(of(syncs)), '–'],
      ['events for each of them', times(ratioOf(thousand, syncs)), '≥ 12'],
      ['event loop busy', of(thousand, 'utilization').toFixed(2), '≤ 0.5'],
    ],
  );
}

async function postgres(server) {
  let runs = 0;
  const onServer = (kind, actors) => async () => {
    // Tables of its own for ours; the peers have one set, so their keys must be new.
    runs += 1;
    await resetPeers(server.url, kind);
    const options = { url: server.url, schema: `bench_${runs}`, actors, seconds: SECONDS };
    return inProcess('journal-load.mjs', [kind, JSON.stringify(options)]);
  };
  const withPeers = existsSync(new URL('./peers/node_modules', import.meta.url));
  if (!withPeers) console.log('Without peers: `npm install --prefix bench/peers` first measures them as well.');
  const kinds = ['leased', 'postgres', ...(withPeers ? ['nact', 'emmett'] : [])];
  const rows = [];
  for (const actors of ACTORS) {
    const [leased, free, nact, emmett] = await interleaved(
      ROUNDS,
      kinds.map((kind) => onServer(kind, actors)),
    );
    const beside = (peer) => (peer === undefined ? '–' : `${rate(of(peer))} · ${times(ratioOf(leased, peer))}`);
    const fence = `${(100 * (1 - ratioOf(leased, free))).toFixed(0)} %`;
    const target = { 1: '–', 100: '≥ 4 · ≥ 10', 1000: '≥ 5 · ≥ 10' }[actors];
    rows.push([
      actors,
      rate(of(leased)),
      fence,
      beside(nact),
      beside(emmett),
      target,
      of(leased, 'utilization').toFixed(2),
    ]);
  }
  const head = [
    'actors',
    'ours with leases, events/s',
    'cost of the lease (≤ 10 %)',
    'nact-persistence-postgres · ratio',
    'emmett-postgresql · ratio',
    'targets',
    'event loop busy',
  ];
  table('PostgreSQL journal beside its peers', head, rows);
}

async function handover(server) {
  const options = { url: server.url, schema: 'bench_handover', pipelines: 30, rounds: isQuick ? 1 : 3 };
  const gaps = await inProcess('cluster-handover.mjs', [
    JSON.stringify({ ...options, leaseTimeMs: 10_000, everyMs: 10 }),
  ]);
  const row = (title, of, target) => [title, of.length, `${median(of)} ms`, `${Math.max(...of)} ms`, target];
  table(
    'Pipelines that three processes share, from the last event of one owner to the first of the next',
    ['', 'pipelines that moved', 'median', 'longest', 'target'],
    [
      row('a process is stopped (SIGTERM)', gaps.SIGTERM, '≤ 1,000 ms'),
      row('a process is killed (SIGKILL), lease time 10 s', gaps.SIGKILL, '≤ 10,000 ms'),
    ],
  );
}

async function resetPeers(url, kind) {
  if (kind !== 'nact' && kind !== 'emmett') return;
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  await client.end();
}

if (wants('embedded')) await embedded();
if (wants('fleet')) await fleetTable(table, { isQuick, rounds: ROUNDS });
if (wants('postgres') || wants('recovery') || wants('handover')) {
  const server = await startPostgres();
  try {
    if (wants('postgres')) await postgres(server);
    if (wants('handover')) await handover(server);
    if (wants('recovery')) await recoveryTable(table, { isQuick, postgresUrl: server.url });
  } finally {
    await server.stop();
  }
}

if (process.argv.includes('--write')) {
  const machine = `Node.js ${process.versions.node}, ${cpus().length} processors, medians of ${ROUNDS} rounds of ${SECONDS} s.`;
  const [before, measured = ''] = readFileSync(PAGE, 'utf8').split('<!-- measured -->');
  const kept = measured
    .split(/^(?=### )/m)
    .slice(1)
    .map((text) => [text.slice(4, text.indexOf('\n')), `${text.trim()}\n`]);
  const all = [...new Map([...(asked.length === 0 ? [] : kept), ...sections]).values()];
  writeFileSync(PAGE, `${before}<!-- measured -->\n\n${machine}\n\n${all.join('\n')}`);
}
