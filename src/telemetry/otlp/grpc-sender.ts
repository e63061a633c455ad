/**
 * Owns the connection to a backend over OTLP/gRPC: one unary call at a time over HTTP/2, which needs nothing of a gRPC
 * library. Does not own when something is sent, nor what an answer means.
 *
 * R1 One call for each export: what may pass is reported with the pause that the backend asks for, and whoever called
 *    tries again.
 * R2 An export ends after its timeout, whatever the connection is doing: being made, in its TLS handshake, or in use.
 * R3 A connection that did not bring an answer in time is given up, and the next export makes a new one: nothing else
 *    would tell one that was swallowed from one that is slow.
 * R4 No socket keeps the process alive, and none is left after `close`, nor one that the backend wants to close.
 * R5 A call that the backend did not begin with, since it closes the connection, is made on a new one, within its timeout.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectSecure } from 'node:tls';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { codeOf } from '../../errors.ts';
import { deliveryOf, type GrpcAnswer, isUnseen } from './grpc-answer.ts';
import { deliverExport } from './otlp-message.ts';
import type { Delivery, OtlpSender } from './otlp-sender.ts';
import type { TlsFiles } from './tls-files.ts';

const EXPORT = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export';
const PREFIX_BYTES = 5;
/** The answer to an export is small. */
const LONGEST_ANSWER = 1024 * 1024;
/** Of one export, where each connection is closed before the backend begins with it. */
const MOST_CALLS = 4;
/** The header holds eight digits. */
const LONGEST_DEADLINE_MS = 99_999_999;
/** An intermediary that forgets a connection without traffic would swallow the next export. */
const TCP_KEEPALIVE_MS = 30_000;

export interface GrpcSenderOptions {
  /** Scheme, host and port. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly compression: 'none' | 'gzip';
  readonly userAgent: string;
  readonly tls: TlsFiles;
}

interface Connection {
  readonly socket: Socket;
  readonly session: ClientHttp2Session;
  /** Why it broke, as far as it is known. */
  error: Error | undefined;
}

export class GrpcSender implements OtlpSender {
  readonly #options: GrpcSenderOptions;
  #connection: Connection | undefined;
  #isClosed = false;

  constructor(options: GrpcSenderOptions) {
    this.#options = options;
  }

  send(metrics: ResourceMetrics, timeoutMs: number): Promise<Delivery> {
    return deliverExport(metrics, this.#options.compression, (body, isCompressed) =>
      this.#deliver(framed(body, isCompressed), timeoutMs),
    );
  }

  close(): void {
    this.#isClosed = true;
    if (this.#connection !== undefined) this.#giveUp(this.#connection, 'the telemetry was shut down');
  }

  async #deliver(body: Buffer, timeoutMs: number): Promise<Delivery> {
    const end = performance.now() + timeoutMs;
    for (let calls = 1; ; calls++) {
      const { isUnseen: mayRepeat, ...delivery } = await this.#call(body, Math.max(1, end - performance.now()));
      if (!mayRepeat || calls === MOST_CALLS) return delivery;
    }
  }

