import { once } from 'node:events';
import {
  constants,
  createServer as createHttp2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { createServer, connect as dial, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { deliveryOf } from '../../../src/telemetry/otlp/grpc-answer.ts';
import { GrpcSender } from '../../../src/telemetry/otlp/grpc-sender.ts';
import type { OtlpSender } from '../../../src/telemetry/otlp/otlp-sender.ts';
import { exportOf } from '../../support/export-of.ts';
import { grpcReceiver, type OtlpReceiver } from '../../support/otlp-receiver.ts';

const SHORT_MS = 100;
const LONG_MS = 170_000;
const METRICS = exportOf(1);
const closing: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** What lies between: `handle` gets each connection with its number, from 1. */
async function middlebox(
  handle: (socket: Socket, number: number) => void,
): Promise<{ port: number; ends: Promise<unknown>[] }> {
  const sockets = new Set<Socket>();
  const ends: Promise<unknown>[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    ends.push(once(socket, 'close'));
    socket.on('error', () => {});
    handle(socket, sockets.size);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, ends };
}

function senderTo(port: number, scheme = 'http'): OtlpSender {
  const url = `${scheme}://127.0.0.1:${port}`;
  const sender = new GrpcSender({ url, headers: {}, compression: 'none', userAgent: 'test', tls: {} });
  closing.push(() => sender.close());
  return sender;
}

async function receiver(): Promise<OtlpReceiver> {
  const backend = await grpcReceiver();
  closing.push(() => backend.close());
  return backend;
}

function pass(socket: Socket, { url }: Pick<OtlpReceiver, 'url'>, isOpen: () => boolean): void {
  const upstream = dial(Number(new URL(url).port), '127.0.0.1');
  closing.push(() => void upstream.destroy());
  upstream.on('error', () => {});
  socket.on('data', (chunk) => isOpen() && upstream.write(chunk));
  upstream.pipe(socket);
}

describe('a connection that went silent is given up, and the next export makes a new one (R3)', () => {
  test('before the backend said anything', async () => {
    const backend = await receiver();
    const { port, ends } = await middlebox((socket, number) => {
      if (number === 1) socket.resume();
      else pass(socket, backend, () => true);
    });
    const sender = senderTo(port);
    expect(await sender.send(METRICS, SHORT_MS)).toEqual({ status: 'failed', reason: 'no answer within 100 ms' });
    await ends[0];
    expect(await sender.send(METRICS, LONG_MS)).toEqual({ status: 'taken' });
  });

  test('after it was used', async () => {
    const backend = await receiver();
    let isOpen = true;
    const { port, ends } = await middlebox((socket, number) => pass(socket, backend, () => isOpen || number > 1));
    const sender = senderTo(port);
    expect(await sender.send(METRICS, LONG_MS)).toEqual({ status: 'taken' });
    expect(await sender.send(METRICS, LONG_MS)).toEqual({ status: 'taken' });
    expect(ends).toHaveLength(1);
    isOpen = false;
    expect(await sender.send(METRICS, SHORT_MS)).toMatchObject({ status: 'failed' });
    expect(await sender.send(METRICS, LONG_MS)).toEqual({ status: 'taken' });
    await ends[0];
  });

  test('after the backend closed it', async () => {
    const backend = await receiver();
    const sockets: Socket[] = [];
    const { port } = await middlebox((socket) => {
      sockets.push(socket);
      pass(socket, backend, () => true);
    });
    const sender = senderTo(port);
    expect(await sender.send(METRICS, LONG_MS)).toEqual({ status: 'taken' });
    const closed = once(sockets[0]!, 'close');
    sockets[0]?.destroy();
    await closed;
    const again = await sender.send(METRICS, LONG_MS);
    if (again.status === 'failed') expect(await sender.send(METRICS, LONG_MS)).toEqual({ status: 'taken' });
    expect(sockets).toHaveLength(2);
  });
});

describe('no socket is left (R2, R4)', () => {
  test.each(['http', 'https'])(
    'of a handshake over %s that took too long, or that the end interrupts',
    async (scheme) => {
      const { port, ends } = await middlebox((socket) => void socket.resume());
      const sender = senderTo(port, scheme);
      expect(await sender.send(METRICS, SHORT_MS)).toMatchObject({ status: 'failed' });
      await ends[0];
      const sending = sender.send(METRICS, LONG_MS);
      while (ends.length < 2) await new Promise((resolve) => setImmediate(resolve));
      sender.close();
      expect(await sending).toEqual({ status: 'failed', reason: 'the telemetry was shut down' });
      await ends[1];
      expect(await sender.send(METRICS, LONG_MS)).toMatchObject({ status: 'failed' });
      expect(ends).toHaveLength(2);
    },
  );

  test('of a backend that speaks something else', async () => {
    const { port, ends } = await middlebox((socket) => {
      socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    expect(await senderTo(port).send(METRICS, LONG_MS)).toMatchObject({ status: 'failed' });
    await ends[0];
  });
});

describe('a backend that closes its connections', () => {
  /** Answers as `answer` does, with the number of the connection, from 1. */
  async function backend(answer: (stream: ServerHttp2Stream, connection: number) => void) {
    const sessions: ServerHttp2Session[] = [];
    const server = createHttp2Server();
    server.on('session', (session) => {
      sessions.push(session);
      session.on('error', () => {});
    });
    server.on('stream', (stream) => {
      stream.on('error', () => {});
      stream.resume().once('end', () => answer(stream, sessions.indexOf(stream.session as ServerHttp2Session) + 1));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closing.push(() => {
      for (const session of sessions) session.destroy();
      server.close();
    });
    const address = server.address();
    return { port: typeof address === 'object' && address !== null ? address.port : 0, sessions };
  }

  const take = (stream: ServerHttp2Stream): void =>
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0' }, { endStream: true });
  const refuse = (stream: ServerHttp2Stream): void => stream.close(constants.NGHTTP2_REFUSED_STREAM);

  test('before it began with a call is called again on a new one (R5)', async () => {
    const { port, sessions } = await backend((stream, connection) => (connection < 3 ? refuse : take)(stream));
    expect(await senderTo(port).send(METRICS, LONG_MS)).toEqual({ status: 'taken' });
    expect(sessions).toHaveLength(3);
  });

  test('each time is called four times for one export', async () => {
    const { port, sessions } = await backend(refuse);
    expect(await senderTo(port).send(METRICS, LONG_MS)).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('gRPC 14 UNAVAILABLE'),
    });
    expect(sessions).toHaveLength(4);
  });

  test('and waits for the other end to do so as well, finds it closed', async () => {
    const { port } = await backend((stream) => {
      const { session } = stream;
      take(stream);
      session?.goaway(constants.NGHTTP2_NO_ERROR);
    });
    const between = await middlebox((socket) => pass(socket, { url: `http://127.0.0.1:${port}` }, () => true));
    const sender = senderTo(between.port);
    for (let count = 0; count < 5; count++) expect(await sender.send(METRICS, LONG_MS)).toEqual({ status: 'taken' });
    expect(between.ends.length).toBeGreaterThan(1);
    sender.close();
    await Promise.all(between.ends);
  });
});

test.each([
  'grpc: received message larger than max (8696042 vs. 4194304)',
  'Received message that decompresses to a size larger than 100000',
  'gRPC message exceeds maximum size 4194304: 8696042',
])('too large is what servers say so of: %s', (text) => {
  const answer = { details: undefined, httpStatus: 200, streamCode: 0, message: Buffer.alloc(0), error: undefined };
  expect(deliveryOf({ ...answer, status: 8, text }).status).toBe('large');
  expect(deliveryOf({ ...answer, status: 8, text: 'quota exceeded' }).status).toBe('refused');
});
