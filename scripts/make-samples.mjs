/**
 * Makes config/samples from the development dependency vega-datasets. `--check` writes nothing and fails when a file
 * differs; compressed files are compared by content, since zlib versions compress differently.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';

const dataset = (name) => readFileSync(new URL(`../node_modules/vega-datasets/data/${name}`, import.meta.url), 'utf8');
const target = (name) => fileURLToPath(new URL(`../config/samples/${name}`, import.meta.url));

function flights() {
  const columns = ['date', 'delay', 'distance', 'origin', 'destination'];
  const rows = JSON.parse(dataset('flights-10k.json')).map((flight) =>
    columns.map((column) => flight[column]).join(','),
  );
  return `${[columns.join(','), ...rows].join('\n')}\n`;
}

/** What goes wrong in real exports, each after the given number of good lines. */
const MALFORMED = new Map([
  [100, '{"id":"cut-off","time":15179667'],
  [400, '<html><body>502 Bad Gateway</body></html>'],
  [800, "{'id': 'single-quoted', 'mag': 1.2}"],
  [1200, '{"id":"not-a-number","mag":NaN}'],
  [1600, '{"id":"trailing-comma","mag":2.5,}'],
]);

function earthquakes() {
  const lines = JSON.parse(dataset('earthquakes.json')).features.map(({ id, properties, geometry }) => {
    const { time, mag, magType, place, tsunami } = properties;
    const [longitude, latitude, depth] = geometry.coordinates;
    return JSON.stringify({ id, time, mag, magType, place, tsunami, longitude, latitude, depth });
  });
  for (const [after, line] of [...MALFORMED].reverse()) lines.splice(after, 0, line);
  return `${lines.join('\n')}\n`;
}

const SAMPLES = {
  'flights.csv': Buffer.from(flights()),
  'earthquakes.ndjson': Buffer.from(earthquakes()),
  'seattle-weather.csv.gz': gzipSync(dataset('seattle-weather.csv'), { level: 9 }),
};

const content = (name, bytes) => (name.endsWith('.gz') ? gunzipSync(bytes) : bytes);

for (const [name, bytes] of Object.entries(SAMPLES)) {
  if (!process.argv.includes('--check')) {
    writeFileSync(target(name), bytes);
  } else if (!content(name, readFileSync(target(name))).equals(content(name, bytes))) {
    process.stderr.write(`config/samples/${name} is not what this script makes of its source\n`);
    process.exitCode = 1;
  }
}
