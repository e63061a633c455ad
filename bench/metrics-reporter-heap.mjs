/** What the whole reporter holds of a pipeline, all its series included: run with --expose-gc. Prints { heapBytes, points }. */
import { PipelineMetricsReporter } from '../dist/metrics/reporter.js';
import { MetricsEngine } from '../dist/telemetry/engine/metrics-engine.js';

const [pipelines] = process.argv.slice(2).map(Number);
const engine = new MetricsEngine({ seriesLimit: 1_000_000 });
const reporter = new PipelineMetricsReporter(engine.getMeter('dataflow-platform'));

async function bytes() {
  for (let round = 0; round < 3; round++) {
    globalThis.gc();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const empty = await bytes();
for (let index = 0; index < pipelines; index++) {
  reporter.recordStateTransition(`pipeline-${index}`, 'configured', 'running');
  reporter.recordBatchProcessed(`pipeline-${index}`, 100, 0, 25);
}
await engine.observe();
const heapBytes = ((await bytes()) - empty) / pipelines;
console.log(JSON.stringify({ heapBytes, points: engine.size / pipelines }));
