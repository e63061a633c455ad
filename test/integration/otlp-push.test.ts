import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { METER_NAME } from '../../src/metrics/names.ts';
import { PipelineMetricsReporter } from '../../src/metrics/reporter.ts';
import { createTelemetry, type Telemetry } from '../../src/telemetry/start-telemetry.ts';
import {
  DEFAULT_TELEMETRY_CONFIG,
  mergeTelemetryConfig,
  type TelemetryOverrides,
} from '../../src/telemetry/telemetry-config.ts';
import { grpcReceiver, httpReceiver, type OtlpReceiver, type ReceivedExport } from '../support/otlp-receiver.ts';
import { runChild } from '../support/run-child.ts';

const P = { pipeline_id: 'pipeline-123' };
const HOUR_MS = 3_600_000;
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  jest.restoreAllMocks();
  for (const close of closing.splice(0).reverse()) await close();
});

async function receiving(open: () => Promise<OtlpReceiver>): Promise<OtlpReceiver> {
  const receiver = await open();
  closing.push(() => receiver.close());
  return receiver;
}

/** Nothing but what a test records is exported. */
function pushing(
  endpoint: string,
  otlp: TelemetryOverrides['otlp'] = {},
  env: Record<string, string> = {},
  more: TelemetryOverrides = {},
): { telemetry: Telemetry; reporter: PipelineMetricsReporter } {
  const nothing = { runtime: { enabled: false }, process: { enabled: false }, host: { groups: [] } };
  const own = { resource: { team: 'data' }, otlp: { endpoint, intervalMs: HOUR_MS, ...otlp } };
  const config = mergeTelemetryConfig(DEFAULT_TELEMETRY_CONFIG, nothing, own, more);
  const telemetry = createTelemetry({ config, env });
  const reporter = new PipelineMetricsReporter(telemetry.meterProvider.getMeter(METER_NAME));
  closing.push(async () => {
    await telemetry.shutdown();
    reporter.close();
  });
  return { telemetry, reporter };
}

function pointOf(received: ReceivedExport | undefined, name: string, attributes: Record<string, string> = P) {
  const metric = received?.metrics.find((candidate) => candidate.name === name);
  const wanted = JSON.stringify(Object.entries(attributes).sort());
  return metric?.points.find((point) => JSON.stringify(Object.entries(point.attributes).sort()) === wanted);
}

const protocols = [
  ['http/protobuf', httpReceiver],
  ['grpc', grpcReceiver],
] as const;

