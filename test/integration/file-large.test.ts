import { execFile } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { FILE_SOURCE } from '../../src/connectors/sources/file.ts';
import { readAll, recordsOf, rejectedOf, sourceSpec, temporaryFolder } from '../unit/connectors/support/harness.ts';

const folder = temporaryFolder();
const run = promisify(execFile);
const dist = new URL('../../dist/', import.meta.url).href;
const ROWS = 600_000;

beforeAll(() => {
  const line = (index: number) => `${index},name ${index},"quoted, ${index}",${index % 977},${'x'.repeat(60)}\n`;
  const file = openSync(folder.path('big.csv'), 'w');
  const members: Buffer[] = [];
  writeSync(file, 'id,name,note,value,pad\n');
  for (let from = 0; from < ROWS; from += 20_000) {
    const chunk = Array.from({ length: 20_000 }, (_, index) => line(from + index)).join('');
    writeSync(file, chunk);
    if (from < 100_000) members.push(gzipSync((from === 0 ? 'id,name,note,value,pad\n' : '') + chunk));
  }
  closeSync(file);
  folder.write('big.csv.gz', Buffer.concat(members));
  const huge = openSync(folder.path('huge.ndjson'), 'w');
  writeSync(huge, '{"a":1}\n');
  const piece = 'x'.repeat(1024 * 1024);
  for (let index = 0; index < 200; index++) writeSync(huge, piece);
  writeSync(huge, '\n{"a":2}\n');
  closeSync(huge);
});
afterAll(() => folder.remove());

/** Reads a file in a process of its own: records, rejected ones, and how far its memory rose above the start, in MB. */
async function measure(name: string): Promise<{ records: number; rejected: number; riseMb: number }> {
  const script = `
    import { FILE_SOURCE } from ${JSON.stringify(`${dist}connectors/sources/file.js`)};
    const spec = { type: 'file', connectionString: process.argv[1], batchSize: 500, pollIntervalMs: 0, options: {} };
    const context = { pipelineId: 'p', spec, batchSize: 500, signal: new AbortController().signal };
    const start = process.memoryUsage().rss;
    let records = 0, rejected = 0, peak = start;
    for await (const batch of FILE_SOURCE.create(spec).read({ offset: 0, timestamp: null, recordsProcessed: 0 }, context)) {
      records += batch.records.length;
      rejected += batch.rejected?.length ?? 0;
      peak = Math.max(peak, process.memoryUsage().rss);
    }
    process.stdout.write(JSON.stringify({ records, rejected, riseMb: (peak - start) / 1048576 }));`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script, folder.path(name)]);
  return JSON.parse(stdout);
}

test('memory does not follow the size of the file', async () => {
  const plain = await measure('big.csv');
  expect(plain).toMatchObject({ records: ROWS, rejected: 0 });
  expect(plain.riseMb).toBeLessThan(80);
  const packed = await measure('big.csv.gz');
  expect(packed).toMatchObject({ records: 100_000, rejected: 0 });
  expect(packed.riseMb).toBeLessThan(80);
});

test('a record of 200 MiB is rejected without being held', async () => {
  const { records, rejected, riseMb } = await measure('huge.ndjson');
  expect({ records, rejected }).toEqual({ records: 2, rejected: 1 });
  expect(riseMb).toBeLessThan(120);
});

test('real files: every row of public data sets', async () => {
  const data = new URL('../../node_modules/vega-datasets/data/', import.meta.url);
  for (const [name, rows] of [
    ['airports.csv', 3376],
    ['seattle-weather.csv', 1461],
    ['unemployment.tsv', 3218],
  ] as const) {
    const path = new URL(name, data);
    const batches = await readAll(FILE_SOURCE.create(sourceSpec(path.href, { inferTypes: true })));
    expect(rejectedOf(batches)).toEqual([]);
    expect([name, recordsOf(batches).length]).toEqual([name, rows]);
    expect(readFileSync(path).length).toBe(batches.at(-1)!.position && (batches.at(-1)!.progress?.total ?? 0));
  }
});
