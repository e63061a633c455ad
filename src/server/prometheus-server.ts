/**
 * Owns the HTTP endpoint that Prometheus scrapes. Does not own the telemetry it collects from.
 *
 * R1 A scrape answers 200 with a complete collection or 503 with the reason, never 200 with an apology.
 * R2 Text is made in slices of a few milliseconds with the event loop free between them, and no faster than the client
 *    takes it.
 * R3 `close` ends within a second, keep-alive connections, stuck scrapers and those that never ask included.
 * R4 Secrets are resolved at the start, compared in constant time, and in no message. Health endpoints need none.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { constants, createGzip } from 'node:zlib';
import type { Environment } from '../connectors/environment.ts';
import { messageOf } from '../errors.ts';
import type { PrometheusConfig } from '../telemetry/telemetry-config.ts';
import { acceptedFormat, acceptsGzip } from './accepted.ts';
import { type Access, accessFor } from './access.ts';
import type { Exposable } from './exposed-families.ts';
import { closeServer, listen } from './listen.ts';
import { CONTENT_TYPES, type ExpositionOptions, prometheusText } from './prometheus-text.ts';
import { beforeScrapeTimeout } from './scrape-timeout.ts';
import { readTlsFiles } from './tls.ts';

const REMEDY = 'KAMON_PROMETHEUS_PORT or metrics.prometheus.port';
const HANDSHAKE_TIMEOUT_MS = 10_000;
const SLICE_MS = 5;
/** A client that takes nothing for so long has gone. */
const CLIENT_TIMEOUT_MS = 30_000;

export interface PrometheusServerOptions extends Partial<Pick<PrometheusConfig, 'auth' | 'tls' | 'created'>> {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** One collection for concurrent callers, bounded in time: what `Telemetry` gives. */
  readonly collect: () => Promise<Exposable>;
  /** What `/-/ready` answers; default: always ready. */
  readonly ready?: () => boolean;
  /** False lets the process end while the server listens; default true. */
  readonly keepAlive?: boolean;
  /** For references in `auth`; default: `process.env`. */
  readonly env?: Environment;
}

export interface PrometheusServer {
  readonly host: string;
  readonly port: number;
  /** Where to scrape, with a host that a local browser can open. */
  readonly url: string;
  /** Idempotent. */
  close(): Promise<void>;
}

/**
 * @throws DATAFLOW_ERR_SERVER_PORT_IN_USE, DATAFLOW_ERR_SERVER_LISTEN_FAILED, DATAFLOW_ERR_SERVER_TLS_INVALID, and
 * DATAFLOW_ERR_CONFIG_INVALID for a secret that has no value.
 */
export async function startPrometheusServer(options: PrometheusServerOptions): Promise<PrometheusServer> {
  const { host, auth, tls, env = process.env } = options;
  const access = accessFor(auth, env);
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    answer(request, response, options, access).catch(() => {
      // Only a connection that broke while it was written to ends here; there is nobody left to tell.
      response.destroy();
    });
  };
  const server: Server =
    tls === undefined
      ? createServer(handle)
      : createSecureServer({ ...(await readTlsFiles(tls)), handshakeTimeout: HANDSHAKE_TIMEOUT_MS }, handle);
  const port = await listen(server, { host, port: options.port, what: 'metrics', remedy: REMEDY });
  if (options.keepAlive === false) server.unref();

  const opened = host === '0.0.0.0' || host === '::' || host === '' ? 'localhost' : host;
  const origin = `${tls === undefined ? 'http' : 'https'}://${opened.includes(':') ? `[${opened}]` : opened}`;
  let closed: Promise<void> | undefined;
  return {
    host,
    port,
    url: `${origin}:${port}/metrics`,
    close: () => {
      closed ??= closeServer(server);
      return closed;
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { collect, ready = () => true, created = false }: PrometheusServerOptions,
  access: Access | undefined,
): Promise<void> {
  const path = (request.url ?? '').split('?', 1)[0];
  if (path !== '/metrics' && path !== '/-/healthy' && path !== '/-/ready') {
    return plain(request, response, 404, 'Not found. Metrics are at /metrics.\n');
  }
  if (path === '/metrics' && access?.allows(request.headers.authorization) === false) {
    response.setHeader('www-authenticate', access.challenges);
    return plain(request, response, 401, 'Metrics are given to those who present the configured credentials.\n');
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return plain(request, response, 405, 'Only GET and HEAD are allowed.\n');
  }
  if (path === '/-/healthy') return plain(request, response, 200, 'Healthy.\n');
  if (path === '/-/ready') {
    return ready() ? plain(request, response, 200, 'Ready.\n') : plain(request, response, 503, 'Not ready yet.\n');
  }
  let collected: Exposable;
  try {
    collected = await beforeScrapeTimeout(request, collect());
  } catch (error) {
    return plain(request, response, 503, `${messageOf(error)}\n`);
  }
  await metrics(request, response, collected, created);
}

async function metrics(
  request: IncomingMessage,
  response: ServerResponse,
  collected: Exposable,
  created: boolean,
): Promise<void> {
  const gzip = acceptsGzip(String(request.headers['accept-encoding'] ?? ''));
  const format = acceptedFormat(request.headers.accept);
  response.statusCode = 200;
  response.setHeader('content-type', CONTENT_TYPES[format]);
  response.setHeader('vary', 'Accept, Accept-Encoding');
  if (gzip) response.setHeader('content-encoding', 'gzip');
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  response.setTimeout(CLIENT_TIMEOUT_MS, () => response.destroy());
  if (!gzip) {
    await write(collected, { format, created }, response);
    return;
  }
  // The text repeats itself so much that the fastest level shrinks it nearly as far as the best one.
  const packed = createGzip({ level: constants.Z_BEST_SPEED });
  await Promise.all([pipeline(packed, response), write(collected, { format, created }, packed)]);
}

async function write(collected: Exposable, options: ExpositionOptions, to: Writable): Promise<void> {
  let sliceStart = performance.now();
  for (const chunk of prometheusText(collected, options)) {
    await taken(to, chunk);
    if (performance.now() - sliceStart < SLICE_MS) continue;
    await nextTurn();
    sliceStart = performance.now();
  }
  to.end();
}

/** Until the chunk is out of our hands: its memory is used for the next one. */
function taken(to: Writable, chunk: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    // A connection that breaks does not call back for all that it holds.
    const fail = (): void => reject(new Error('The connection was closed'));
    to.once('close', fail);
    to.write(chunk, (error) => {
      to.off('close', fail);
      if (error) reject(error);
      else resolve();
    });
  });
}

function plain(request: IncomingMessage, response: ServerResponse, status: number, text: string): void {
  response.statusCode = status;
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.setHeader('content-length', Buffer.byteLength(text));
  response.end(request.method === 'HEAD' ? undefined : text);
}
