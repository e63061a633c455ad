/** The same work as a plain streaming script: no journal, no metrics, no fsync. Prints { seconds, records, peakMegabytes }. */
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { parse } from 'csv-parse';
import { flightsFile } from './flights.mjs';
import { peakMegabytes } from './measure.mjs';

const [format, times] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'dataflow-bench-'));
const input = await flightsFile(format, Number(times));
let records = 0;

async function* fromNdjson(stream) {
  for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }))
    yield JSON.parse(line);
}

async function* transform(source) {
  for await (const record of source) {
    records += 1;
    if (!(record.delay > 15)) continue;
    yield `${JSON.stringify({ ...record, hoursLate: record.delay / 60, far: record.distance > 1000 })}\n`;
  }
}

const startedAt = performance.now();
const file = createReadStream(input);
const parsed =
  format === 'csv' ? file.pipe(parse({ columns: true, cast: Number, cast_date: false })) : fromNdjson(file);
await pipeline(parsed, transform, createWriteStream(join(folder, 'out.ndjson')));
const seconds = (performance.now() - startedAt) / 1000;
rmSync(folder, { recursive: true });
console.log(JSON.stringify({ seconds, records, peakMegabytes: peakMegabytes() }));