  #call(body: Buffer, timeoutMs: number): Promise<Delivery & { readonly isUnseen?: boolean }> {
    const connection = this.#connected();
    const stream = connection.session.request(this.#headers(timeoutMs));
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        const reason = `no answer within ${Math.ceil(timeoutMs)} ms`;
        this.#giveUp(connection, reason);
        end({ status: 'failed', reason });
      }, timeoutMs);
      timer.unref();
      const end = (delivery: Delivery & { readonly isUnseen?: boolean }): void => {
        clearTimeout(timer);
        if (connection.session.closed) this.#giveUp(connection, 'the backend closed the connection');
        resolve(delivery);
      };
      hear(stream, (answer, error) => {
        if (isUnseen(answer)) {
          this.#giveUp(connection, 'the backend took no further calls');
          end({ ...deliveryOf(answer), isUnseen: true });
          return;
        }
        const isBroken = connection.session.destroyed || connection.socket.destroyed;
        if (isBroken && answer.status === undefined) {
          const why = connection.error ?? error;
          end({ status: 'failed', reason: why === undefined ? 'the connection was closed' : textOf(why) });
        } else end(deliveryOf(answer));
      });
      stream.end(body);
    });
  }

  #headers(timeoutMs: number): Record<string, string> {
    const { url, headers, compression, userAgent } = this.#options;
    const own = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
    return {
      'user-agent': userAgent,
      ...Object.fromEntries(own),
      ':method': 'POST',
      ':scheme': new URL(url).protocol.slice(0, -1),
      ':authority': new URL(url).host,
      ':path': EXPORT,
      te: 'trailers',
      'content-type': 'application/grpc',
      'grpc-timeout': `${Math.min(Math.ceil(timeoutMs), LONGEST_DEADLINE_MS)}m`,
      'grpc-accept-encoding': 'identity',
      ...(compression === 'gzip' && { 'grpc-encoding': 'gzip' }),
    };
  }

  #connected(): Connection {
    if (this.#isClosed) throw new Error('the telemetry was shut down');
    const before = this.#connection;
    if (before !== undefined) {
      if (!before.session.closed && !before.session.destroyed) return before;
      // It takes no further calls, and would wait for the backend to close its end.
      this.#giveUp(before, 'the backend closed the connection');
    }
    const socket = this.#open();
    socket.unref();
    socket.setNoDelay(true);
    socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
    const { origin } = new URL(this.#options.url);
    const session = connect(origin, { createConnection: () => socket, settings: { enablePush: false } });
    session.unref();
    const connection: Connection = { socket, session, error: undefined };
    const note = (error: Error): void => {
      connection.error ??= error;
    };
    socket.on('error', note);
    session.on('error', note);
    session.on('close', () => socket.destroy());
    this.#connection = connection;
    return connection;
  }

  #open(): Socket {
    const { url, tls } = this.#options;
    const { protocol, hostname, port } = new URL(url);
    const host = hostname.replace(/^\[|\]$/g, '');
    if (protocol === 'http:') return connectPlain({ host, port: Number(port || 80) });
    const servername = isIP(host) === 0 ? { servername: host } : {};
    return connectSecure({ ...tls, ...servername, host, port: Number(port || 443), ALPNProtocols: ['h2'] });
  }

  #giveUp(connection: Connection, reason: string): void {
    connection.error ??= new Error(reason);
    if (this.#connection === connection) this.#connection = undefined;
    connection.session.destroy();
    // The session waits for what it has begun, and knows of no socket that is not connected yet.
    connection.socket.destroy();
  }
}

/** A message of a stream: a flag, its length, its bytes. */
function framed(message: Buffer, isCompressed: boolean): Buffer {
  const frame = Buffer.alloc(PREFIX_BYTES + message.length);
  frame.writeUInt8(isCompressed ? 1 : 0, 0);
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, PREFIX_BYTES);
  return frame;
}

/** Calls `end` once, when nothing more will come. */
function hear(stream: ClientHttp2Stream, end: (answer: GrpcAnswer, error: Error | undefined) => void): void {
  let httpStatus = 0;
  let trailers: IncomingHttpHeaders = {};
  let broken: Error | undefined;
  const chunks: Buffer[] = [];
  let length = 0;
  stream.on('response', (headers) => {
    httpStatus = Number(headers[':status']);
    // Where there is no body the status comes at once.
    trailers = headers;
  });
  stream.on('trailers', (headers) => {
    trailers = headers;
  });
  stream.on('data', (chunk: Buffer) => {
    length += chunk.length;
    chunks.push(chunk);
    if (length > LONGEST_ANSWER) stream.destroy(new Error('the answer is too long'));
  });
  stream.on('error', (error) => {
    broken = error;
  });
  stream.on('close', () => {
    const { 'grpc-status': code, 'grpc-message': text, 'grpc-status-details-bin': details } = trailers;
    const message = Buffer.concat(chunks).subarray(PREFIX_BYTES);
    end(
      {
        status: typeof code === 'string' && /^\d+$/.test(code) ? Number(code) : undefined,
        text: typeof text === 'string' ? text : '',
        details: typeof details === 'string' ? Buffer.from(details, 'base64') : undefined,
        httpStatus,
        streamCode: stream.rstCode,
        // A compressed one was not asked for.
        message: chunks[0]?.[0] === 0 ? message : Buffer.alloc(0),
        error: broken,
      },
      broken,
    );
  });
}

function textOf(error: Error): string {
  return error.message || (codeOf(error) ?? error.name);
}
