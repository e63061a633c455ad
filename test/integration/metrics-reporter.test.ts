import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import type { DataflowError } from '../../src/errors.ts';
import { MetricsReporter } from '../../src/platform/metrics-reporter.ts';
import { startPlatform } from '../../src/platform/start.ts';
import { httpReceiver } from '../support/otlp-receiver.ts';
import { parsePrometheus, sampleValue } from '../support/prometheus-parser.ts';

const P = { pipeline_id: 'pipeline-123' };
const facade = fileURLToPath(new URL('../../dist/platform/metrics-reporter.js', import.meta.url));

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function scrape(port: number) {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { connection: 'close' } });
  expect(response.status).toBe(200);
  return parsePrometheus(await response.text());
}

/** A process of its own: what it prints, and how it ends. */
function run(
  script: string,
  env: Record<string, string> = {},
): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve) => {
    const source = `import { MetricsReporter } from ${JSON.stringify(facade)};\n${script}`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], { env: { ...process.env, ...env } });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (err += chunk));
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

afterEach(async () => {
  jest.restoreAllMocks();
  await MetricsReporter.shutdown();
});

describe('MetricsReporter on its own', () => {
  test('records right after an init that nobody awaited, and serves them', async () => {
    const port = await freePort();
    const started = MetricsReporter.init({ env: { KAMON_PROMETHEUS_PORT: String(port), KAMON_SERVICE_NAME: 'shop' } });
    MetricsReporter.recordStateTransition('pipeline-123', 'configured', 'running');
    MetricsReporter.recordBatchProcessed('pipeline-123', 1000, 5, 250);
    MetricsReporter.recordBatchFailed('pipeline-123', 'TIMEOUT');
    MetricsReporter.recordRetryScheduled('pipeline-123', 'CONNECTION_FAILED', 2);
    MetricsReporter.recordBatchTimeout('pipeline-123', 'batch-456');
    MetricsReporter.recordCheckpointUpdate('pipeline-123', 1000);
    await started;
    const families = await scrape(port);
    expect(sampleValue(families, 'dataflow_batches_processed_total', P)).toBe(1);
    expect(sampleValue(families, 'dataflow_pipelines_running')).toBe(1);
    expect(sampleValue(families, 'target_info', { service_name: 'shop' })).toBe(1);
    expect(families.get('dataflow_build_info')?.samples).toHaveLength(1);
    MetricsReporter.removePipeline('pipeline-123');
    expect(sampleValue(await scrape(port), 'dataflow_batches_processed_total', P)).toBeUndefined();
  });

  test('init twice is one init; before init and after shutdown a record is a no-op', async () => {
    MetricsReporter.recordBatchProcessed('before-init', 1, 0, 1);
    const port = await freePort();
    const options = { env: {}, metrics: { prometheus: { port } } };
    const first = MetricsReporter.init(options);
    expect(MetricsReporter.init(options)).toBe(first);
    await first;
    const text = JSON.stringify([...(await scrape(port)).values()]);
    expect(text).not.toContain('before-init');
    await Promise.all([MetricsReporter.shutdown(), MetricsReporter.shutdown()]);
    MetricsReporter.recordBatchProcessed('after-shutdown', 1, 0, 1);
    await expect(fetch(`http://127.0.0.1:${port}/metrics`)).rejects.toThrow();

    const again = MetricsReporter.init(options);
    MetricsReporter.recordBatchProcessed('again', 1, 0, 1);
    await again;
    const families = await scrape(port);
    expect(sampleValue(families, 'dataflow_batches_processed_total', { pipeline_id: 'again' })).toBe(1);
    expect(JSON.stringify([...families.values()])).not.toContain('after-shutdown');
  });

  test('a shutdown right after init leaves nothing', async () => {
    const port = await freePort();
    const options = { env: {}, metrics: { prometheus: { port } } };
    const first = MetricsReporter.init(options);
    const stopped = MetricsReporter.shutdown();
    const second = MetricsReporter.init(options);
    await Promise.all([first, stopped, second]);
    expect((await scrape(port)).size).toBeGreaterThan(0);
  });

  test('a busy port rejects, and init may be called again (R2)', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const busy = createServer();
    await new Promise<void>((resolve) => busy.listen(0, '0.0.0.0', resolve));
    const { port } = busy.address() as AddressInfo;
    const options = { env: { KAMON_PROMETHEUS_PORT: String(port) } };
    await expect(MetricsReporter.init(options)).rejects.toMatchObject({ code: 'DATAFLOW_ERR_SERVER_PORT_IN_USE' });
    expect(warn).toHaveBeenCalledTimes(1);
    MetricsReporter.recordBatchProcessed('pipeline-123', 1, 0, 1);
    await new Promise((resolve) => busy.close(resolve));
    await MetricsReporter.init(options);
    expect(sampleValue(await scrape(port), 'dataflow_batches_processed_total', P)).toBeUndefined();
  });

  test('a bad environment rejects with every problem', async () => {
    jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const env = { KAMON_ENABLED: 'perhaps', KAMON_PROMETHEUS_PORT: 'x' };
    await expect(MetricsReporter.init({ env })).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_CONFIG_INVALID',
      message: expect.stringMatching(/KAMON_ENABLED.*KAMON_PROMETHEUS_PORT/s),
    });
  });

  test('bad options reject with every problem, those of the environment included, and leave nothing behind', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const options = {
      meterProvider: {},
      port: 9095,
      metrics: {
        prometheus: { port: 70_000, auth: { basic: { username: 'u' } } },
        otlp: { headers: { authorization: 'hunter2\n' } },
        tickInterval: 'soon',
        buckets: { 'dataflow.*': [1] },
        fliter: {},
      },
      env: { KAMON_ENABLED: 'perhaps', DATAFLOW_JOURNAL_KIND: 'of no interest here' },
    };
    const starting = MetricsReporter.init(options as never);
    await expect(starting).rejects.toMatchObject({ code: 'DATAFLOW_ERR_CONFIG_INVALID' });
    const { message, problems } = (await starting.catch((error: unknown) => error)) as DataflowError;
    expect(problems?.map(({ path }) => path).sort()).toEqual([
      'KAMON_ENABLED',
      'meterProvider',
      'metrics.buckets."dataflow.*"',
      'metrics.fliter',
      'metrics.otlp.headers.authorization',
      'metrics.prometheus.auth.basic.password',
      'metrics.prometheus.port',
      'metrics.tickInterval',
      'port',
    ]);
    expect(`${message}${JSON.stringify(warn.mock.calls)}`).not.toContain('hunter2');
    expect(MetricsReporter.url).toBeUndefined();

    for (const bad of [null, 'x', 7, []]) {
      await expect(MetricsReporter.init(bad as never)).rejects.toMatchObject({ code: 'DATAFLOW_ERR_CONFIG_INVALID' });
    }
    const half = { env: {}, metrics: { prometheus: { tls: { cert: 'c.pem' } } } };
    await expect(MetricsReporter.init(half as never)).rejects.toMatchObject({
      message: expect.stringContaining('metrics.prometheus.tls.key'),
    });
  });

  test('url says where the metrics are served, while they are', async () => {
    expect(MetricsReporter.url).toBeUndefined();
    await MetricsReporter.init({
      env: {},
      metrics: { prometheus: { host: '127.0.0.1', port: 0 }, tickInterval: '1s' },
    });
    expect(MetricsReporter.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    const response = await fetch(MetricsReporter.url!, { headers: { connection: 'close' } });
    expect(response.status).toBe(200);
    await response.text();
    await MetricsReporter.shutdown();
    expect(MetricsReporter.url).toBeUndefined();
    await MetricsReporter.init({ env: {}, metrics: { prometheus: { enabled: false } } });
    expect(MetricsReporter.url).toBeUndefined();
  });

  test('shutdown sends what was not pushed yet, once', async () => {
    const receiver = await httpReceiver();
    try {
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
      const metrics = { prometheus: { enabled: false }, otlp: { interval: '1h' } };
      await MetricsReporter.init({ env, metrics });
      MetricsReporter.recordBatchProcessed('pipeline-123', 3, 0, 1);
      await Promise.all([MetricsReporter.shutdown(), MetricsReporter.shutdown()]);
      await MetricsReporter.shutdown();
      expect(receiver.requests).toBe(1);
      const records = receiver.exports[0]?.metrics.find(({ name }) => name === 'dataflow.records.processed');
      expect(records?.points.map(({ value }) => value)).toEqual([3]);
    } finally {
      await receiver.close();
    }
  });

  test('KAMON_ENABLED=no starts nothing', async () => {
    const port = await freePort();
    await MetricsReporter.init({ env: { KAMON_ENABLED: 'No', KAMON_PROMETHEUS_PORT: String(port) } });
    MetricsReporter.recordBatchProcessed('pipeline-123', 1, 0, 1);
    await expect(fetch(`http://127.0.0.1:${port}/metrics`)).rejects.toThrow();
  });
});

