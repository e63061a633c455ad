import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from '@jest/globals';
import { startPlatform } from '../../src/platform/start.ts';
import { PipelineActivity } from '../../src/server/status/pipeline-activity.ts';
import type { StatusPorts } from '../../src/server/status/ports.ts';
import { type StatusServer, startStatusServer } from '../../src/server/status/status-server.ts';
import { createManualClock } from '../../src/testing/manual-clock.ts';
import { folderWith } from '../support/folder.ts';
import { ask, openLive, type StatusTest, startStatusTest } from '../support/status-page.ts';

const NULL = { type: 'null', connectionString: 'none' };
const TOKEN = 'correct-horse-battery-staple';
const READS = [
  '/api/v1/pipelines',
  '/api/v1/pipelines/one',
  '/api/v1/pipelines/one/metrics',
  '/api/v1/pipelines/one/history',
  '/api/v1/pipelines/one/events',
  '/api/v1/pipelines/one/health',
  '/api/v1/metrics',
  '/api/v1/history',
  '/api/v1/events',
  '/api/v1/cluster',
  '/api/v1/openapi.json',
  '/status/settings',
  '/status/modules',
  '/status/metrics',
  '/status/instrumentation',
  '/health',
];
const WRITES = [
  ['POST', '/api/v1/pipelines'],
  ['PUT', '/api/v1/pipelines/one'],
  ['DELETE', '/api/v1/pipelines/one'],
  ['POST', '/api/v1/pipelines/one/start'],
  ['POST', '/api/v1/pipelines/one/stop'],
  ['POST', '/api/v1/pipelines/one/pause'],
  ['POST', '/api/v1/pipelines/one/resume'],
  ['POST', '/api/v1/pipelines/one/reset'],
] as const;

let status: StatusTest | undefined;
let server: StatusServer | undefined;
afterEach(async () => {
  await server?.close();
  await status?.platform.shutdown();
  server = undefined;
  status = undefined;
});

async function started(options: Parameters<typeof startStatusTest>[0] = {}): Promise<StatusTest> {
  status = await startStatusTest(options);
  const pipeline = await status.platform.spawnPipeline({ id: 'one', sink: NULL });
  await pipeline.start();
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

describe('a foreign name for this machine', () => {
  test('gets no answer from any route, nor the page', async () => {
    const { get, send, platform } = await started();
    const { port } = new URL(platform.statusUrl!);
    for (const host of [`evil.example:${port}`, `127.0.0.1:${Number(port) + 1}`, 'localhost']) {
      for (const path of [...READS, '/', '/assets/x.js', '/nothing']) {
        const { status: code, body, headers } = await get(path, { headers: { host } });
        expect([path, code, body.code]).toEqual([path, 403, 'DATAFLOW_ERR_API_FORBIDDEN']);
        expect(headers['access-control-allow-origin']).toBeUndefined();
      }
      for (const [method, path] of WRITES) {
        expect([method, path, (await send(method, path, {}, { host })).status]).toEqual([method, path, 403]);
      }
    }
    expect(platform.listPipelines('running')).toHaveLength(1);
  });
});

describe('a write from another site', () => {
  test.each([
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ])('is refused: %j', async (headers) => {
    const { send, platform, audit } = await started();
    for (const [method, path] of WRITES) {
      const { status: code, body } = await send(method, path, {}, headers as unknown as Record<string, string>);
      expect([method, path, code, body.code]).toEqual([method, path, 403, 'DATAFLOW_ERR_API_FORBIDDEN']);
    }
    expect(platform.listPipelines('running')).toHaveLength(1);
    expect(new Set(audit.map(({ who, outcome }) => `${who} ${outcome}`))).toEqual(
      new Set(['nobody DATAFLOW_ERR_API_FORBIDDEN']),
    );
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', ''])(
    'cannot be a form: %s',
    async (type) => {
      const { send, platform } = await started();
      for (const [method, path] of WRITES.filter(([verb]) => verb !== 'DELETE')) {
        const { status: code, body } = await send(method, path, '{"reason":"x"}', { 'content-type': type });
        expect([path, code, body.code]).toEqual([path, 415, 'DATAFLOW_ERR_API_MEDIA_TYPE']);
      }
      const bare = await ask(platform.statusUrl!, '/api/v1/pipelines/one/pause', { method: 'POST' });
      expect([bare.status >= 400, bare.body.code]).toEqual([true, expect.stringMatching(/^DATAFLOW_ERR_API_/)]);
      expect(platform.listPipelines('running')).toHaveLength(1);
    },
  );

  test('finds nobody who allows it', async () => {
    const { get } = await started();
    const preflight = await get('/api/v1/pipelines/one/stop', {
      method: 'OPTIONS',
      headers: { origin: 'http://evil.example', 'access-control-request-method': 'POST' },
    });
    expect(preflight.status).toBe(405);
    for (const name of Object.keys(preflight.headers)) expect(name).not.toMatch(/^access-control/);
  });

  test('is one from the page itself when the page sends it', async () => {
    const { send, platform } = await started();
    const headers = { origin: new URL(platform.statusUrl!).origin, 'sec-fetch-site': 'same-origin' };
    expect((await send('POST', '/api/v1/pipelines/one/pause', {}, headers)).status).toBe(200);
  });
});

describe('beyond loopback', () => {
  const open = { host: '0.0.0.0', token: TOKEN };
  const right = { authorization: `Bearer ${TOKEN}` };

  test('without a token nothing starts, and the message says what to do', async () => {
    await expect(
      startPlatform({
        env: {},
        configFile: false,
        journal: { kind: 'memory' },
        metrics: { enabled: false },
        statusPage: { host: '0.0.0.0', port: 0 },
      }),
    ).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_CONFIG_INVALID',
      message: expect.stringMatching(/statusPage\.token/),
    });
  });

  test('every read and write wants it', async () => {
    const { get, send, platform, audit } = await started({ statusPage: open });
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: `Bearer ${TOKEN}x` }]) {
      for (const path of READS) {
        const answer = await get(path, { headers });
        expect([path, answer.status, answer.body.code]).toEqual([path, 401, 'DATAFLOW_ERR_API_UNAUTHORIZED']);
        expect(answer.headers['www-authenticate']).toBe('Bearer realm="status page"');
      }
      for (const [method, path] of WRITES) expect((await send(method, path, {}, headers)).status).toBe(401);
    }
    expect(audit.every(({ who }) => who === 'nobody')).toBe(true);
    for (const path of READS.filter((one) => one !== '/api/v1/events'))
      expect([path, (await get(path, { headers: right })).status]).toEqual([path, 200]);
    const stream = await openLive(platform.statusUrl!, right);
    await stream.next('hello');
    stream.close();
    expect((await send('POST', '/api/v1/pipelines/one/pause', {}, right)).status).toBe(200);
    expect(audit.at(-1)).toMatchObject({ who: 'token', action: 'pause', outcome: 'ok' });
    expect(JSON.stringify(audit)).not.toContain(TOKEN);
  });

  test('reads may be public; writes never are', async () => {
    const { get, send } = await started({ statusPage: { ...open, publicRead: true } });
    expect((await get('/api/v1/pipelines')).status).toBe(200);
    expect((await send('POST', '/api/v1/pipelines/one/pause')).status).toBe(401);
    expect((await send('POST', '/api/v1/pipelines/one/pause', {}, right)).status).toBe(200);
  });
});

