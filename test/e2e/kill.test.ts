import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ROOT, runCommand, startCommand } from '../support/command-line.ts';

const KILLS = 20;
// Single records make thousands of commits: no kill comes after the last one, however fast the disk is.
const RECORDS = 6000;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dataflow-kill-'));
  const flights = (await readFile(join(ROOT, 'config/samples/flights.csv'), 'utf8')).split('\n');
  const rows = flights.slice(1, RECORDS + 1);
  // Every 97th row is one column short: dead letters must be exact as well.
  const broken = rows.map((row, index) => (index % 97 === 0 ? row.slice(0, row.lastIndexOf(',')) : row));
  await writeFile(join(folder, 'flights.csv'), [flights[0], ...broken, ''].join('\n'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const pipelines = (out: string): string => `
pipelines:
  - id: to-ndjson
    source: { type: file, connectionString: ${folder}/flights.csv, batchSize: 1, options: { types: { delay: integer } } }
    transforms:
      - { type: filter, config: { expression: "record.delay > 5" } }
    sink: { type: file, connectionString: ${out}/flights.ndjson }
    deadLetter: { type: file, connectionString: ${out}/rejected.ndjson }
  - id: to-gzip
    source: { type: file, connectionString: ${folder}/flights.csv, batchSize: 2 }
    transforms:
      - { type: map, config: { fields: { route: "record.origin + '-' + record.destination" } } }
    sink: { type: file, connectionString: ${out}/flights.csv.gz }
`;

async function contents(directory: string): Promise<Record<string, string>> {
  const names = (await readdir(directory)).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, (await readFile(join(directory, name))).toString('base64')])),
  );
}

test('a run that is killed at random points ends with the output of a run that never was', async () => {
  const journal = join(folder, 'journal');
  const undisturbed = join(folder, 'undisturbed');
  const killed = join(folder, 'killed');
  await writeFile(join(folder, 'undisturbed.yaml'), pipelines(undisturbed));
  await writeFile(join(folder, 'killed.yaml'), pipelines(killed));

  const reference = await runCommand(['-j', `${journal}-0`, 'run', 'undisturbed.yaml'], { cwd: folder });
  expect(reference).toMatchObject({ code: 0 });

  let kills = 0;
  for (let i = 0; i < KILLS; i++) {
    const { child, finished, saw } = startCommand(['-j', journal, 'run', 'killed.yaml'], { cwd: folder });
    await saw(/metrics at/);
    // The one place where time is random on purpose: a kill may come anywhere between opening and the last commit.
    await delay(Math.random() * 120);
    child.kill('SIGKILL');
    const { signal } = await finished;
    if (signal === 'SIGKILL') kills += 1;
  }
  expect(kills).toBe(KILLS);

  const last = startCommand(['-j', journal, 'run', '--keep-serving', 'killed.yaml'], { cwd: folder });
  const [, url] = await last.saw(/serving metrics at (\S+);/);
  const scraped = await (await fetch(url!)).text();
  last.child.kill('SIGINT');
  expect(await last.finished).toMatchObject({ code: 0 });

  expect(await contents(killed)).toEqual(await contents(undisturbed));

  const list = async (directory: string): Promise<unknown[]> => {
    const { out } = await runCommand(['-j', directory, 'list', '--json'], { cwd: folder });
    return out
      .trim()
      .split('\n')
      .map((line) => {
        const { id, status, checkpoint, metrics } = JSON.parse(line);
        const { totalRecordsProcessed, totalRecordsFailed, totalBatchesProcessed } = metrics;
        return {
          id,
          status,
          offset: checkpoint.offset,
          totalRecordsProcessed,
          totalRecordsFailed,
          totalBatchesProcessed,
        };
      })
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  };
  expect(await list(journal)).toEqual(await list(`${journal}-0`));

  // The last process counts what it did itself, not what it replayed.
  const [, counted] = /dataflow_records_processed_total\{pipeline_id="to-gzip"\} (\d+)/.exec(scraped)!;
  expect(Number(counted)).toBeLessThan(RECORDS);
  expect(scraped).toMatch(/dataflow_pipelines_stopped 2\n/);
}, 180_000);
