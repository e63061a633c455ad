import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type PrometheusServer, startPrometheusServer } from '../../../src/server/prometheus-server.ts';
import type { Telemetry } from '../../../src/telemetry/start-telemetry.ts';
import { quietTelemetry } from '../../support/collect-metrics.ts';
import { parseOpenMetrics } from '../../support/openmetrics-parser.ts';
import { parsePrometheus, sampleValue } from '../../support/prometheus-parser.ts';

interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: Buffer;
}

let telemetry: Telemetry;
let server: PrometheusServer;
let ready: boolean;
let startedAt: number;
let agent: Agent;

function ask(path: string, method = 'GET', headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: server.port, path, method, headers, agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    sent.on('error', reject);
    sent.end();
  });
}

beforeEach(async () => {
  agent = new Agent({ keepAlive: true });
  ready = true;
  startedAt = Date.now();
  telemetry = quietTelemetry();
  server = await startPrometheusServer({
    host: '127.0.0.1',
    port: 0,
    collect: () => telemetry.scrape(),
    ready: () => ready,
  });
});

afterEach(async () => {
  await server.close();
  agent.destroy();
  await telemetry.shutdown();
});

describe('GET /metrics', () => {
  test('the text with its version, and the query is ignored', async () => {
    telemetry.meterProvider.getMeter('user').createCounter('hits').add(3);
    const { status, headers, body } = await ask('/metrics?x=1');
    expect([status, headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    expect(headers).not.toHaveProperty('content-encoding');
    expect(sampleValue(parsePrometheus(body.toString()), 'hits_total')).toBe(3);
  });

  test('also by the absolute form of its address', async () => {
    telemetry.meterProvider.getMeter('user').createCounter('hits').add(3);
    const { status, body } = await ask(`http://127.0.0.1:${server.port}/metrics?x=1`);
    expect([status, body.toString()]).toEqual([200, expect.stringContaining('hits_total 3')]);
    expect((await ask('HTTPS://elsewhere/-/healthy')).status).toBe(200);
    for (const other of ['http://127.0.0.1', 'http://127.0.0.1/?/metrics', 'ftp://127.0.0.1/metrics']) {
      expect((await ask(other)).status).toBe(404);
    }
  });

  test.each([
    ['gzip', true],
    ['deflate, gzip;q=0.5', true],
    ['*', true],
    ['gzip;q=0', false],
    ['identity', false],
  ])('accept-encoding %s: compressed %p', async (accepted, compressed) => {
    const { headers, body } = await ask('/metrics', 'GET', { 'accept-encoding': accepted });
    expect(headers['content-encoding'] === 'gzip').toBe(compressed);
    parsePrometheus((compressed ? gunzipSync(body) : body).toString());
  });

  test('HEAD gives the head alone', async () => {
    const { status, headers, body } = await ask('/metrics', 'HEAD');
    expect([status, body.length]).toEqual([200, 0]);
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  });

  test('a failing collection is 503 with the reason, for GET and HEAD (R1)', async () => {
    telemetry.meterProvider
      .getMeter('user')
      .createObservableGauge('broken')
      .addCallback(() => {
        throw new Error('sensor is gone');
      });
    const { status, body } = await ask('/metrics');
    expect([status, body.toString()]).toEqual([503, expect.stringContaining('sensor is gone')]);
    expect((await ask('/metrics', 'HEAD')).status).toBe(503);
  });

  test('concurrent scrapes share one collection', async () => {
    let calls = 0;
    telemetry.meterProvider
      .getMeter('user')
      .createObservableGauge('calls')
      .addCallback(async (result) => {
        calls += 1;
        // Long enough in turns of the loop for all requests to arrive.
        for (let turn = 0; turn < 500; turn++) await new Promise((resolve) => setImmediate(resolve));
        result.observe(calls);
      });
    const answers = await Promise.all([1, 2, 3, 4].map(() => ask('/metrics')));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(calls).toBe(1);
  });
});

test.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('%s is 405 and says what is allowed', async (method) => {
  const { status, headers } = await ask('/metrics', method);
  expect([status, headers.allow]).toEqual([405, 'GET, HEAD']);
});

test.each(['/', '/metric', '/metrics/', '//', '/%', '/../metrics'])('%s is 404', async (path) => {
  expect((await ask(path)).status).toBe(404);
});

test('health and readiness', async () => {
  expect((await ask('/-/healthy')).status).toBe(200);
  expect((await ask('/-/ready')).status).toBe(200);
  ready = false;
  expect((await ask('/-/ready')).status).toBe(503);
  expect((await ask('/-/healthy')).status).toBe(200);
});

describe('listening', () => {
  test('port 0 is a free port, named in the url', () => {
    expect(server.port).toBeGreaterThan(0);
    expect(server.url).toBe(`http://127.0.0.1:${server.port}/metrics`);
  });

  test('a busy port is an error that names port and remedy', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const starting = startPrometheusServer({ host: '127.0.0.1', port, collect: () => telemetry.scrape() });
    await expect(starting).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_SERVER_PORT_IN_USE',
      message: expect.stringMatching(new RegExp(`Port ${port} .*KAMON_PROMETHEUS_PORT or metrics\\.prometheus\\.port`)),
      details: { host: '127.0.0.1', port },
    });
    await new Promise((resolve) => other.close(resolve));
  });

  test.each(['no such host', '192.0.2.1', '[::1]'])(
    '%s is an error with the reason and the setting of the host',
    async (host) => {
      const starting = startPrometheusServer({ host, port: 0, collect: () => telemetry.scrape() });
      await expect(starting).rejects.toMatchObject({
        code: 'DATAFLOW_ERR_SERVER_LISTEN_FAILED',
        message: expect.stringMatching(
          /\((?:getaddrinfo|listen) E.*\): name an address .* in metrics\.prometheus\.host or OTEL_EXPORTER_PROMETHEUS_HOST \(/,
        ),
      });
      await expect(starting).rejects.not.toMatchObject({ message: expect.stringContaining('PROMETHEUS_PORT') });
    },
  );

  test('closing waits neither for keep-alive connections nor for a client that never asks (R3)', async () => {
    await ask('/metrics');
    const silent = connect(server.port, '127.0.0.1');
    await new Promise<void>((resolve) => silent.once('connect', () => resolve()));
    const gone = new Promise<void>((resolve) => silent.once('close', () => resolve()));
    silent.on('error', () => {});
    silent.resume();
    await Promise.all([server.close(), server.close()]);
    await gone;
  });
});

test('OpenMetrics for those who ask for it, also compressed, with _created where it is configured', async () => {
  telemetry.meterProvider.getMeter('user').createCounter('hits').add(3);
  const accept = 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5';
  const { headers, body } = await ask('/metrics', 'GET', { accept, 'accept-encoding': 'gzip' });
  expect(headers['content-type']).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
  expect(headers.vary).toBe('Accept, Accept-Encoding');
  const families = parseOpenMetrics(gunzipSync(body).toString());
  expect(families.get('hits')?.samples).toEqual([{ name: 'hits_total', labels: {}, value: 3 }]);
  await server.close();
  server = await startPrometheusServer({
    host: '127.0.0.1',
    port: 0,
    collect: () => telemetry.scrape(),
    created: true,
  });
  const created = parseOpenMetrics((await ask('/metrics', 'GET', { accept })).body.toString());
  const sample = created.get('hits')?.samples.find(({ name }) => name === 'hits_created');
  expect((sample?.value ?? 0) * 1000).toBeGreaterThanOrEqual(startedAt);
  expect((sample?.value ?? 0) * 1000).toBeLessThanOrEqual(Date.now());
});