describe.each(protocols)('over %s', (protocol, open) => {
  test('the last values arrive at shutdown: engine and SDK instruments, resource, headers', async () => {
    const receiver = await receiving(open);
    const headers = { authorization: `Bearer \${TOKEN}` };
    const { telemetry, reporter } = pushing(receiver.url, { protocol, headers }, { TOKEN: 't0ken' });
    reporter.recordBatchProcessed('pipeline-123', 1000, 5, 250);
    telemetry.meterProvider.getMeter('user').createCounter('user.hits', { unit: 'By' }).add(7, { who: 'me' });
    await telemetry.shutdown();
    expect(receiver.exports).toHaveLength(1);
    const [received] = receiver.exports;
    expect(received?.resource).toMatchObject({ 'service.name': 'dataflow-platform', team: 'data' });
    expect(received?.headers.authorization).toBe('Bearer t0ken');
    expect(pointOf(received, 'dataflow.records.processed')?.value).toBe(1000);
    expect(pointOf(received, 'dataflow.batch.processing.time.ms')).toMatchObject({
      value: 250,
      count: 1,
      bounds: [1, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000],
      buckets: [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
    });
    expect(pointOf(received, 'user.hits', { who: 'me' })?.value).toBe(7);
    const temporalities = received?.metrics.flatMap(({ temporality }) => temporality ?? []);
    expect(new Set(temporalities)).toEqual(new Set([2]));
  });

  test('delta: each export holds what was added since the one before', async () => {
    const receiver = await receiving(open);
    const { reporter } = pushing(receiver.url, { protocol, temporality: 'delta', intervalMs: 100 });
    reporter.recordBatchProcessed('pipeline-123', 3, 0, 1);
    await receiver.taken(1);
    reporter.recordBatchProcessed('pipeline-123', 4, 0, 1);
    const values = () =>
      receiver.exports.flatMap((received) => pointOf(received, 'dataflow.records.processed')?.value ?? []);
    for (let count = 2; values().reduce((sum, value) => sum + value, 0) < 7 && count < 20; count++) {
      await receiver.taken(count);
    }
    expect(values().filter((value) => value !== 0)).toEqual([3, 4]);
    const counter = receiver.exports[0]?.metrics.find(({ name }) => name === 'dataflow.records.processed');
    expect(counter?.temporality).toBe(1);
  });

  test('delta: the host metrics too', async () => {
    const receiver = await receiving(open);
    const { telemetry } = pushing(
      receiver.url,
      { protocol, temporality: 'delta' },
      {},
      { host: { groups: ['system.cpu'] } },
    );
    await telemetry.ready;
    await telemetry.shutdown();
    const time = receiver.exports[0]?.metrics.find(({ name }) => name === 'system.cpu.time');
    expect(time?.temporality).toBe(1);
  });

  test('what a backend that fails for a while did not take comes when it is back, in order', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const receiver = await receiving(open);
    // Unavailable.
    receiver.behaviour = protocol === 'grpc' ? 14 : 503;
    const { reporter } = pushing(receiver.url, { protocol, temporality: 'delta', intervalMs: 100, timeoutMs: 200 });
    reporter.recordBatchProcessed('pipeline-123', 5, 0, 1);
    while (receiver.requests === 0) await new Promise((resolve) => setImmediate(resolve));
    reporter.recordBatchProcessed('pipeline-123', 6, 0, 1);
    receiver.behaviour = 'take';
    const total = () =>
      receiver.exports.reduce((sum, one) => sum + (pointOf(one, 'dataflow.records.processed')?.value ?? 0), 0);
    for (let count = 1; total() < 11 && count < 50; count++) await receiver.taken(count);
    expect(total()).toBe(11);
    expect(pointOf(receiver.exports[0], 'dataflow.records.processed')?.value).toBe(5);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(String(warn.mock.calls[0]?.[0])).toContain(new URL(receiver.url).host);
  });

  test('what is more than a backend takes at once comes in parts, each point once', async () => {
    const receiver = await receiving(open);
    const { telemetry } = pushing(receiver.url, { protocol, temporality: 'delta' }, {}, { seriesLimit: 100_000 });
    const hits = telemetry.meterProvider.getMeter('user').createCounter('user.hits');
    // 24 MB: beyond the limit of a gRPC server by points and by bytes.
    for (let index = 0; index < 12_000; index++) hits.add(index, { who: `${index}`.padEnd(2000, 'x') });
    await telemetry.shutdown();
    expect(receiver.exports.length).toBeGreaterThan(6);
    const points = receiver.exports.flatMap(({ metrics }) =>
      metrics.filter(({ name }) => name === 'user.hits').flatMap((metric) => metric.points),
    );
    expect(points.map(({ value }) => value).sort((one, other) => one - other)).toEqual(
      Array.from({ length: 12_000 }, (_, index) => index),
    );
  });

  test.each(['hang', 'refuse'])('shutdown ends when the backend does not: %s', async (how) => {
    jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const receiver = await open();
    receiver.behaviour = 'hang';
    if (how === 'refuse') await receiver.close();
    else closing.push(() => receiver.close());
    const { telemetry, reporter } = pushing(receiver.url, { protocol });
    reporter.recordBatchProcessed('pipeline-123', 1, 0, 1);
    await telemetry.shutdown();
  });
});

