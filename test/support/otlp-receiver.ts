import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { Metadata, Server, ServerCredentials } from '@grpc/grpc-js';

export interface ReceivedPoint {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly value: number;
  readonly count: number | undefined;
  readonly bounds: readonly number[] | undefined;
  readonly buckets: readonly number[] | undefined;
}

export interface ReceivedMetric {
  readonly scope: string;
  readonly name: string;
  readonly unit: string;
  /** 1 = delta, 2 = cumulative; undefined for gauges. */
  readonly temporality: number | undefined;
  readonly points: readonly ReceivedPoint[];
}

export interface ReceivedExport {
  readonly resource: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly path: string;
  readonly metrics: readonly ReceivedMetric[];
}

/** What a backend answers: 200, another status, nothing at all, or a success that tells of rejected points. */
export type Behaviour = 'take' | 'hang' | 'partial' | number;

/** How long the backend wants to be left alone after a refusal. */
export type Pause = { readonly seconds: number } | undefined;

export interface OtlpReceiver {
  readonly url: string;
  readonly exports: ReceivedExport[];
  /** Requests so far, refused ones included. */
  requests: number;
  behaviour: Behaviour;
  pause: Pause;
  /** The message with a status of gRPC. */
  says: string;
  /** Settles when `count` exports were taken. */
  taken(count: number): Promise<void>;
  close(): Promise<void>;
}

const require = createRequire(import.meta.url);
// The package does not export the decoder that it ships.
const decoder = require(`${process.cwd()}/node_modules/otlp-decoder/build/src/generated/root.js`);
const Response = decoder.opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceResponse;
const Request = decoder.opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest;

// biome-ignore lint/suspicious/noExplicitAny: the decoder has no types.
type Decoded = any;

function attributesOf(list: Decoded): Record<string, unknown> {
  return Object.fromEntries(
    list.map(({ key, value }: Decoded) => [key, value.stringValue ?? Number(value.doubleValue ?? value.intValue)]),
  );
}

function pointOf({ attributes, asDouble, asInt, sum, count, bucketCounts, explicitBounds }: Decoded): ReceivedPoint {
  return {
    attributes: attributesOf(attributes),
    value: Number(sum ?? asDouble ?? asInt),
    count: count === undefined || count === null ? undefined : Number(count),
    bounds: explicitBounds,
    buckets: bucketCounts?.map(Number),
  };
}

export function decodeExport(body: Uint8Array, headers: Record<string, unknown>, path: string): ReceivedExport {
  const [{ resource, scopeMetrics }] = Request.decode(body).resourceMetrics;
  const metrics = scopeMetrics.flatMap(({ scope, metrics: list }: Decoded) =>
    list.map(({ name, unit, sum, gauge, histogram }: Decoded) => {
      const data = sum ?? gauge ?? histogram;
      return {
        scope: scope.name,
        name,
        unit,
        temporality: data.aggregationTemporality || undefined,
        points: data.dataPoints.map(pointOf),
      };
    }),
  );
  return { resource: attributesOf(resource.attributes), headers, path, metrics };
}

class Taken {
  readonly exports: ReceivedExport[] = [];
  requests = 0;
  behaviour: Behaviour = 'take';
  pause: Pause;
  says = 'as the test wants';
  readonly #waiting: { count: number; resolve: () => void }[] = [];

  take(received: ReceivedExport): void {
    this.exports.push(received);
    for (const { count, resolve } of this.#waiting) if (this.exports.length >= count) resolve();
  }

  taken(count: number): Promise<void> {
    if (this.exports.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }
}

function answerOf(behaviour: Behaviour): Buffer {
  const partialSuccess = { rejectedDataPoints: 2, errorMessage: 'too old' };
  return behaviour === 'partial' ? Buffer.from(Response.encode({ partialSuccess }).finish()) : Buffer.alloc(0);
}

const field = (number: number, bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.of((number << 3) | 2, bytes.length), bytes]);

/** google.rpc.Status with a RetryInfo behind another detail, as gRPC puts it into a trailer. */
export function statusWithRetryInfo({ seconds }: { readonly seconds: number }): Buffer {
  const detail = (type: string, value: Buffer): Buffer =>
    field(3, Buffer.concat([field(1, Buffer.from(`type.googleapis.com/google.rpc.${type}`)), field(2, value)]));
  const delay = Buffer.from([0x08, seconds, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01]);
  return Buffer.concat([
    Buffer.of(0x08, 14),
    field(2, Buffer.from('busy')),
    detail('DebugInfo', Buffer.alloc(0)),
    detail('RetryInfo', field(1, delay)),
  ]);
}

function trailerOf(pause: Pause): Metadata {
  const metadata = new Metadata();
  if (pause !== undefined) metadata.set('grpc-status-details-bin', statusWithRetryInfo(pause));
  return metadata;
}

export async function httpReceiver(
  options: { port?: number; tls?: { cert: string; key: string } } = {},
): Promise<OtlpReceiver> {
  const state = new Taken();
  const handle: Parameters<typeof createServer>[1] = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      state.requests += 1;
      if (state.behaviour === 'hang') return;
      if (typeof state.behaviour === 'string') {
        const body = Buffer.concat(chunks);
        const plain = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
        state.take(decodeExport(plain, request.headers, request.url ?? ''));
      }
      if (typeof state.behaviour === 'string') response.writeHead(200).end(answerOf(state.behaviour));
      else
        response
          .writeHead(state.behaviour, state.pause === undefined ? {} : { 'retry-after': String(state.pause.seconds) })
          .end();
    });
  };
  const server = options.tls === undefined ? createServer(handle) : createSecureServer(options.tls, handle);
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  });
}

export async function grpcReceiver(options: { tls?: { cert: string; key: string } } = {}): Promise<OtlpReceiver> {
  const state = new Taken();
  const server = new Server();
  const identity = (bytes: Buffer): Buffer => bytes;
  const path = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export';
  const method = {
    path,
    requestStream: false,
    responseStream: false,
    requestDeserialize: identity,
    requestSerialize: identity,
    responseDeserialize: identity,
    responseSerialize: identity,
  };
  server.addService({ export: method }, {
    export: (call: { request: Buffer; metadata: Metadata }, answer: (error: unknown, body?: Buffer) => void) => {
      state.requests += 1;
      if (state.behaviour === 'hang') return;
      if (typeof state.behaviour === 'string') {
        state.take(decodeExport(call.request, call.metadata.getMap(), path));
        answer(null, answerOf(state.behaviour));
      } else {
        answer({ code: state.behaviour, details: state.says, metadata: trailerOf(state.pause) });
      }
    },
  } as never);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', credentialsOf(options.tls), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  return Object.assign(state, {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    close: async () => server.forceShutdown(),
  });
}

function credentialsOf(tls: { cert: string; key: string } | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const pair = { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) };
  return ServerCredentials.createSsl(null, [pair]);
}
