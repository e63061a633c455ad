/**
 * How long pipelines stand still when the process that owns them is stopped, or killed: three processes share them, one is
 * ended and started again, in turn. `cluster-handover.mjs <options as JSON>` prints, for each way, the gap in ms between
 * the last event of the former owner and the first one of the next, for each pipeline that moved.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { openPostgresJournal } from '../dist/journals/postgres/index.js';

const { rounds, ...shared } = JSON.parse(process.argv[2]);
const { url, schema, pipelines } = shared;
const NAMES = ['a', 'b', 'c'];
const SCRIPT = fileURLToPath(new URL('./cluster-node.mjs', import.meta.url));
const running = new Map();

async function start(node) {
  const child = spawn(process.execPath, [SCRIPT, JSON.stringify({ ...shared, node })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.set(node, child);
  await once(child.stdout, 'data');
}

async function until(isSo) {
  while (!(await isSo())) await pause(50);
}

await start(NAMES[0]);
const client = new pg.Client({ connectionString: url });
await client.connect();
const journal = await openPostgresJournal({ url, schema, readOnly: true });
await Promise.all(NAMES.slice(1).map(start));

const ownedBy = async (node) =>
  (await journal.leases.list()).filter((lease) => lease.owner === node && !lease.isExpired);
const isBalanced = async () => {
  const counts = await Promise.all(NAMES.map(async (node) => (await ownedBy(node)).length));
  return Math.max(...counts) - Math.min(...counts) <= 1 && counts.reduce((sum, count) => sum + count) === pipelines;
};

/** Where the writer changes after each of the sequence numbers: ms from the event before to the next one; by key. */
async function gapsAfter(sequences) {
  const { rows } = await client.query(
    `SELECT gap FROM json_to_recordset($1) AS s (k text, after bigint), LATERAL (
       SELECT created_at - lag(created_at) OVER w AS gap, writer <> lag(writer) OVER w AS is_first
       FROM "${schema}".events WHERE key = k AND sequence >= after
       WINDOW w AS (ORDER BY sequence) ORDER BY is_first DESC NULLS LAST, sequence LIMIT 1
     ) AS event WHERE is_first`,
    [JSON.stringify([...sequences].map(([k, after]) => ({ k, after })))],
  );
  return rows.map(({ gap }) => gap);
}

async function end(node, signal) {
  await until(isBalanced);
  const keys = (await ownedBy(node)).map(({ key }) => key);
  const sequences = async () =>
    new Map(await Promise.all(keys.map(async (key) => [key, await journal.highestSequence(key)])));
  // Who has a lease but no event of its own yet would leave no trace of having been the owner.
  const owned = await sequences();
  let before = owned;
  await until(async () => {
    before = await sequences();
    return keys.every((key) => before.get(key) > owned.get(key));
  });
  const child = running.get(node);
  child.kill(signal);
  await once(child, 'exit');
  let gaps = [];
  await until(async () => {
    gaps = await gapsAfter(before);
    return gaps.length === before.size;
  });
  await start(node);
  return gaps;
}

const results = { SIGTERM: [], SIGKILL: [] };
for (let round = 0; round < rounds; round++) {
  for (const signal of Object.keys(results)) results[signal].push(...(await end(NAMES[round % 3], signal)));
}
for (const child of running.values()) child.kill('SIGTERM');
await Promise.all([...running.values()].map((child) => once(child, 'exit')));
await journal.close();
await client.end();
console.log(JSON.stringify(results));
