import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { type Metadata, Server, ServerCredentials } from '@grpc/grpc-js';

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

/** What a backend answers: 200, another status, or nothing at all. */
export type Behaviour = 'take' | 'hang' | number;

export interface OtlpReceiver {
  readonly url: string;
  readonly exports: ReceivedExport[];
  /** Requests so far, refused ones included. */
  requests: number;
  behaviour: Behaviour;
  /** Settles when `count` exports were taken. */
  taken(count: number): Promise<void>;
  close(): Promise<void>;
}

const require = createRequire(import.meta.url);
// The package does not export the decoder that it ships.
const decoder = require(`${process.cwd()}/node_modules/otlp-decoder/build/src/generated/root.js`);
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
      if (state.behaviour === 'take') {
        const body = Buffer.concat(chunks);
        const plain = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
        state.take(decodeExport(plain, request.headers, request.url ?? ''));
      }
      response.writeHead(state.behaviour === 'take' ? 200 : state.behaviour).end();
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

export async function grpcReceiver(): Promise<OtlpReceiver> {
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
      if (state.behaviour === 'take') {
        state.take(decodeExport(call.request, call.metadata.getMap(), path));
        answer(null, Buffer.alloc(0));
      } else answer({ code: state.behaviour, details: 'as the test wants' });
    },
  } as never);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  return Object.assign(state, {
    url: `http://127.0.0.1:${port}`,
    close: async () => server.forceShutdown(),
  });
}
