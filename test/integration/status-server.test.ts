import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from '@jest/globals';
import { PipelineActivity } from '../../src/server/status/pipeline-activity.ts';
import type { StatusPorts } from '../../src/server/status/ports.ts';
import { type StatusServer, startStatusServer } from '../../src/server/status/status-server.ts';
import { createManualClock } from '../../src/testing/manual-clock.ts';
import { folderWith } from '../support/folder.ts';
import { ask, openLive, type StatusTest, startStatusTest } from '../support/status-page.ts';

let status: StatusTest | undefined;
let server: StatusServer | undefined;
afterEach(async () => {
  await server?.close();
  await status?.close();
  server = undefined;
  status = undefined;
});

async function started(options: Parameters<typeof startStatusTest>[0] = {}): Promise<StatusTest> {
  status = await startStatusTest(options);
  await status.pushed('one');
  return status;
}

/** A server over ports that have nothing to show. */
async function bare(options: Partial<Parameters<typeof startStatusServer>[0]> = {}, more: Partial<StatusPorts> = {}) {
  const ports: StatusPorts = {
    clock: createManualClock(),
    version: '0',
    startedAt: 0,
    pipelines: () => [],
    pipeline: () => undefined,
    absence: async () => undefined,
    isDetached: () => false,
    actions: {
      create: async () => ({ id: 'x', created: true }),
      updateConfig: async () => {},
      act: async () => {},
      remove: async () => {},
    },
    journal: { highestSequence: async () => 0, read: async function* () {} },
    metrics: undefined,
    settings: () => [],
    modules: () => [],
    instrumentation: () => [],
    nodes: () => [],
    redact: (value) => value,
    audit: () => {},
    warn: () => {},
    ...more,
  };
  server = await startStatusServer({
    host: '127.0.0.1',
    port: 0,
    retryOnRandomPort: false,
    publicRead: false,
    env: {},
    activity: new PipelineActivity(),
    ports,
    ...options,
  });
  return server;
}

describe('limits', () => {
  test('of the body', async () => {
    const { send } = await started();
    const { status: code, body } = await send('POST', '/api/v1/pipelines', { id: 'x'.repeat(300_000) });
    expect([code, body.code]).toEqual([413, 'DATAFLOW_ERR_API_TOO_LARGE']);
  });

  test('of the headers, and of what is no HTTP', async () => {
    const { platform } = await started();
    const { port } = new URL(platform.statusUrl!);
    for (const [sent, code] of [
      [`GET / HTTP/1.1\r\nhost: localhost:${port}\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`, 431],
      ['nonsense\r\n\r\n', 400],
    ] as const) {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      socket.write(sent);
      const received = await text(socket);
      expect(received.split('\r\n', 1)[0]).toContain(`HTTP/1.1 ${code}`);
      const body = JSON.parse(received.slice(received.indexOf('\r\n\r\n') + 4));
      expect(body).toEqual({
        error: expect.any(String),
        code: expect.stringMatching(/^DATAFLOW_ERR_API_/),
        message: expect.any(String),
        details: null,
        timestamp: expect.any(String),
      });
      socket.destroy();
    }
  });

  test('of the requests of one address, reads and writes apart', async () => {
    const { url } = await bare({ limits: { reads: 3, writes: 2 } });
    const codes = [];
    for (let n = 0; n < 5; n++) codes.push((await ask(url, '/health')).status);
    expect(codes).toEqual([200, 200, 200, 429, 429]);
    const write = () => ask(url, '/api/v1/pipelines/one/start', { method: 'POST', body: {} });
    expect([(await write()).status, (await write()).status]).toEqual([404, 404]);
    const refused = await write();
    expect(refused).toMatchObject({ status: 429, body: { code: 'DATAFLOW_ERR_API_RATE_LIMITED' } });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await ask(url, '/nothing')).status).toBe(429);
  });

  test('of a client that does not read what is sent to it', async () => {
    const clock = createManualClock();
    let tick = 0;
    const view = {
      id: 'one',
      unavailable: undefined,
      get state() {
        // Another object each time, so that each tick has all of them.
        return { status: 'empty' as const };
      },
    };
    const views = Array.from({ length: 3000 }, (_, n) => ({ ...view, id: `pipeline-${n}` }));
    const { url } = await bare(
      {},
      {
        clock,
        *pipelines() {
          tick += 1;
          for (const one of views) yield { ...one, state: { status: 'empty' as const } };
        },
      },
    );
    const stream = await openLive(url);
    await stream.next('hello');
    stream.response.pause();
    const healthy = await openLive(url);
    let isOver = false;
    void stream.ended.then(() => {
      isOver = true;
    });
    while (!isOver) {
      await clock.advance(1000);
      await healthy.next('tick');
      // A paused response does not notice the end of its connection: what has arrived is let go of.
      if (tick > 20) stream.response.resume();
    }
    healthy.close();
    await healthy.ended;
  });
});