test('every answer has the headers that keep browsers strict', async () => {
  const { get, send } = await started();
  const answers = [
    await get('/api/v1/pipelines'),
    await get('/'),
    await get('/nothing'),
    await get('/%zz'),
    await send('POST', '/api/v1/pipelines', '{'),
    await send('PATCH', '/api/v1/pipelines'),
  ];
  for (const { headers } of answers) {
    const policy = headers['content-security-policy'] as string;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
    });
    expect(headers['x-powered-by']).toBeUndefined();
  }
});

test('no answer holds a secret', async () => {
  const planted = [
    's3cr3t-in-url',
    's3cr3t-in-option',
    's3cr3t-in-config',
    's3cr3t-of-env',
    's3cr3t-in-error',
    's3cr3t-token',
  ];
  const [inUrl, inOption, inConfig, ofEnv, inError, ofToken] = planted;
  status = await startStatusTest({
    env: { DB_PASSWORD: ofEnv!, DATAFLOW_STATUS_PAGE_TOKEN: ofToken! },
    metrics: { otlp: { enabled: false, headers: { authorization: `Bearer ${inConfig}` } } },
    register: (registry) => {
      registry.registerSink('warehouse', {
        validate: () => [],
        create: () => ({
          write: () =>
            Promise.reject(Object.assign(new Error(`refused: password=${inError}`), { code: 'EIO', retryable: false })),
        }),
      });
    },
  });
  const { get, send, platform } = status;
  const headers = { authorization: `Bearer ${ofToken}` };
  const spec = {
    id: 'one',
    description: `see postgres://me:${inUrl}@db/x`,
    sink: {
      type: 'warehouse',
      connectionString: `postgres://me:${inUrl}@db/x`,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference as it is written in a file.
      options: { apiKey: inOption, password: '${DB_PASSWORD}' },
    },
  };
  const answers = [await send('POST', '/api/v1/pipelines', spec, headers)];
  expect(answers[0]!.status).toBe(201);
  answers.push(await send('POST', '/api/v1/pipelines/one/start', {}, headers));
  await platform
    .pipeline('one')
    .ingest({ batchId: '1', records: [1], sourceOffset: 0 })
    .catch(() => {});
  answers.push(await send('POST', '/api/v1/pipelines', { ...spec, description: `token=${inOption}` }, headers));
  answers.push(await send('POST', '/api/v1/pipelines', { ...spec, id: 'two', sink: { type: inUrl } }, headers));
  answers.push(await send('POST', `/api/v1/pipelines/password=${inUrl}/start`, {}, headers));
  for (const path of READS.filter((one) => one !== '/api/v1/events')) answers.push(await get(path, { headers }));
  answers.push(await get('/api/v1/pipelines/one/events?order=desc', { headers }));
  expect((await get('/api/v1/pipelines/one', { headers })).body).toMatchObject({
    state: 'failed',
    lastError: { message: 'refused: password=***' },
    spec: { sink: { connectionString: 'postgres://me:***@db/x', options: { apiKey: '***' } } },
  });
  const seen = answers.map(({ text: body }) => body).join('\n') + JSON.stringify(status.audit);
  expect(planted.filter((secret) => secret !== inUrl && seen.includes(secret!))).toEqual([]);
  // It is no secret where it stands for the type of a sink.
  expect(seen.replaceAll(`type ${inUrl}`, '')).not.toMatch(new RegExp(`:${inUrl}@|password=${inUrl}`));
  const { settings } = (await get('/status/settings', { headers })).body;
  const setting = (path: string) => settings.find((one: { path: string }) => one.path === path).value;
  expect([setting('statusPage.token'), setting('metrics.otlp.headers')]).toEqual(['***', { authorization: '***' }]);
});

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