describe('in a process of its own', () => {
  test('an unawaited failing init is a warning, not an end', async () => {
    const busy = createServer();
    await new Promise<void>((resolve) => busy.listen(0, '0.0.0.0', resolve));
    const { port } = busy.address() as AddressInfo;
    const script = `MetricsReporter.init(); process.on('beforeExit', () => console.log('lived'));`;
    const { code, out, err } = await run(script, { KAMON_PROMETHEUS_PORT: String(port) });
    expect([code, out]).toEqual([0, 'lived\n']);
    expect(err).toContain(`Port ${port}`);
    await new Promise((resolve) => busy.close(resolve));
  });

  test('a process that forgets to shut down ends all the same (R3)', async () => {
    const script = `await MetricsReporter.init(); MetricsReporter.recordBatchProcessed('p', 1, 0, 1); console.log('done');`;
    const { code, out, err } = await run(script, { KAMON_PROMETHEUS_PORT: '0' });
    expect([code, out, err]).toEqual([0, 'done\n', '']);
  });
});

describe("a host application's MeterProvider", () => {
  test('gets every measurement with the right buckets, is not shut down, and loses its gauges on removal', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    const meterProvider = new MeterProvider({ readers: [reader] });
    await MetricsReporter.init({ env: {}, meterProvider });
    MetricsReporter.recordStateTransition('pipeline-123', 'configured', 'running');
    MetricsReporter.recordBatchProcessed('pipeline-123', 1000, 5, 250);

    const points = async (name: string) => {
      exporter.reset();
      await meterProvider.forceFlush();
      const metrics = exporter
        .getMetrics()
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
      return metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? [];
    };
    const [histogram] = await points('dataflow.batch.processing.time.ms');
    expect(histogram?.value).toMatchObject({
      count: 1,
      sum: 250,
      buckets: { boundaries: [1, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000] },
    });
    expect((await points('dataflow.pipelines.running'))[0]?.value).toBe(1);
    expect(await points('jvm.memory.heap.used')).toHaveLength(1);

    MetricsReporter.removePipeline('pipeline-123');
    expect((await points('dataflow.pipelines.running'))[0]?.value).toBe(0);
    for (const { value } of await points('dataflow.pipeline.state')) expect(value).toBe(0);

    await MetricsReporter.shutdown();
    meterProvider.getMeter('host').createCounter('alive').add(1);
    expect(await points('alive')).toHaveLength(1);
    await meterProvider.shutdown();
  });

  test('the no-op provider of the API takes everything in silence', async () => {
    const { metrics } = await import('@opentelemetry/api');
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    await MetricsReporter.init({ env: {}, meterProvider: metrics.getMeterProvider() });
    MetricsReporter.recordStateTransition('pipeline-123', 'configured', 'running');
    MetricsReporter.recordBatchProcessed('pipeline-123', 1, 0, 1);
    MetricsReporter.removePipeline('pipeline-123');
    await MetricsReporter.shutdown();
    expect(warn).not.toHaveBeenCalled();
  });
});