describe('a busy port', () => {
  test('is a start-up error that names port and remedy', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    try {
      await expect(bare({ port })).rejects.toMatchObject({
        code: 'DATAFLOW_ERR_SERVER_PORT_IN_USE',
        message: expect.stringMatching(new RegExp(`Port ${port} .*statusPage\\.port`)),
      });
    } finally {
      other.close();
    }
  });

  test('or a warning, and the page is at another', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const warnings: string[] = [];
    try {
      const found = await bare({ port, retryOnRandomPort: true }, { warn: (message) => warnings.push(message) });
      expect(found.port).not.toBe(port);
      expect((await ask(found.url, '/health')).status).toBe(200);
      expect(warnings).toEqual([`port ${port} of the status page is in use; it is at port ${found.port} instead`]);
    } finally {
      other.close();
    }
  });
});

test('closing waits neither for a client that never asks, nor for one in the middle of a request (R1)', async () => {
  const { port, close } = await bare();
  const gone: Promise<unknown>[] = [];
  for (const sent of ['', 'POST /api/v1/pipelines HTTP/1.1\r\ncontent-length: 10\r\n\r\n']) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {}).resume();
    gone.push(new Promise((resolve) => socket.once('close', resolve)));
    await once(socket, 'connect');
    socket.write(sent);
  }
  await close();
  await Promise.all(gone);
});

describe('a fault that nobody expected', () => {
  test('says nothing of itself to the client, and all to the operator', async () => {
    const warnings: unknown[] = [];
    const { url } = await bare(
      {},
      {
        modules: () => {
          throw new Error('secret detail of the inside');
        },
        warn: (message, error) => warnings.push([message, (error as Error).message]),
      },
    );
    const { status: code, body, text: sent } = await ask(url, '/status/modules');
    expect([code, body.code, body.details]).toEqual([500, 'DATAFLOW_ERR_API_FAILED', null]);
    expect(sent).not.toMatch(/secret detail|status-app|node_modules/);
    expect(warnings).toEqual([['the status page could not answer GET /status/modules', 'secret detail of the inside']]);
  });
});

describe('the page', () => {
  test('is served with its files, from memory alone', async () => {
    const pageFolder = await folderWith({ 'index.html': '<!doctype html><title>x</title>' });
    await mkdir(join(pageFolder, 'assets'));
    await writeFile(join(pageFolder, 'assets/main-1A2B3C4D.js'), 'export const text = "a";\n'.repeat(50));
    const { url } = await bare({ pageFolder });
    const page = await ask(url, '/');
    expect(page).toMatchObject({ status: 200, text: '<!doctype html><title>x</title>' });
    expect(page.headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' });
    const again = await ask(url, '/', { headers: { 'if-none-match': page.headers.etag! } });
    expect([again.status, again.text]).toEqual([304, '']);
    const script = await ask(url, '/assets/main-1A2B3C4D.js', { headers: { 'accept-encoding': 'gzip' } });
    expect(script.headers).toMatchObject({
      'content-encoding': 'gzip',
      'cache-control': 'public, max-age=31536000, immutable',
    });
    expect((await ask(url, '/typed', { headers: { accept: 'text/html' } })).text).toBe(page.text);
    expect((await ask(url, `${url}?x`)).text).toBe(page.text);
    expect((await ask(url, '/typed')).status).toBe(404);
    expect((await ask(url, '/api/nothing', { headers: { accept: 'text/html' } })).status).toBe(404);
    for (const path of [
      '/../package.json',
      '/assets/../../package.json',
      '/assets/%2e%2e/%2e%2e/package.json',
      '/assets/..%2f..%2fpackage.json',
      '/assets/....//package.json',
      '//etc/passwd',
    ]) {
      const { status: code, text: sent } = await ask(url, path);
      expect([path, code, sent.includes('"name"')]).toEqual([path, 404, false]);
    }
    expect((await ask(url, '/', { method: 'HEAD' })).status).toBe(200);
    expect((await ask(url, '/', { method: 'POST', body: {} })).status).toBe(404);
  });

  test('that was not built says so', async () => {
    const { url } = await bare({ pageFolder: '/nowhere' });
    expect((await ask(url, '/')).body).toMatchObject({
      code: 'DATAFLOW_ERR_API_NOT_FOUND',
      message: expect.stringContaining('npm run build'),
    });
  });
});
