import { readFileSync } from 'node:fs';
import type { OutgoingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { startPlatform } from '../../../src/index.ts';
import { DEFAULT_TELEMETRY_CONFIG, mergeTelemetryConfig } from '../../../src/telemetry/telemetry-config.ts';
import { ROOT } from '../../support/command-line.ts';
import { type Examination, examined, withStatus } from '../../support/doctor.ts';
import { serve } from '../../support/odd-server.ts';

/** What a platform with one pipeline, a batch of it done, really exposes: two scrapes. */
let scrapes: readonly string[];
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

beforeAll(async () => {
  const platform = await startPlatform({
    env: {},
    configFile: false,
    journal: { kind: 'memory' },
    statusPage: { enabled: false },
    metrics: { prometheus: { host: '127.0.0.1', port: 0 } },
  });
  try {
    const pipeline = await platform.spawnPipeline({ id: 'one', name: 'one', sink: { write: () => {} } });
    await pipeline.start();
    await pipeline.ingest({ batchId: 'b', records: [{ n: 1 }], sourceOffset: 0 });
    const texts: string[] = [];
    // The first collection cannot tell how many series it holds.
    for (let index = 0; index < 3; index++) {
      const response = await fetch(platform.metricsUrl!, { headers: { connection: 'close' } });
      texts.push(await response.text());
    }
    // However slow this machine is just now.
    const calm = { delay_max_seconds: '0.02', delay_p99_seconds: '0.01', utilization_ratio: '0.1' };
    scrapes = texts
      .slice(1)
      .map((text) =>
        Object.entries(calm).reduce((all, [name, value]) => set(all, `nodejs_eventloop_${name}`, value), text),
      );
  } finally {
    await platform.shutdown();
  }
});

interface Change extends Examination {
  /** Of the text; index 0 is the first scrape. */
  readonly text?: (text: string, index: number) => string;
  readonly headers?: OutgoingHttpHeaders;
  readonly paths?: Readonly<Record<string, number>>;
}

/** The checks of an endpoint that exposes what the platform did, changed. */
async function changed({ text = (same) => same, headers = {}, paths = {}, ...options }: Change = {}) {
  let count = 0;
  const origin = await serve((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(paths[request.url!] ?? 200).end();
      return;
    }
    const index = Math.min(count++, 1);
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8', ...headers });
    response.end(text(scrapes[index]!, index));
  });
  return examined(`${origin}/metrics`, { version, ...options });
}

const without = (text: string, name: string): string =>
  text
    .split('\n')
    .filter((line) => !new RegExp(`^(?:# (?:HELP|TYPE) )?${name}(?:_bucket|_sum|_count)?[ {]`).test(line))
    .join('\n');

