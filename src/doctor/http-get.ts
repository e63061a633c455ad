/**
 * Owns one GET: no redirect is followed, no connection is kept, nothing is read beyond a limit, and nothing waits longer
 * than its timeout. What went wrong is an answer too, never an exception.
 */
import { type IncomingHttpHeaders, type IncomingMessage, request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { codeOf, messageOf } from '../errors.ts';

export interface GetOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** For all of it: name, connection, answer, body. */
  readonly timeoutMs: number;
  /** Of the body, unpacked. */
  readonly maxBytes: number;
}

export interface Answer {
  readonly kind: 'answer';
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly tookMs: number;
  /** ms since the epoch, by the clock of this machine. */
  readonly sentAt: number;
  readonly receivedAt: number;
}

export type Silence = 'name' | 'refused' | 'unreachable' | 'timeout' | 'tls' | 'protocol' | 'closed' | 'size' | 'other';

export interface NoAnswer {
  readonly kind: 'none';
  readonly silence: Silence;
  /** The code of the system, or what it said. */
  readonly reason: string;
}

export async function httpGet(url: URL, { headers, timeoutMs, maxBytes }: GetOptions): Promise<Answer | NoAnswer> {
  const signal = AbortSignal.timeout(timeoutMs);
  const started = performance.now();
  const sentAt = Date.now();
  try {
    const response = await responseOf(url, { ...headers }, signal);
    const receivedAt = Date.now();
    const body = await bodyOf(response, maxBytes);
    if (body === undefined) return { kind: 'none', silence: 'size', reason: `more than ${maxBytes} bytes` };
    const tookMs = performance.now() - started;
    return {
      kind: 'answer',
      status: response.statusCode ?? 0,
      headers: response.headers,
      body,
      tookMs,
      sentAt,
      receivedAt,
    };
  } catch (error) {
    if (signal.aborted) return { kind: 'none', silence: 'timeout', reason: `nothing within ${timeoutMs / 1000} s` };
    const code = codeOf(error) ?? '';
    return { kind: 'none', silence: silenceOf(code), reason: [code, messageOf(error)].filter(Boolean).join(': ') };
  }
}

function responseOf(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
  const send = url.protocol === 'https:' ? secureRequest : plainRequest;
  return new Promise((resolve, reject) => {
    const options = {
      agent: false as const,
      headers: { 'accept-encoding': 'gzip', ...headers, connection: 'close' },
      signal,
    };
    send(url, options, resolve).once('error', reject).end();
  });
}

/** Undefined where it is larger than the limit. */
async function bodyOf(response: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  let unpacked: Readable = response;
  // The error of a part reaches the loop below through the end of the chain.
  if (response.headers['content-encoding'] === 'gzip') unpacked = pipeline(response, createGunzip(), () => {});
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of unpacked) {
    bytes += (chunk as Buffer).length;
    if (bytes > maxBytes) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

function silenceOf(code: string): Silence {
  if (code === 'ECONNREFUSED') return 'refused';
  if (/^(?:ENOTFOUND|EAI_)/.test(code)) return 'name';
  if (/^(?:EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|EADDRNOTAVAIL|ETIMEDOUT)$/.test(code)) return 'unreachable';
  if (/CERT|^ERR_(?:TLS|SSL)|^EPROTO$|^UNABLE_TO_|^HOSTNAME_MISMATCH$/.test(code)) return 'tls';
  if (/^(?:HPE_|Z_)/.test(code)) return 'protocol';
  return code === 'ECONNRESET' || code === 'EPIPE' ? 'closed' : 'other';
}
