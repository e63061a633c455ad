import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Pipeline } from '../../src/platform/pipeline.ts';
import type { Platform } from '../../src/platform/platform.ts';
import type { PlatformOptions } from '../../src/platform/start.ts';
import type { AuditEvent } from '../../src/server/status/ports.ts';
import { startTestPlatform, type TestPlatform } from '../../src/testing/test-platform.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the shape it asks for.
  readonly body: any;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is when it is a text, else as JSON. */
  readonly body?: unknown;
  /** The address to come from; the limits of requests are counted for each. */
  readonly from?: string;
}

/** A request of its own connection; unlike fetch it sends any Host, path and header. */
export function ask(
  url: string,
  path: string,
  { method = 'GET', headers = {}, body, from }: Asked = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const isJson = body !== undefined && typeof body !== 'string';
    const sent = body === undefined ? undefined : isJson ? JSON.stringify(body) : (body as string);
    const outgoing = request(
      {
        host: hostname,
        port,
        path,
        method,
        agent: false,
        ...(from === undefined ? {} : { localAddress: from }),
        headers: {
          ...(sent === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) }),
          ...headers,
        },
      },
      (response) => {
        void answerOf(response).then(resolve, reject);
      },
    );
    outgoing.once('error', reject);
    outgoing.end(sent);
  });
}

async function answerOf(response: IncomingMessage): Promise<Answer> {
  const received = await text(response);
  const isJson = response.headers['content-type']?.startsWith('application/json') === true && received !== '';
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text: received,
    body: isJson ? JSON.parse(received) : undefined,
  };
}

export const NULL = { type: 'null', connectionString: 'none' };
export const PIPELINES = '/api/v1/pipelines';

export interface StatusTest extends TestPlatform {
  readonly platform: Platform;
  readonly audit: AuditEvent[];
  readonly warnings: string[];
  get(path: string, asked?: Asked): Promise<Answer>;
  /** A write with an empty body where none is given. */
  send(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** A running pipeline, which as many records were pushed to, in one batch called `first`; without any by default. */
  pushed(id: string, records?: number): Promise<Pipeline>;
  /** The live stream; `close` closes it. */
  live(): Promise<LiveStream>;
  /** The streams, then the platform. */
  close(): Promise<void>;
}

/** A platform in memory on a manual clock, with a status page on a free port. */
export async function startStatusTest(options: PlatformOptions = {}): Promise<StatusTest> {
  const audit: AuditEvent[] = [];
  const warnings: string[] = [];
  const test = await startTestPlatform({
    onAudit: (event) => audit.push(event),
    onWarning: (message) => warnings.push(message),
    ...options,
    statusPage: { port: 0, ...options.statusPage },
  });
  const { platform } = test;
  const url = platform.statusUrl ?? '';
  const streams: LiveStream[] = [];
  return {
    ...test,
    audit,
    warnings,
    get: (path, asked) => ask(url, path, asked),
    send: (method, path, body = {}, headers = {}) => ask(url, path, { method, body, headers }),
    async pushed(id, count = 0) {
      const pipeline = await platform.spawnPipeline({ id, sink: NULL });
      await pipeline.start();
      const records = Array.from({ length: count }, (_, number) => number);
      if (count > 0) await pipeline.ingest({ batchId: 'first', records, sourceOffset: 0 });
      return pipeline;
    },
    async live() {
      const stream = await openLive(url);
      streams.push(stream);
      return stream;
    },
    async close() {
      for (const stream of streams.splice(0)) stream.close();
      await platform.shutdown();
    },
  };
}

export interface LiveMessage {
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the shape it waits for.
  readonly data: any;
}

export interface LiveStream {
  readonly response: IncomingMessage;
  /** The next message of this name; those before it are dropped. */
  next(event: string): Promise<LiveMessage>;
  /** Resolves when the server has ended the stream, in whatever way. */
  readonly ended: Promise<void>;
  close(): void;
}

/** Opens the live stream; close it. */
export async function openLive(url: string, headers: Readonly<Record<string, string>> = {}): Promise<LiveStream> {
  const outgoing = request(new URL('/api/v1/events', url), { agent: false, headers });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  const ended = new Promise<void>((resolve) => {
    response.once('close', resolve);
    response.once('error', () => resolve());
  });
  const waiting: LiveMessage[] = [];
  let wake = (): void => {};
  let rest = '';
  response.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = `${rest}${chunk}`.split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(part) ?? [];
      if (event !== undefined && data !== undefined) waiting.push({ event, data: JSON.parse(data) });
    }
    wake();
  });
  return {
    response,
    ended,
    close: () => outgoing.destroy(),
    async next(event) {
      for (;;) {
        for (let message = waiting.shift(); message !== undefined; message = waiting.shift()) {
          if (message.event === event) return message;
        }
        const more = new Promise<void>((resolve) => {
          wake = resolve;
        });
        await Promise.race([more, ended.then(() => Promise.reject(new Error(`the stream ended without ${event}`)))]);
      }
    },
  };
}
