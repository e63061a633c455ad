import { spawn, spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { METER_NAME } from '../../src/metrics/names.ts';
import { PipelineMetricsReporter } from '../../src/metrics/reporter.ts';
import { type PrometheusServer, startPrometheusServer } from '../../src/server/prometheus-server.ts';
import type { Telemetry } from '../../src/telemetry/start-telemetry.ts';
import { quietTelemetry } from '../support/collect-metrics.ts';
import { parseOpenMetrics } from '../support/openmetrics-parser.ts';
import { missing, runPrometheus } from '../support/prometheus-server.ts';

const PIPELINES = 10_000;
const OPEN = 'application/openmetrics-text;version=1.0.0';
const NAME_COMPLAINT = /metric names should not contain abbreviated units|_total" suffix/;

let telemetry: Telemetry;
let reporter: PipelineMetricsReporter;
let server: PrometheusServer;

beforeAll(async () => {
  telemetry = quietTelemetry();
  reporter = new PipelineMetricsReporter(telemetry.meterProvider.getMeter(METER_NAME));
  for (let index = 0; index < PIPELINES; index++) {
    const id = `pipeline-${index}`;
    reporter.recordStateTransition(id, 'configured', 'running');
    reporter.recordBatchProcessed(id, index, 1, 20);
  }
  server = await startPrometheusServer({ host: '127.0.0.1', port: 0, collect: () => telemetry.scrape() });
});

afterAll(async () => {
  await server.close();
  reporter.close();
  await telemetry.shutdown();
});

async function scrape(accept: string): Promise<string> {
  const response = await fetch(server.url, { headers: { connection: 'close', accept } });
  expect(response.status).toBe(200);
  return await response.text();
}

test('the grammar of OpenMetrics takes the text, and every pipeline is in it', async () => {
  const families = parseOpenMetrics(await scrape(OPEN));
  const samples = families.get('dataflow_records_processed')?.samples ?? [];
  expect(samples).toHaveLength(PIPELINES);
  expect(samples.at(-1)).toMatchObject({ labels: { pipeline_id: `pipeline-${PIPELINES - 1}` }, value: PIPELINES - 1 });
});

test('a scrape leaves the event loop free: other work goes on between the slices', async () => {
  // The first run compiles; it is not what is measured.
  await scrape('*/*');
  let turns = 0;
  let isWatching = true;
  const watch = (): void => {
    turns += 1;
    if (isWatching) setImmediate(watch);
  };
  setImmediate(watch);
  await scrapeElsewhere();
  isWatching = false;
  expect(turns).toBeGreaterThan(20);
});

/** From another process, so that reading the answer is none of this one's work. */
async function scrapeElsewhere(): Promise<void> {
  const script = `const r = await fetch('${server.url}'); for await (const _ of r.body); process.exit(r.status === 200 ? 0 : 1)`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(code).toBe(0);
}

const noPrometheus = missing('prometheus');
(noPrometheus === undefined ? test : test.skip)('a real Prometheus takes all of it within its timeout', async () => {
  const prometheus = await runPrometheus([new URL(server.url).host], { scrapeInterval: '10s' });
  try {
    const count = ([sample]: { value: [number, string] }[]): boolean => Number(sample?.value[1]) === PIPELINES;
    await prometheus.waitFor('count(dataflow_batches_processed_total)', count);
    // Prometheus gives up after ten seconds and says 0.
    expect((await prometheus.query('up'))[0]?.value[1]).toBe('1');
  } finally {
    await prometheus.stop();
  }
});

const noPromtool = missing('promtool');
(noPromtool === undefined ? test : test.skip)('promtool complains of nothing but documented names', async () => {
  const input = await scrape('*/*');
  const { stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8', maxBuffer: 1e9 });
  const complaints = `${stdout}${stderr}`.split('\n').filter((line) => line !== '' && !NAME_COMPLAINT.test(line));
  expect(complaints).toEqual([]);
});
