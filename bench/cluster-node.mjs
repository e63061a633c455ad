/**
 * One of the processes that share pipelines: `cluster-node.mjs <options as JSON>`. Each pipeline yields a record every few
 * ms for as long as it runs, so that the journal shows when nobody ran it. Prints `started`; SIGTERM ends it in order.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { startPlatform } from '../dist/index.js';

const { url, schema, node, pipelines, leaseTimeMs, everyMs } = JSON.parse(process.argv[2]);

const source = {
  async *read(checkpoint, { signal }) {
    for (let number = Number(checkpoint.offset); !signal.aborted; number++) {
      await pause(everyMs, undefined, { signal }).catch(() => {});
      yield { records: [number] };
    }
  },
};

const platform = await startPlatform({
  configFile: false,
  env: {},
  journal: { kind: 'postgres', url, schema },
  cluster: { enabled: true, node, leaseTime: leaseTimeMs },
  metrics: { prometheus: { enabled: false } },
  statusPage: { enabled: false },
});
process.once('SIGTERM', () => platform.shutdown());
for (let index = 0; index < pipelines; index++) {
  const pipeline = await platform.spawnPipeline({ id: `p-${index}`, source, sink: { write() {} } });
  if ((await pipeline.state()).status === 'configured') await pipeline.start().catch(() => {});
}
console.log('started');
