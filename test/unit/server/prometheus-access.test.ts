import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Exposable } from '../../../src/server/exposed-families.ts';
import {
  type PrometheusServer,
  type PrometheusServerOptions,
  startPrometheusServer,
} from '../../../src/server/prometheus-server.ts';

const NOTHING = { resource: { attributes: {} }, scopeMetrics: [] } as unknown as Exposable;
let server: PrometheusServer | undefined;

async function start(options: Partial<PrometheusServerOptions>): Promise<PrometheusServer> {
  server = await startPrometheusServer({ host: '127.0.0.1', port: 0, collect: async () => NOTHING, ...options });
  return server;
}

function ask(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${server?.port}${path}`, { headers: { connection: 'close', ...headers } });
}

function basic(credentials: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

afterEach(async () => {
  await server?.close();
  server = undefined;
});

describe('authentication (R4)', () => {
  const auth = {
    basic: { username: 'prom', password: `\${PASSWORD}` },
    bearer: { token: `\${TOKEN}` },
  };
  const env = { PASSWORD: 'pä:ss', TOKEN: 't0ken' };

  test.each([
    ['nothing', {}, 401],
    ['the right password', basic('prom:pä:ss'), 200],
    ['a wrong password', basic('prom:pass'), 401],
    ['the reference itself', basic(`prom:\${PASSWORD}`), 401],
    ['another user', basic('mallory:pä:ss'), 401],
    ['the right token', { authorization: 'Bearer t0ken' }, 200],
    ['a scheme in another case', { authorization: 'bEaReR t0ken' }, 200],
    ['a prefix of the token', { authorization: 'Bearer t0ke' }, 401],
    ['the token as basic', { authorization: 'Basic t0ken' }, 401],
    ['the password as bearer', { authorization: `Bearer ${Buffer.from('prom:pä:ss').toString('base64')}` }, 401],
    ['an empty token', { authorization: 'Bearer ' }, 401],
    ['no scheme', { authorization: 't0ken' }, 401],
  ])('%s', async (_what, headers, status) => {
    await start({ auth, env });
    const response = await ask('/metrics', headers as Record<string, string>);
    expect(response.status).toBe(status);
    if (status === 401) {
      expect(response.headers.get('www-authenticate')).toBe(
        'Basic realm="metrics", charset="UTF-8", Bearer realm="metrics"',
      );
    }
    expect(await response.text()).not.toMatch(/t0ken|pä/);
  });

  test('health endpoints stay open, and a scheme that is not configured opens nothing', async () => {
    await start({ auth: { bearer: { token: 't' } }, env: {} });
    expect((await ask('/-/healthy')).status).toBe(200);
    expect((await ask('/-/ready')).status).toBe(200);
    expect((await ask('/metrics', { authorization: 'Basic dA==' })).status).toBe(401);
    expect((await ask('/metrics', { authorization: 'Bearer t' })).status).toBe(200);
  });

  test.each(['tok en', 'töken', ' t0ken', 't0ken ', 't0ken\n', '\t', '\u{7f}'])(
    'a token that no client can present is an error at the start: %j',
    async (token) => {
      const starting = start({ auth, env: { PASSWORD: 'pä ss\n', TOKEN: token } });
      await expect(starting).rejects.toMatchObject({
        code: 'DATAFLOW_ERR_CONFIG_INVALID',
        message: expect.stringMatching(/^metrics\.prometheus\.auth\.bearer\.token is /),
        problems: [{ path: 'metrics.prometheus.auth.bearer.token' }],
      });
      await expect(starting).rejects.not.toMatchObject({ message: expect.stringContaining(token.trim() || token) });
    },
  );

  test('a token of all visible characters opens', async () => {
    const token = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).join('');
    await start({ auth: { bearer: { token: `\${TOKEN}` } }, env: { TOKEN: token } });
    expect((await ask('/metrics', { authorization: `Bearer ${token}` })).status).toBe(200);
  });

  test.each([[{}], [{ PASSWORD: 'x', TOKEN: '' }]])(
    'a secret without a value does not open the door: %p',
    async (bad) => {
      await expect(start({ auth, env: bad })).rejects.toMatchObject({
        code: 'DATAFLOW_ERR_CONFIG_INVALID',
        message: expect.stringContaining('metrics.prometheus.auth.'),
      });
    },
  );
});

describe('TLS', () => {
  let folder = '';

  async function pair(): Promise<{ cert: string; key: string }> {
    folder = await mkdtemp(join(tmpdir(), 'dataflow-tls-'));
    const [cert, key] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    execFileSync('openssl', ['req', '-x509', ...options, ...subject, '-keyout', key, '-out', cert], {
      stdio: 'ignore',
    });
    return { cert, key };
  }

  afterEach(() => rm(folder, { recursive: true, force: true }));

  test('metrics over HTTPS, with a certificate that the client checks', async () => {
    const tls = await pair();
    const { url, port } = await start({ tls });
    expect(url).toBe(`https://127.0.0.1:${port}/metrics`);
    const ca = await readFile(tls.cert);
    const status = await new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', servername: 'localhost', port, path: '/metrics', ca, agent: false }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode));
      })
        .on('error', reject)
        .end();
    });
    expect(status).toBe(200);
  });

  test('closing waits neither for a client that never begins the handshake, nor for one that never asks (R3)', async () => {
    const tls = await pair();
    const { port, close } = await start({ tls });
    const ca = await readFile(tls.cert);
    const silent = connectPlain(port, '127.0.0.1');
    const idle = connect({ host: '127.0.0.1', port, servername: 'localhost', ca });
    const gone = [silent, idle].map(async (socket) => {
      socket.on('error', () => {}).resume();
      await once(socket, 'close');
    });
    await Promise.all([once(silent, 'connect'), once(idle, 'secureConnect')]);
    await Promise.all([close(), close()]);
    await Promise.all(gone);
  });

  test.each([
    ['in the form of PKCS #8', ['pkcs8', '-topk8', '-v2', 'aes-256-cbc']],
    ['in the older form', ['ec', '-aes256']],
  ])('a key that is encrypted is an error that says how to decrypt it: %s', async (_form, command) => {
    const { cert, key } = await pair();
    const encrypted = join(folder, 'encrypted.key');
    const files = ['-in', key, '-out', encrypted, '-passout', 'pass:hunter2'];
    execFileSync('openssl', [...command, ...files], { stdio: 'ignore' });
    const message = `${encrypted} is encrypted\\. .*openssl pkey -in ${encrypted} .*metrics\\.prometheus\\.tls\\.key`;
    await expect(start({ tls: { cert, key: encrypted } })).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_SERVER_TLS_INVALID',
      message: expect.stringMatching(new RegExp(message)),
    });
  });

  test('a missing file, no PEM, and a key of another certificate are errors that name them', async () => {
    const tls = await pair();
    const first = folder;
    const other = await pair();
    const text = join(folder, 'text');
    await writeFile(text, 'no pem');
    for (const [files, name] of [
      [{ ...tls, cert: '/nowhere/tls.crt' }, '/nowhere/tls.crt'],
      [{ ...tls, key: text }, text],
      [{ cert: tls.cert, key: other.key }, other.key],
    ] as const) {
      await expect(start({ tls: files })).rejects.toMatchObject({
        code: 'DATAFLOW_ERR_SERVER_TLS_INVALID',
        message: expect.stringContaining(name),
      });
    }
    await rm(first, { recursive: true });
  });
});

describe('the scraper says how long it waits', () => {
  test('503 with the reason before it hangs up', async () => {
    await start({ collect: () => new Promise(() => {}) });
    const response = await ask('/metrics', { 'x-prometheus-scrape-timeout-seconds': '0.1' });
    expect([response.status, await response.text()]).toEqual([503, expect.stringContaining('0.1 s')]);
  });

  test.each(['', 'soon', '-1', '1e9'])('%p is no time', async (seconds) => {
    await start({});
    expect((await ask('/metrics', { 'x-prometheus-scrape-timeout-seconds': seconds })).status).toBe(200);
  });
});