test.each(['the reporter', 'a platform'])(
  'at the end of %s the last export does not wait for a stuck scraper',
  async (owner) => {
    const receiver = await httpReceiver();
    const otlp = { endpoint: receiver.url, interval: '1h' };
    const metrics = { prometheus: { host: '127.0.0.1', port: 0 }, otlp };
    const platform =
      owner === 'a platform'
        ? await startPlatform({
            configFile: false,
            env: {},
            journal: { kind: 'memory' },
            statusPage: { enabled: false },
            metrics,
          })
        : undefined;
    if (platform === undefined) await MetricsReporter.init({ env: {}, metrics });
    const url = new URL(platform?.metricsUrl ?? MetricsReporter.url ?? '');
    const scraper = connect(Number(url.port), '127.0.0.1');
    await once(scraper, 'connect');
    const closed = once(scraper, 'close');
    let isClosed = false;
    scraper.on('error', () => {}).on('close', () => (isClosed = true));
    scraper.resume().write('GET /metrics HTTP/1.1\r\nhost: x\r\n');
    await fetch(new URL('/-/healthy', url), { headers: { connection: 'close' } });
    const ending = platform?.shutdown() ?? MetricsReporter.shutdown();
    await receiver.taken(1);
    expect(isClosed).toBe(false);
    await ending;
    await closed;
    await receiver.close();
  },
);
