/**
 * Owns the HTTP endpoint that Prometheus scrapes. Does not own the telemetry it collects from.
 *
 * R1 A scrape answers 200 with a complete collection or 503 with the reason, never 200 with an apology.
 * R2 Text is made in slices of a few milliseconds with the event loop free between them, and no faster than the client
 *    takes it. However many ask at a time, also on one connection, two answers are being made.
 * R3 `close` ends within a second, keep-alive connections, stuck scrapers and those that never ask included.
 * R4 Secrets are resolved at the start, compared in constant time, and in no message. Health endpoints need none.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Environment } from '../connectors/environment.ts';
import { messageOf } from '../errors.ts';
import type { PrometheusConfig } from '../telemetry/telemetry-config.ts';
import { type Access, accessFor } from './access.ts';
import type { Exposable } from './exposed-families.ts';
import { closeServer, listen } from './listen.ts';
import { requestPath } from './request-path.ts';
import { RequestsAhead } from './requests-ahead.ts';
import { beginScrape, writeScrape } from './scrape-answer.ts';
import { beforeScrapeTimeout } from './scrape-timeout.ts';
import { readTlsFiles } from './tls.ts';
import { WriteTurns } from './write-turns.ts';

const SETTINGS = {
  host: 'metrics.prometheus.host or OTEL_EXPORTER_PROMETHEUS_HOST',
  port: 'KAMON_PROMETHEUS_PORT or metrics.prometheus.port',
};
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Of which two are written at a time. */
const MAX_SCRAPES = 500;

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
  const turns = new WriteTurns(MAX_SCRAPES);
  const ahead = new RequestsAhead();
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const begin = (): void => {
      answer(request, response, { ...options, access, turns }).catch(() => {
        // Only what is wrong with the text itself ends here, when its status has been sent.
        response.destroy();
      });
    };
    if (ahead.inOrder(request, response, begin)) return;
    plain(request, response, 503, 'Too many requests wait on this connection for the answers to those before.\n');
  };
  const server: Server =
    tls === undefined
      ? createServer(handle)
      : createSecureServer({ ...(await readTlsFiles(tls)), handshakeTimeout: HANDSHAKE_TIMEOUT_MS }, handle);
  const port = await listen(server, { host, port: options.port, what: 'metrics', settings: SETTINGS });
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

interface Scraped extends PrometheusServerOptions {
  readonly access: Access | undefined;
  readonly turns: WriteTurns;
}

async function answer(request: IncomingMessage, response: ServerResponse, options: Scraped): Promise<void> {
  const { access, ready = () => true } = options;
  const path = requestPath(request.url ?? '');
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
  await metrics(request, response, options);
}

async function metrics(
  request: IncomingMessage,
  response: ServerResponse,
  { collect, created = false, turns }: Scraped,
): Promise<void> {
  const place = turns.enter(() => response.destroy());
  if (place === undefined) {
    return plain(
      request,
      response,
      503,
      `Too many scrapes: ${MAX_SCRAPES} are being answered. Let fewer ask at a time.\n`,
    );
  }
  response.once('close', () => turns.leave(place));
  let collected: Exposable | undefined;
  try {
    collected = await beforeScrapeTimeout(request, collectForTurn());
  } catch (error) {
    turns.leave(place);
    return plain(request, response, 503, `${messageOf(error)}\n`);
  }
  if (collected === undefined) return;
  const scrape = beginScrape(request, response, { created });
  if (request.method === 'HEAD') response.end();
  else await writeScrape(response, collected, scrape, turns, place);

  /** Undefined when the client is gone before its answer had the turn. */
  async function collectForTurn(): Promise<Exposable | undefined> {
    const exposed = await collect();
    return request.method === 'HEAD' || (await turns.take(place!)) ? exposed : undefined;
  }
}

function plain(request: IncomingMessage, response: ServerResponse, status: number, text: string): void {
  response.statusCode = status;
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.setHeader('content-length', Buffer.byteLength(text));
  response.end(request.method === 'HEAD' ? undefined : text);
}
