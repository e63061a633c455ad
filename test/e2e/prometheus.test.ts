import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type CodeSink, type Platform, startPlatform } from '../../src/index.ts';
import { isRecording, PROMETHEUS, rulesOf } from '../support/prometheus-rules.ts';
import { missing, type RunningPrometheus, runPrometheus } from '../support/prometheus-server.ts';

/** Every query of the documentation. */
const QUERIES = [
  'dataflow_pipelines_running',
  'rate(dataflow_state_transitions_total[1m])',
  'rate(dataflow_batches_processed_total{pipeline_id="pipeline-123"}[1m])',
  'rate(dataflow_batch_processing_time_ms_sum[5m]) / rate(dataflow_batch_processing_time_ms_count[5m])',
  'histogram_quantile(0.95, rate(dataflow_batch_processing_time_ms_bucket[5m]))',
  'rate(dataflow_records_processed_total{pipeline_id="pipeline-123"}[1m])',
  'dataflow_records_throughput_per_second{pipeline_id="pipeline-123"}',
  'rate(dataflow_batches_failed_total[5m])',
  'rate(dataflow_records_failed_total[5m])',
  'sum(rate(dataflow_retries_scheduled_total[5m])) by (error_code)',
  'jvm_memory_heap_used_bytes / jvm_memory_heap_max_bytes * 100',
  'rate(jvm_gc_pause_seconds_sum[1m])',
  'process_cpu_usage',
];

/** The expressions of the documented alerts, without their thresholds: what they compare must exist. */
const ALERTS = [
  'rate(dataflow_batches_failed_total[5m])',
  'rate(dataflow_batches_processed_total[10m])',
  'rate(dataflow_retries_scheduled_total[5m])',
  'rate(dataflow_batches_timeouts_total[5m])',
  'jvm_memory_heap_used_bytes / jvm_memory_heap_max_bytes',
];

const RECORDINGS_FILE = 'dataflow-recordings.yml';
const RECORDINGS = rulesOf(RECORDINGS_FILE)
  .filter(isRecording)
  .map(({ record }) => record);

/** What promtool says of names that the documentation fixes. */
const FORCED = [
  'dataflow_batch_processing_time_ms metric names should not contain abbreviated units',
  'jvm_threads_total non-counter metrics should not have "_total" suffix',
];

let platform: Platform;
let metricsUrl: string;
let batches = 0;

/** Writes a thousand records a batch; now and then it is refused the connection, or answers too late. */
const sink: CodeSink = {
  async write(_records, { attempt, signal }) {
    batches += 1;
    if (attempt === 1 && batches % 7 === 0) throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    if (attempt === 1 && batches % 11 === 0) {
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    }
  },
};

async function* records(): AsyncGenerator<{ n: number }> {
  for (let n = 0; ; n++) yield { n };
}

beforeAll(async () => {
  platform = await startPlatform({
    env: {},
    configFile: false,
    journal: { kind: 'memory' },
    metrics: { prometheus: { host: '127.0.0.1', port: 0 } },
    statusPage: { enabled: false },
  });
  metricsUrl = platform.metricsUrl ?? '';
  const pipeline = await platform.spawnPipeline({
    id: 'pipeline-123',
    source: Object.assign(records(), { batchSize: 1000, pollIntervalMs: 50 }),
    transforms: [
      (record: { n: number }) => {
        if (record.n % 200 === 0) throw new Error('every two hundredth is refused');
        return record;
      },
    ],
    sink,
    retry: { initialMs: 10 },
    batchTimeoutMs: 100,
  });
  await pipeline.start();
});

afterAll(() => platform.shutdown({ timeoutMs: 1000 }));

const noPrometheus = missing('prometheus');
const withPrometheus = noPrometheus === undefined ? describe : describe.skip;

withPrometheus(`a Prometheus that scrapes${noPrometheus === undefined ? '' : `: skipped, ${noPrometheus}`}`, () => {
  let prometheus: RunningPrometheus;

  beforeAll(async () => {
    const rules = [join(PROMETHEUS, 'rules', RECORDINGS_FILE)];
    prometheus = await runPrometheus([new URL(metricsUrl).host], { rules });
  });

  afterAll(() => prometheus?.stop());

  test('takes the target', async () => {
    const [up] = await prometheus.waitFor('up', ([sample]) => sample?.value[1] === '1');
    expect(up?.metric.job).toBe('dataflow-platform');
  });

  test.each(QUERIES)('%s has data', async (query) => {
    const result = await prometheus.waitFor(query);
    for (const { value } of result) expect(Number(value[1])).not.toBeNaN();
  });

  test.each(ALERTS)('the alert on %s has data', async (query) => {
    await prometheus.waitFor(query);
  });

  test.each(RECORDINGS)('%s is recorded, by the labels of its level', async (record) => {
    const [sample] = await prometheus.waitFor(record);
    const labels = Object.keys(sample?.metric ?? {}).sort();
    const pipeline = record.startsWith('pipeline:') ? ['pipeline_id'] : [];
    expect(labels).toEqual(['__name__', 'instance', 'job', ...pipeline]);
    expect(Number(sample?.value[1])).not.toBeNaN();
  });

  test('numbers are those of the pipeline', async () => {
    const [running] = await prometheus.query('dataflow_pipelines_running');
    expect(running?.value[1]).toBe('1');
    const perBatch = 'dataflow_records_processed_total / on(pipeline_id) dataflow_batches_processed_total';
    const [successes] = await prometheus.waitFor(perBatch);
    expect(Number(successes?.value[1])).toBe(995);
    const failed = 'dataflow_batches_failed_total';
    await prometheus.waitFor(failed, (result) => result.length === 2);
    const codes = (await prometheus.query(failed)).map(({ metric }) => metric.error_code).sort();
    expect(codes).toEqual(['CONNECTION_FAILED', 'TIMEOUT']);
    const [timeouts] = await prometheus.waitFor(
      'dataflow_batches_timeouts_total == on(pipeline_id) dataflow_batches_failed_total{error_code="TIMEOUT"}',
    );
    expect(Number(timeouts?.value[1])).toBeGreaterThan(0);
    await prometheus.waitFor(
      'dataflow_records_throughput_per_second{pipeline_id="pipeline-123"}',
      ([sample]) => Number(sample?.value[1]) > 1000,
    );
  });

  test('samples carry the documented labels and no other', async () => {
    const [sample] = await prometheus.waitFor('dataflow_batches_processed_total');
    expect(Object.keys(sample?.metric ?? {}).sort()).toEqual(['__name__', 'instance', 'job', 'pipeline_id']);
  });
});

const noPromtool = missing('promtool');
(noPromtool === undefined ? test : test.skip)(
  `promtool has no complaint but those the documented names force${noPromtool === undefined ? '' : `: skipped, ${noPromtool}`}`,
  async () => {
    const input = await (await fetch(metricsUrl, { headers: { connection: 'close' } })).text();
    const { stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
    const complaints = `${stdout}${stderr}`.split('\n').filter((line) => line !== '');
    expect(complaints.filter((line) => !FORCED.includes(line))).toEqual([]);
  },
);