describe('over TLS', () => {
  let folder = '';
  let tls: { cert: string; key: string };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dataflow-otlp-'));
    const [cert, key] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    execFileSync('openssl', ['req', '-x509', ...options, ...subject, '-keyout', key, '-out', cert], {
      stdio: 'ignore',
    });
    tls = { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each(protocols)(
    '%s: a certificate that a variable names is trusted, no other one is',
    async (protocol, open) => {
      const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
      const receiver = await receiving(() => open({ tls }));
      const env = { OTEL_EXPORTER_OTLP_CERTIFICATE: join(folder, 'tls.crt') };
      for (const variables of [{}, env]) {
        const { telemetry, reporter } = pushing(receiver.url, { protocol }, variables);
        reporter.recordBatchProcessed('pipeline-123', 1, 0, 1);
        await telemetry.shutdown();
        expect(receiver.exports).toHaveLength(variables === env ? 1 : 0);
      }
      expect(JSON.stringify(warn.mock.calls)).toContain('certificate');
      const missing = { OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE: join(folder, 'nowhere.crt') };
      expect(() => pushing(receiver.url, { protocol }, missing)).toThrow(/METRICS_CERTIFICATE.*nowhere\.crt/);
    },
  );
});

test('each process that pushes has an id of its own, unless one is given', async () => {
  const receiver = await receiving(httpReceiver);
  const started = [
    pushing(receiver.url),
    pushing(receiver.url),
    pushing(receiver.url, {}, {}, { resource: { 'service.instance.id': 'a' } }),
  ];
  for (const { telemetry, reporter } of started) {
    reporter.recordBatchProcessed('pipeline-123', 1, 0, 1);
    await telemetry.shutdown();
  }
  const ids = receiver.exports.map(({ resource }) => String(resource['service.instance.id']));
  expect(ids[2]).toBe('a');
  expect(ids[0]).not.toBe(ids[1]);
  for (const id of ids.slice(0, 2))
    expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
});

test('who only scrapes is shown no such id', async () => {
  const config = mergeTelemetryConfig(DEFAULT_TELEMETRY_CONFIG, { host: { groups: [] } });
  const telemetry = createTelemetry({ config });
  closing.push(() => telemetry.shutdown());
  expect((await telemetry.collect()).resource.attributes).not.toHaveProperty(['service.instance.id']);
});

test('an export that the backend refuses for good is given up, and the next one goes out', async () => {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const receiver = await receiving(httpReceiver);
  receiver.behaviour = 400;
  const { reporter } = pushing(receiver.url, { intervalMs: 100 });
  reporter.recordBatchProcessed('pipeline-123', 1, 0, 1);
  while (receiver.requests === 0) await new Promise((resolve) => setImmediate(resolve));
  receiver.behaviour = 'take';
  await receiver.taken(1);
  expect(pointOf(receiver.exports[0], 'dataflow.records.processed')?.value).toBe(1);
  expect(warn).toHaveBeenCalledTimes(1);
});

test('a header that refers to a variable that is not set is a warning without a secret, not a crash', async () => {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const receiver = await receiving(httpReceiver);
  const { telemetry, reporter } = pushing(receiver.url, { headers: { authorization: `\${NOBODY}`, other: 'hidden!' } });
  reporter.recordBatchProcessed('pipeline-123', 1, 0, 1);
  await telemetry.shutdown();
  expect(receiver.exports).toEqual([]);
  expect(JSON.stringify(warn.mock.calls)).toContain('NOBODY');
  expect(JSON.stringify(warn.mock.calls)).not.toContain('hidden!');
});

test.each(['http/protobuf', 'grpc'])('a process that pushes over %s ends on its own', async (protocol) => {
  const receiver = await receiving(protocol === 'grpc' ? grpcReceiver : httpReceiver);
  const script = `
    import { MetricsReporter } from 'dist:index.js';
    await MetricsReporter.init();
    MetricsReporter.recordBatchProcessed('pipeline-123', 2, 0, 1);
    await MetricsReporter.shutdown();
    console.log('shut down');`;
  const env = {
    KAMON_PROMETHEUS_PORT: '0',
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    OTEL_EXPORTER_OTLP_HEADERS: 'tenant=a%20b',
  };
  expect(await runChild(script, { env })).toEqual({ code: 0, out: 'shut down\n', err: '' });
  const received = receiver.exports.at(-1);
  expect(pointOf(received, 'dataflow.records.processed')?.value).toBe(2);
  expect(received?.headers.tenant).toBe('a b');
  if (protocol !== 'grpc') expect(received?.path).toBe('/v1/metrics');
  expect(received?.metrics.some(({ name }) => name === 'jvm.memory.heap.used')).toBe(true);
});

test.each(['http/protobuf', 'grpc'])('it ends also when nothing listens, over %s', async (protocol) => {
  const script = `
    import { MetricsReporter } from 'dist:index.js';
    await MetricsReporter.init();
    MetricsReporter.recordBatchProcessed('pipeline-123', 2, 0, 1);
    await MetricsReporter.shutdown();
    console.log('shut down');`;
  const env = { KAMON_PROMETHEUS_PORT: '0', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' };
  const { code, out, err } = await runChild(script, { env: { ...env, OTEL_EXPORTER_OTLP_PROTOCOL: protocol } });
  expect([code, out]).toEqual([0, 'shut down\n']);
  expect(err).toContain('http://127.0.0.1:1');
});

test.each(['http/protobuf', 'grpc'])('it ends also when a TLS handshake is never done, over %s', async (protocol) => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {}).resume();
  });
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const script = `
    import { MetricsReporter } from 'dist:index.js';
    await MetricsReporter.init();
    MetricsReporter.recordBatchProcessed('pipeline-123', 2, 0, 1);
    await MetricsReporter.shutdown();
    console.log(process.getActiveResourcesInfo().filter((name) => /TCP|TLS/.test(name)).length);`;
  const endpoint = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const env = { KAMON_PROMETHEUS_PORT: '0', OTEL_EXPORTER_OTLP_ENDPOINT: endpoint };
  const child = await runChild(script, { env: { ...env, OTEL_EXPORTER_OTLP_PROTOCOL: protocol } });
  expect([child.code, sockets.length]).toEqual([0, 1]);
  for (const socket of sockets) socket.destroy();
  silent.close();
});
