/**
 * Creates, uses and removes 100,000 pipelines, a thousand at a time, and says what is left of them:
 * `node --expose-gc metrics-churn-child.mjs`; one JSON line out.
 */
import { PipelineMetricsReporter } from '../../dist/metrics/reporter.js';
import { createTelemetry } from '../../dist/telemetry/start-telemetry.js';
import { DEFAULT_TELEMETRY_CONFIG, mergeTelemetryConfig } from '../../dist/telemetry/telemetry-config.js';

const config = mergeTelemetryConfig(DEFAULT_TELEMETRY_CONFIG, {
  runtime: { enabled: false },
  process: { enabled: false },
  host: { groups: [] },
});
const telemetry = createTelemetry({ config });
const reporter = new PipelineMetricsReporter(telemetry.meterProvider.getMeter('dataflow-platform'), {
  series: telemetry.series,
});

function use(id) {
  reporter.recordStateTransition(id, 'empty', 'configured');
  reporter.recordStateTransition(id, 'configured', 'running');
  reporter.recordBatchProcessed(id, 100, 1, 25);
  reporter.recordCheckpointUpdate(id, 100);
  reporter.recordBatchFailed(id, 'TIMEOUT');
  reporter.recordRetryScheduled(id, 'TIMEOUT', 1);
}

async function scrape() {
  let points = 0;
  const { families } = await telemetry.scrape();
  for (const family of families) for (const _point of family.points()) points += 1;
  return points;
}

async function churn(from, to, together) {
  for (let first = from; first < to; first += together) {
    for (let index = first; index < first + together; index++) use(`pipeline-${index}`);
    await scrape();
    for (let index = first; index < first + together; index++) reporter.removePipeline(`pipeline-${index}`);
  }
  await scrape();
}

/** The least of several readings: buffers are freed by other threads, some turns after their collection. */
async function bytes() {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 10; round++) {
    globalThis.gc();
    await new Promise((resolve) => setImmediate(resolve));
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external);
  }
  return least;
}

use('stays');
// Once round before the start, so that compiled code and kept pages are not taken for a leak.
await churn(0, 20_000, 1000);
const pointsBefore = await scrape();
const before = await bytes();
await churn(20_000, 120_000, 1000);
const pointsAfter = await scrape();
const after = await bytes();
use('pipeline-20000');
const snapshot = (await telemetry.collect()).scopeMetrics.flatMap(({ metrics }) => metrics);
const next = {};
for (const { descriptor, dataPoints } of snapshot) {
  for (const { attributes, value } of dataPoints) {
    if (attributes.pipeline_id === 'pipeline-20000' && descriptor.name.startsWith('dataflow.batch')) {
      next[descriptor.name] = typeof value === 'number' ? value : value.count;
    }
  }
}
console.log(JSON.stringify({ before, after, pointsBefore, pointsAfter, next }));
reporter.close();
await telemetry.shutdown();