const set = (text: string, series: string, value: string): string => {
  const name = series.replaceAll(/[{}"]/g, '\\$&');
  const found = new RegExp(`^${name} .*$`, 'm');
  if (!found.test(text)) throw new Error(`no ${series} in the text`);
  return text.replace(found, `${series} ${value}`);
};

test('what a platform exposes is all right', async () => {
  const checks = await changed();
  expect(withStatus(checks, 'failed', 'warning', 'skipped')).toEqual([]);
  expect(withStatus(checks, 'ok')).toHaveLength(13);
});

interface Case {
  readonly change: Change;
  readonly check: string;
  readonly status: 'failed' | 'warning' | 'skipped';
  readonly seen: RegExp;
  readonly remedy?: RegExp;
}

const BATCHES = 'dataflow_batches_processed_total';
const LAST = 'dataflow_pipeline_last_batch_timestamp_seconds{pipeline_id="one"}';
const inSeconds = (offset: number): string => String(Date.now() / 1000 + offset);

const CASES: Readonly<Record<string, Case>> = {
  'no content type': {
    change: { headers: { 'content-type': [] } },
    check: 'content-type',
    status: 'failed',
    seen: /no content type/,
    remedy: /version=0\.0\.4/,
  },
  'a foreign content type': {
    change: { headers: { 'content-type': 'application/octet-stream' } },
    check: 'content-type',
    status: 'failed',
    seen: /application\/octet-stream/,
    remedy: /proxy/,
  },
  'a content type without version': {
    change: { headers: { 'content-type': 'text/plain' } },
    check: 'content-type',
    status: 'warning',
    seen: /text\/plain does not say/,
    remedy: /version=0\.0\.4/,
  },
  'a malformed line': {
    change: { text: (text, index) => (index === 0 ? `first{ 1\n${text}` : text) },
    check: 'parses',
    status: 'failed',
    seen: /line 1 \(first\{ 1\): the labels are malformed/,
    remedy: /refuses the whole scrape/,
  },
  'a malformed line with a secret': {
    change: { text: (text) => `password=hunter2-literal\n${text}` },
    check: 'parses',
    status: 'failed',
    seen: /line 1 \(password=\*\*\*\): the value is no number/,
  },
  'a text that is cut off': {
    change: { text: (text) => text.trimEnd() },
    check: 'parses',
    status: 'failed',
    seen: /the last line is cut off/,
  },
  'health endpoints that are not there': {
    change: { paths: { '/-/healthy': 404, '/-/ready': 404 } },
    check: 'health',
    status: 'warning',
    seen: /no \/-\/healthy/,
    remedy: /probes/,
  },
  'not ready': {
    change: { paths: { '/-/ready': 503 } },
    check: 'health',
    status: 'warning',
    seen: /healthy, not ready/,
    remedy: /wait/,
  },
  unhealthy: {
    change: { paths: { '/-/healthy': 500 } },
    check: 'health',
    status: 'failed',
    seen: /healthy answered 500/,
    remedy: /log of the process/,
  },
  'a cache in between': {
    change: { text: () => scrapes[0]!, headers: { age: '12' } },
    check: 'fresh',
    status: 'failed',
    seen: /same values of jvm_memory_heap_used_bytes.*passed a cache \(age\)/,
    remedy: /turn it off for \/metrics/,
  },
  'counters that go down': {
    change: { text: (text, index) => set(text, `${BATCHES}{pipeline_id="one"}`, index === 0 ? '7' : '3') },
    check: 'fresh',
    status: 'warning',
    seen: /counters went down.*dataflow_batches_processed_total/,
    remedy: /address of its own/,
  },
  'old timestamps': {
    change: { text: (text) => set(text, 'dataflow_pipelines_running', `1 ${Date.now() - 600_000}`) },
    check: 'fresh',
    status: 'failed',
    seen: /samples carry timestamps/,
    remedy: /scrape the platform itself/,
  },
  'nothing that moves': {
    change: {
      text: (text) =>
        ['jvm_memory_heap_used_bytes', 'process_cpu_time_seconds_total', 'system_cpu_time_seconds_total'].reduce(
          without,
          text,
        ),
      config: mergeTelemetryConfig(DEFAULT_TELEMETRY_CONFIG, {
        filter: { include: [], exclude: ['jvm.memory.heap.used'] },
      }),
    },
    check: 'fresh',
    status: 'skipped',
    seen: /nothing is exposed that moves/,
  },
  'another exporter': {
    change: { text: () => '# TYPE node_load1 gauge\nnode_load1 0.5\n' },
    check: 'names',
    status: 'failed',
    seen: /another exporter answers, with node_load1/,
    remedy: /check the port/,
  },
  'a missing metric': {
    change: { text: (text) => without(text, BATCHES) },
    check: 'names',
    status: 'failed',
    seen: /^missing: dataflow_batches_processed_total$/,
    remedy: /-c\), or something between drops/,
  },
  'a name without its suffix': {
    change: { text: (text) => text.replaceAll(BATCHES, 'dataflow_batches_processed') },
    check: 'names',
    status: 'failed',
    seen: /^renamed: dataflow_batches_processed \(documented: dataflow_batches_processed_total\)$/,
    remedy: /collector/,
  },
  'a name with a prefix': {
    change: { text: (text) => text.replaceAll('dataflow_pipelines_running', 'acme_dataflow_pipelines_running') },
    check: 'names',
    status: 'failed',
    seen: /renamed: acme_dataflow_pipelines_running/,
  },
  'all names with a prefix': {
    change: { text: (text) => text.replaceAll(/^((?:# (?:HELP|TYPE) )?)(?=[a-z])/gm, '$1acme_') },
    check: 'names',
    status: 'failed',
    seen: /renamed: acme_/,
  },
  'another unit': {
    change: { text: (text) => text.replaceAll('nodejs_eventloop_utilization_ratio', 'nodejs_eventloop_utilization') },
    check: 'names',
    status: 'failed',
    seen: /renamed: nodejs_eventloop_utilization \(/,
  },
  'another type': {
    change: { text: (text) => text.replace(`# TYPE ${BATCHES} counter`, `# TYPE ${BATCHES} gauge`) },
    check: 'names',
    status: 'failed',
    seen: /other types: dataflow_batches_processed_total is gauge, documented counter/,
  },
  'an unknown name of ours': {
    change: { text: (text) => `${text}dataflow_speed 3\n` },
    check: 'names',
    status: 'warning',
    seen: /not documented: dataflow_speed/,
    remedy: /dataflow metrics/,
  },
  'a label that is missing': {
    change: { text: (text) => text.replace(`${BATCHES}{pipeline_id="one"}`, BATCHES) },
    check: 'labels',
    status: 'failed',
    seen: /dataflow_batches_processed_total without pipeline_id/,
    remedy: /drops labels/,
  },
  'a series that is there twice': {
    change: { text: (text) => `${text}dataflow_pipelines_running 1\n` },
    check: 'labels',
    status: 'failed',
    seen: /twice: dataflow_pipelines_running/,
    remedy: /second library/,
  },
  'scope labels': {
    change: { text: (text) => text.replaceAll('{pipeline_id=', '{otel_scope_name="dataflow-platform",pipeline_id=') },
    check: 'labels',
    status: 'warning',
    seen: /\d+ metrics carry otel_scope_ labels/,
    remedy: /withoutScopeInfo/,
  },
  'a label too many': {
    change: { text: (text) => text.replace(/^dataflow_pipelines_running /m, 'dataflow_pipelines_running{zone="a"} ') },
    check: 'labels',
    status: 'warning',
    seen: /dataflow_pipelines_running with zone/,
    remedy: /labeldrop/,
  },
  'other boundaries': {
    change: { text: (text) => text.replaceAll(/^dataflow_batch_duration_seconds_bucket\{.*le="300"\}.*\n/gm, '') },
    check: 'buckets',
    status: 'warning',
    seen: /dataflow_batch_duration_seconds has .*120$/,
    remedy: /metrics\.buckets/,
  },
  'no last bucket': {
    change: { text: (text) => text.replaceAll(/^dataflow_batch_duration_seconds_bucket\{.*le="\+Inf"\}.*\n/gm, '') },
    check: 'buckets',
    status: 'failed',
    seen: /le="\+Inf": dataflow_batch_duration_seconds/,
    remedy: /histogram_quantile/,
  },
  'not a number': {
    change: { text: (text) => set(text, 'dataflow_pipelines_running', 'NaN') },
    check: 'values',
    status: 'failed',
    seen: /dataflow_pipelines_running/,
    remedy: /alerts stay silent/,
  },
  'a negative counter': {
    change: { text: (text) => set(text, `${BATCHES}{pipeline_id="one"}`, '-1') },
    check: 'values',
    status: 'failed',
    seen: /dataflow_batches_processed_total/,
  },
  'an overflow series': {
    change: { text: (text) => `${text}dataflow_batches_inflight{otel_metric_overflow="true"} 1\n` },
    check: 'series',
    status: 'warning',
    seen: /metrics\.seriesLimit allows.*dataflow_batches_inflight/,
    remedy: /raise metrics\.seriesLimit/,
  },
  'measurements under OTHER': {
    change: { text: (text) => set(text, 'dataflow_metrics_overflow_total', '42') },
    check: 'series',
    status: 'warning',
    seen: /^42 measurements/,
    remedy: /stable codes/,
  },
  'a budget that is nearly used': {
    change: { config: mergeTelemetryConfig(DEFAULT_TELEMETRY_CONFIG, { seriesLimit: 1 }) },
    check: 'series',
    status: 'warning',
    seen: /nearly used: .* holds 1 of 1/,
    remedy: /raise metrics\.seriesLimit/,
  },
  'another version': {
    change: { version: '9.9.9' },
    check: 'build',
    status: 'warning',
    seen: new RegExp(`process is of version ${version}, this command of 9\\.9\\.9`),
    remedy: /use the command of the package/,
  },
  'a clock that is behind': {
    change: { headers: { date: new Date(Date.now() - 3_600_000).toUTCString() } },
    check: 'clock',
    status: 'failed',
    seen: /the clock there is \d+ min behind this one/,
    remedy: /NTP/,
  },
  'a clock that is ahead': {
    change: { headers: { date: new Date(Date.now() + 3_600_000).toUTCString() } },
    check: 'clock',
    status: 'failed',
    seen: /ahead of/,
  },
  'a batch of the future': {
    change: { text: (text) => set(text, LAST, inSeconds(10_800)) },
    check: 'clock',
    status: 'failed',
    seen: /dataflow_pipeline_last_batch_timestamp_seconds of one lies 3 h in the future/,
    remedy: /NTP/,
  },
  'a full heap': {
    change: {
      text: (text, index) =>
        set(set(text, 'jvm_memory_heap_max_bytes', '100'), 'jvm_memory_heap_used_bytes', String(94 + index)),
    },
    check: 'process',
    status: 'warning',
    seen: /heap 95 % of its limit/,
    remedy: /--max-old-space-size/,
  },
  'an event loop that stood still': {
    change: { text: (text) => set(text, 'nodejs_eventloop_delay_max_seconds', '2.5') },
    check: 'process',
    status: 'warning',
    seen: /stood still for 2\.5 s/,
    remedy: /synchronous work/,
  },
  'an event loop at its limit': {
    change: {
      text: (text) =>
        set(
          set(set(text, 'nodejs_eventloop_delay_max_seconds', '0.3'), 'nodejs_eventloop_delay_p99_seconds', '0.2'),
          'nodejs_eventloop_utilization_ratio',
          '0.97',
        ),
    },
    check: 'process',
    status: 'warning',
    seen: /busy 97 %/,
    remedy: /limit of one core/,
  },
};

describe('what is wrong is found, and nothing else is taken for it', () => {
  test.each(Object.entries(CASES))('%s', async (_what, { change, check, status, seen, remedy }) => {
    const checks = await changed(change);
    const found = checks.get(check)!;
    expect(found).toMatchObject({ status, seen: expect.stringMatching(seen) });
    if (status === 'skipped') expect(found.remedy).toBeUndefined();
    else expect(found.remedy).toMatch(remedy ?? /./);
    const judged = check === 'parses' || /exporter|prefix/.test(_what) ? [] : withStatus(checks, 'failed');
    expect(judged).toEqual(status === 'failed' && judged.length > 0 ? [check] : []);
  });
});

test('an endpoint that answers only the first time', async () => {
  let count = 0;
  const origin = await serve((request, response) => {
    const isGone = request.url === '/metrics' && count++ > 0;
    response.writeHead(isGone ? 503 : 200, { 'content-type': 'text/plain; version=0.0.4' });
    response.end(isGone ? 'too busy\n' : scrapes[0]);
  });
  const checks = await examined(`${origin}/metrics`, { version });
  expect(withStatus(checks, 'failed')).toEqual(['fresh']);
  expect(checks.get('fresh')!.seen).toMatch(/the second scrape failed: .* answered 503: too busy/);
});

test('what the configuration leaves out is not missed', async () => {
  const config = mergeTelemetryConfig(DEFAULT_TELEMETRY_CONFIG, {
    runtime: { enabled: false },
    filter: { include: ['dataflow.**', 'process.cpu.*'], exclude: ['dataflow.recovery.**'] },
  });
  const text = (all: string): string =>
    ['jvm_\\w+?', 'nodejs_\\w+', 'nact_\\w+?', 'dataflow_recovery_\\w+?'].reduce(without, all);
  expect((await changed({ text, config })).get('names')).toMatchObject({ status: 'ok' });
  expect((await changed({ text })).get('names')!.status).toBe('failed');
});

test('configured boundaries are expected in place of the documented ones', async () => {
  const buckets = { 'dataflow.batch.duration': [1, 2] };
  const config = mergeTelemetryConfig(DEFAULT_TELEMETRY_CONFIG, { buckets });
  expect((await changed({ config })).get('buckets')).toMatchObject({
    status: 'warning',
    seen: expect.stringContaining('dataflow_batch_duration_seconds has 0.005'),
  });
});
