/**
 * Owns the connections to a backend over OTLP/HTTP with protobuf. Does not own when something is sent.
 *
 * R1 One request for each export: what may pass is reported with the pause that the backend asks for, and whoever called
 *    tries again.
 * R2 An export ends after its timeout, whether the backend answers drop by drop or not at all.
 * R3 Neither a connection nor a request in progress keeps the process alive, and after `close` there are none.
 */
import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { codeOf } from '../../errors.ts';
import { deliverExport, takenBy } from './otlp-message.ts';
import type { Delivery, OtlpSender } from './otlp-sender.ts';
import type { TlsFiles } from './tls-files.ts';

/** What the specification lets a client send again; every other answer is final. */
const PASSING_STATUS = [429, 502, 503, 504];
const TOO_LARGE = 413;
/** The answer to an export is small; the rest of a page that a proxy sends instead is not read. */
const LONGEST_ANSWER = 1024 * 1024;

export interface HttpSenderOptions {
  /** With the path. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly compression: 'none' | 'gzip';
  readonly userAgent: string;
  readonly tls: TlsFiles;
  /** Wall clock in ms, for a Retry-After that is a date. */
  readonly now: () => number;
}

export class HttpSender implements OtlpSender {
  readonly #options: HttpSenderOptions;
  readonly #request: typeof http.request;
  readonly #agent: http.Agent;
  readonly #inProgress = new Set<http.ClientRequest>();
  #isClosed = false;

  constructor(options: HttpSenderOptions) {
    const isPlain = new URL(options.url).protocol === 'http:';
    this.#options = options;
    this.#request = isPlain ? http.request : https.request;
    this.#agent = letGo(
      isPlain ? new http.Agent({ keepAlive: true }) : new https.Agent({ keepAlive: true, ...options.tls }),
    );
  }

  send(metrics: ResourceMetrics, timeoutMs: number): Promise<Delivery> {
    return deliverExport(metrics, this.#options.compression, (body, isCompressed) =>
      this.#post(body, isCompressed, timeoutMs),
    );
  }

  close(): void {
    this.#isClosed = true;
    for (const request of this.#inProgress) request.destroy(new Error('the telemetry was shut down'));
    this.#agent.destroy();
  }

  async #post(body: Buffer, isCompressed: boolean, timeoutMs: number): Promise<Delivery> {
    if (this.#isClosed) throw new Error('the telemetry was shut down');
    const { url, headers, userAgent } = this.#options;
    return new Promise((resolve) => {
      const request = this.#request(new URL(url), {
        method: 'POST',
        agent: this.#agent,
        headers: {
          'user-agent': userAgent,
          ...headers,
          'content-type': 'application/x-protobuf',
          'content-length': body.length,
          ...(isCompressed && { 'content-encoding': 'gzip' }),
        },
      });
      let isAnswered = false;
      const timer = setTimeout(() => {
        const reason = `no answer within ${timeoutMs} ms`;
        request.destroy(new Error(reason));
        // What has begun to answer ends with its status.
        if (!isAnswered) end({ status: 'failed', reason });
      }, timeoutMs);
      timer.unref();
      const end = (delivery: Delivery): void => {
        clearTimeout(timer);
        this.#inProgress.delete(request);
        resolve(delivery);
      };
      this.#inProgress.add(request);
      request.on('error', (error) => {
        if (!isAnswered) end({ status: 'failed', reason: error.message || (codeOf(error) ?? error.name) });
      });
      request.on('response', (response) => {
        isAnswered = true;
        this.#read(response, end);
      });
      // Without an answer and without an error: a backend that switches to another protocol is hung up on.
      request.on('close', () => {
        if (!isAnswered) end({ status: 'failed', reason: 'the connection was closed without an answer' });
      });
      request.end(body);
    });
  }

  #read(response: http.IncomingMessage, end: (delivery: Delivery) => void): void {
    const { statusCode = 0, statusMessage = '', headers } = response;
    const chunks: Buffer[] = [];
    let length = 0;
    const finish = (): void => {
      if (statusCode >= 200 && statusCode < 300) {
        end(takenBy(Buffer.concat(chunks)));
        return;
      }
      const reason = `HTTP ${statusCode} ${statusMessage}`.trim();
      const retryAfterMs = retryAfter(headers['retry-after'], this.#options.now());
      if (statusCode === TOO_LARGE) end({ status: 'large', reason });
      else if (!PASSING_STATUS.includes(statusCode)) end({ status: 'refused', reason });
      else end({ status: 'failed', reason, ...(retryAfterMs !== undefined && { retryAfterMs }) });
    };
    response.on('data', (chunk: Buffer) => {
      length += chunk.length;
      chunks.push(chunk);
      if (length <= LONGEST_ANSWER) return;
      chunks.length = 0;
      finish();
      response.destroy();
    });
    // The status has been heard: that the rest of the answer got lost does not make the export another one.
    response.on('error', finish);
    response.on('close', finish);
  }
}

/** ms of a Retry-After header, which holds seconds or a date; undefined where it holds neither. */
export function retryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

/** A connection must not keep a process alive that has nothing else to do. */
function letGo<A extends http.Agent>(agent: A): A {
  const reuse = agent.reuseSocket.bind(agent);
  agent.reuseSocket = (socket, request) => {
    reuse(socket, request);
    (socket as Socket).unref();
  };
  agent.on('free', (socket: Socket) => socket.unref());
  const create = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => {
    const socket = create(options, callback) as Socket | null | undefined;
    socket?.unref();
    return socket;
  };
  return agent;
}
