import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { GrpcSender } from '../../../src/telemetry/otlp/grpc-sender.ts';
import { HttpSender, retryAfter } from '../../../src/telemetry/otlp/http-sender.ts';
import type { OtlpSender } from '../../../src/telemetry/otlp/otlp-sender.ts';
import { retryDelayOf } from '../../../src/telemetry/otlp/retry-info.ts';
import { exportOf } from '../../support/export-of.ts';
import {
  type Behaviour,
  grpcReceiver,
  httpReceiver,
  type OtlpReceiver,
  statusWithRetryInfo,
} from '../../support/otlp-receiver.ts';

const LONG_MS = 170_000;
const NOW = Date.UTC(2026, 0, 1);
const common = { headers: { tenant: 'a' }, compression: 'none', userAgent: 'test', tls: {}, now: () => NOW } as const;

let metrics: ResourceMetrics;
const closing: (() => Promise<void> | void)[] = [];

beforeEach(async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  provider.getMeter('test').createCounter('hits').add(7);
  await provider.forceFlush();
  [metrics] = exporter.getMetrics() as [ResourceMetrics];
  closing.push(() => provider.shutdown());
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Backend {
  readonly receiver: OtlpReceiver;
  readonly sender: OtlpSender;
}

async function http(compression: 'none' | 'gzip' = 'none'): Promise<Backend> {
  const receiver = await httpReceiver();
  closing.push(() => receiver.close());
  const sender = new HttpSender({ ...common, compression, url: `${receiver.url}/v1/metrics` });
  closing.push(() => sender.close());
  return { receiver, sender };
}

async function grpc(compression: 'none' | 'gzip' = 'none'): Promise<Backend> {
  const receiver = await grpcReceiver();
  closing.push(() => receiver.close());
  const sender = new GrpcSender({ ...common, compression, url: receiver.url });
  closing.push(() => sender.close());
  return { receiver, sender };
}

describe.each([
  ['http', http],
  ['grpc', grpc],
] as const)('over %s', (_protocol, open) => {
  test.each(['none', 'gzip'] as const)('an export arrives whole, compression %s', async (compression) => {
    const { receiver, sender } = await open(compression);
    expect(await sender.send(metrics, LONG_MS)).toEqual({ status: 'taken' });
    expect(receiver.exports[0]?.metrics[0]).toMatchObject({ name: 'hits', points: [{ value: 7 }] });
    expect(receiver.exports[0]?.headers).toMatchObject({ tenant: 'a' });
  });

  test('a partial success is told with its reason', async () => {
    const { receiver, sender } = await open();
    receiver.behaviour = 'partial';
    expect(await sender.send(metrics, LONG_MS)).toEqual({
      status: 'taken',
      partial: '2 data points were rejected: too old',
    });
  });

  test('a silent backend is a failure when the time has passed, and at once when the sender is closed', async () => {
    const { receiver, sender } = await open();
    receiver.behaviour = 'hang';
    expect(await sender.send(metrics, 100)).toMatchObject({ status: 'failed' });
    const sending = sender.send(metrics, LONG_MS);
    while (receiver.requests < 2) await new Promise((resolve) => setImmediate(resolve));
    sender.close();
    expect(await sending).toMatchObject({ status: 'failed' });
  });

  test('where nobody listens it is a failure', async () => {
    const { receiver, sender } = await open();
    await receiver.close();
    const delivery = await sender.send(metrics, LONG_MS);
    expect(delivery).toMatchObject({ status: 'failed', reason: expect.stringMatching(/ECONNREFUSED/) });
  });
});

async function answerTo(backend: Backend, behaviour: Behaviour, seconds?: number) {
  backend.receiver.behaviour = behaviour;
  backend.receiver.pause = seconds === undefined ? undefined : { seconds };
  const delivery = await backend.sender.send(metrics, LONG_MS);
  // One request for each export: nobody below tries again.
  expect(backend.receiver.requests).toBe(1);
  return delivery;
}

test.each([200, 201, 301, 302, 400, 401, 403, 404, 408, 413, 425, 429, 500, 501, 502, 503, 504, 505])(
  'HTTP %i',
  async (status) => {
    const expected = status < 300 ? 'taken' : [429, 502, 503, 504].includes(status) ? 'failed' : 'refused';
    expect(await answerTo(await http(), status)).toMatchObject({ status: expected });
  },
);

test.each([429, 503])('HTTP %i with Retry-After', async (status) => {
  expect(await answerTo(await http(), status, 7)).toMatchObject({ status: 'failed', retryAfterMs: 7000 });
});

test.each(Array.from({ length: 16 }, (_, index) => index + 1))('gRPC status %i', async (code) => {
  const expected = [1, 4, 10, 11, 14, 15].includes(code) ? 'failed' : 'refused';
  const delivery = await answerTo(await grpc(), code);
  expect(delivery).toMatchObject({ status: expected, reason: expect.stringContaining('as the test wants') });
  expect(delivery).not.toHaveProperty('retryAfterMs');
});

test.each([8, 14])('gRPC status %i with RetryInfo', async (code) => {
  expect(await answerTo(await grpc(), code, 3)).toMatchObject({ status: 'failed', retryAfterMs: 3500 });
});

test('RetryInfo does not make a final status pass', async () => {
  expect(await answerTo(await grpc(), 3, 3)).toMatchObject({ status: 'refused' });
});

test.each([
  [undefined, undefined],
  ['0', 0],
  [' 120 ', 120_000],
  ['Thu, 01 Jan 2026 00:00:05 GMT', 5000],
  ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
  ['soon', undefined],
])('Retry-After: %p is %p ms', (header, expected) => {
  expect(retryAfter(header, NOW)).toBe(expected);
});

test('RetryInfo: cut off at any byte it is no pause and no throw', () => {
  const whole = statusWithRetryInfo({ seconds: 3 });
  expect(retryDelayOf(whole)).toBe(3500);
  for (let length = 0; length < whole.length; length++) {
    expect(retryDelayOf(whole.subarray(0, length))).toBeUndefined();
  }
  expect(retryDelayOf(Buffer.from('text that is no message'))).toBeUndefined();
});

test('an answer that is huge, cut off or no protobuf does not matter: the status does', async () => {
  const answers: [RequestListener, string][] = [
    [(_request, response) => void response.writeHead(200).end('<html>'.repeat(1_000_000)), 'taken'],
    [(_request, response) => void response.writeHead(503).end(Buffer.alloc(3_000_000)), 'failed'],
    [(_request, response) => void response.writeHead(400).end('no'), 'refused'],
    [
      (_request, response) => {
        response.writeHead(200, { 'content-length': 100 });
        response.write('x', () => response.destroy());
      },
      'taken',
    ],
    [(request) => void request.socket.destroy(), 'failed'],
  ];
  for (const [listener, status] of answers) {
    const server: Server = createServer((request, response) => {
      request.resume().on('end', () => listener(request, response));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const sender = new HttpSender({ ...common, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` });
    try {
      expect((await sender.send(metrics, LONG_MS)).status).toBe(status);
    } finally {
      sender.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }
});

test('a success whose rest never comes is a success: the export must not count twice', async () => {
  const server: Server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(200).write('x'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sender = new HttpSender({ ...common, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` });
  // The head has arrived, and then the waiting ends.
  const giveUp = () => void setImmediate(() => sender.close());
  subscribe('http.client.response.finish', giveUp);
  try {
    expect(await sender.send(metrics, LONG_MS)).toEqual({ status: 'taken' });
  } finally {
    unsubscribe('http.client.response.finish', giveUp);
    sender.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

test('a request that cannot be made is a failure, not a refusal of the backend, and nothing is thrown', async () => {
  const sender = new HttpSender({ ...common, url: 'http://127.0.0.1:1/', headers: { bad: 'a\nb' } });
  expect(await sender.send(metrics, LONG_MS)).toMatchObject({ status: 'failed' });
  sender.close();
});

test('metrics that cannot be encoded are refused, not thrown', async () => {
  const broken = { ...metrics, scopeMetrics: [{}] } as unknown as ResourceMetrics;
  for (const { sender } of [await http(), await grpc()]) {
    expect(await sender.send(broken, LONG_MS)).toMatchObject({ status: 'refused' });
  }
});

test.each([
  ['switches to another protocol', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'],
  ['asks to go on, and no more', 'HTTP/1.1 100 Continue\r\n\r\n'],
])('a backend that %s has not taken the export, and it is told (R2)', async (_what, answer) => {
  const sockets: Socket[] = [];
  const server = createTcpServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {}).once('data', () => socket.write(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sender = new HttpSender({ ...common, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` });
  closing.push(() => {
    sender.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  expect(await sender.send(metrics, 500)).toMatchObject({ status: 'failed' });
});

test('after the end nothing is sent', async () => {
  const { receiver, sender } = await http();
  sender.close();
  expect(await sender.send(metrics, LONG_MS)).toEqual({ status: 'failed', reason: 'the telemetry was shut down' });
  expect(receiver.requests).toBe(0);
});

test.each([
  ['http', http, 413],
  ['grpc', grpc, 8],
] as const)(
  'what the backend finds too large over %s may be divided, but not without end',
  async (_name, open, status) => {
    const { receiver, sender } = await open();
    receiver.behaviour = status;
    receiver.says = 'Received message larger than max (5000000 vs. 4194304)';
    expect(await sender.send(exportOf(101), LONG_MS)).toMatchObject({ status: 'large' });
    expect(await sender.send(exportOf(100), LONG_MS)).toMatchObject({ status: 'refused' });
  },
);

test('an export of too many bytes is not sent, unless it is a single point', async () => {
  const long = 'x'.repeat(2_000_000);
  for (const { receiver, sender } of [await http('gzip'), await grpc('gzip')]) {
    expect(
      await sender.send(
        exportOf(2, () => long),
        LONG_MS,
      ),
    ).toMatchObject({ status: 'large' });
    expect(receiver.requests).toBe(0);
    expect(
      await sender.send(
        exportOf(1, () => long),
        LONG_MS,
      ),
    ).toEqual({ status: 'taken' });
  }
});
