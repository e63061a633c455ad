/** The 200,000 flights of vega-datasets as CSV or NDJSON, `times` over or the first part of them, in the system's temporary folder. */
import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';

export async function flightsFile(format, times = 1) {
  const path = join(tmpdir(), `dataflow-bench-flights-${times}x.${format}`);
  if (existsSync(path)) return path;
  const source = new URL('../node_modules/vega-datasets/data/flights-200k.json', import.meta.url);
  const all = JSON.parse(readFileSync(source, 'utf8'));
  const flights = all.slice(0, all.length * times);
  const columns = Object.keys(flights[0]);
  const line =
    format === 'csv'
      ? (flight) => columns.map((column) => flight[column]).join(',')
      : (flight) => JSON.stringify(flight);
  const file = createWriteStream(`${path}.part`);
  if (format === 'csv') file.write(`${columns.join(',')}\n`);
  for (let i = 0; i < times; i++) file.write(`${flights.map(line).join('\n')}\n`);
  file.end();
  await finished(file);
  await rename(`${path}.part`, path);
  return path;
}
