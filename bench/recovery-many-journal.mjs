/**
 * `recovery-many-journal.mjs <settings of the journal> <pipelines> <batches>`: makes a journal of pushed pipelines with
 * some batches each, every second one stopped, the others left running as by a power failure.
 */
import { startPlatform } from '../dist/index.js';

const [journal, pipelines, batches] = process.argv.slice(2);
const platform = await startPlatform({
  env: {},
  configFile: false,
  journal: JSON.parse(journal),
  metrics: { prometheus: { enabled: false } },
  statusPage: { enabled: false },
});

let next = 0;
async function work() {
  for (let number = next++; number < Number(pipelines); number = next++) {
    const pipeline = await platform.spawnPipeline({
      id: `pipeline-${number}`,
      source: { type: 'push' },
      sink: { type: 'null', connectionString: 'nowhere' },
    });
    await pipeline.start();
    for (let batch = 0; batch < Number(batches); batch++) {
      await pipeline.ingest({ batchId: `b-${batch}`, records: [{ number, batch }], sourceOffset: batch });
    }
    if (number % 2 === 0) await pipeline.stop('written');
  }
}
await Promise.all(Array.from({ length: 500 }, work));
console.log(JSON.stringify({ pipelines: platform.listPipelines().length }));
// Everything is in the journal; a shutdown would stop the pipelines that are to be found running.
process.exit();
