import { afterEach, describe, expect, test } from '@jest/globals';
import { startPlatform } from '../../src/platform/start.ts';
import { ask, openLive, type StatusTest, startStatusTest } from '../support/status-page.ts';

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
afterEach(async () => {
  await status?.close();
  status = undefined;
});

async function started(options: Parameters<typeof startStatusTest>[0] = {}): Promise<StatusTest> {
  status = await startStatusTest(options);
  await status.pushed('one');
  return status;
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

  test('however the address is written', async () => {
    const { get } = await started({ statusPage: open });
    for (const path of READS) {
      const first = path.charCodeAt(1).toString(16);
      for (const written of [`/%${first}${path.slice(2)}`, `http://status.example${path}`, `HTTPS://x${path}?y`]) {
        expect([written, (await get(written)).status]).toEqual([written, 401]);
      }
    }
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
