import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { type Platform, startPlatform } from '../../src/index.ts';
import { runCommand, startCommand } from '../support/command-line.ts';
import { folderWith } from '../support/folder.ts';
import { closedPort, serve } from '../support/odd-server.ts';

const TOKEN = 't0ken-of-tests';
const started: Platform[] = [];

afterEach(async () => {
  for (const platform of started.splice(0)) await platform.shutdown();
});

async function serving(prometheus: object = {}): Promise<URL> {
  const platform = await startPlatform({
    env: {},
    configFile: false,
    journal: { kind: 'memory' },
    statusPage: { enabled: false },
    metrics: { prometheus: { host: '127.0.0.1', port: 0, ...prometheus } },
  });
  started.push(platform);
  return new URL(platform.metricsUrl!);
}

const named = (out: string): string[] =>
  out.split('\n').flatMap((line) => /^(?:ok|warning|failed) +(\S+)/.exec(line)?.[1] ?? []);

describe('exit codes', () => {
  test('0 when nothing has failed; each check is a line', async () => {
    const url = await serving();
    const { code, out, err } = await runCommand(['doctor', '--url', url.href], { cwd: await folderWith() });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(named(out)).toEqual(
      ['reachable', 'health', 'content-type', 'parses', 'fresh', 'names', 'labels'].concat([
        'buckets',
        'values',
        'series',
        'build',
        'clock',
        'process',
      ]),
    );
    expect(out).toMatch(/\n\n1[23] ok, [01] warnings?, 0 failed, 0 skipped\n$/);
  });

  test('1 when a check has failed, with the remedy in the line below', async () => {
    const url = `http://127.0.0.1:${await closedPort()}/metrics`;
    const { code, out, err } = await runCommand(['doctor', '--url', url], { cwd: await folderWith() });
    expect({ code, err }).toEqual({ code: 1, err: '' });
    expect(out).toMatch(/^failed +reachable +nothing listens at .*\n +→ start the platform/);
    expect(out).toMatch(/\n0 ok, 0 warnings, 1 failed, 12 skipped\n$/);
  });

  test.each([
    [['--url', 'nonsense'], /DATAFLOW_ERR_CLI_USAGE: --url is no address/],
    [['--url', 'http://x', '--prometheus', 'ftp://x'], /--prometheus is no address/],
    [['--url', 'http://x', '--token', `\${NOT_SET_ANYWHERE}`], /not set/],
    [['--timeout', '0'], /at most 3600/],
    [['--timeout', 'soon'], /at most 3600/],
    [['extra'], /too many arguments/],
    [[], /metrics\.prometheus\.port is 0.*--url/],
  ])('2 for %j', async (args, message) => {
    const { code, out, err } = await runCommand(['doctor', ...args], { cwd: await folderWith() });
    expect(err).toMatch(message);
    expect({ code, out }).toEqual({ code: 2, out: '' });
  });
});

test('the endpoint and its credentials are those of the configuration', async () => {
  const url = await serving({ auth: { basic: { username: 'prom', password: TOKEN } } });
  const yaml = `metrics: { prometheus: { auth: { basic: { username: prom, password: "\${METRICS_PASSWORD}" } } } }\n`;
  const cwd = await folderWith({ 'dataflow.yaml': yaml });
  const env = { KAMON_PROMETHEUS_PORT: url.port, METRICS_PASSWORD: TOKEN };
  const right = await runCommand(['doctor'], { cwd, env });
  expect(right).toMatchObject({ code: 0, err: '' });
  expect(right.out).toContain(`http://localhost:${url.port}/metrics answered`);
  const wrong = await runCommand(['doctor'], { cwd, env: { ...env, METRICS_PASSWORD: 'another-password' } });
  expect(wrong).toMatchObject({ code: 1, err: '' });
  expect(wrong.out).toMatch(/answered 401/);
  expect(right.out + wrong.out).not.toMatch(new RegExp(`${TOKEN}|another-password`));
});

test('metrics that are turned off are told', async () => {
  const { code, out } = await runCommand(['doctor'], { cwd: await folderWith(), env: { KAMON_ENABLED: 'false' } });
  expect(code).toBe(1);
  expect(out).toMatch(/^failed +reachable +metrics\.enabled is false/);
});

test('--json is one object a line, without the secrets', async () => {
  const url = await serve((request, response) =>
    response.writeHead(503).end(`broken: ${request.headers.authorization}`),
  );
  const withUser = url.replace('http://', `http://prom:${TOKEN}@`);
  const args = [
    'doctor',
    '--json',
    '--url',
    withUser,
    '--prometheus',
    url,
    '--prometheus-token',
    `\${PROMETHEUS_TOKEN}`,
  ];
  const { code, out, err } = await runCommand(args, {
    cwd: await folderWith(),
    env: { PROMETHEUS_TOKEN: 'another-token' },
  });
  expect({ code, err }).toEqual({ code: 1, err: '' });
  const checks = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(checks[0]).toEqual({
    check: 'reachable',
    status: 'failed',
    seen: expect.stringMatching(/answered 503: broken: .*\*\*\*/),
    remedy: expect.any(String),
  });
  expect(checks.find(({ check }) => check === 'prometheus')).toMatchObject({ status: 'failed' });
  expect(out).not.toMatch(new RegExp(`${TOKEN}|another-token|${Buffer.from(`prom:${TOKEN}`).toString('base64')}`));
});

test('a server that never answers is left by the timeout, and by Ctrl-C', async () => {
  let hasAsked: () => void = () => {};
  const asked = new Promise<void>((resolve) => {
    hasAsked = resolve;
  });
  const url = await serve(() => hasAsked());
  const { code, out } = await runCommand(['doctor', '--url', url, '--timeout', '0.2'], { cwd: await folderWith() });
  expect(code).toBe(1);
  expect(out).toMatch(/nothing within 0\.2 s/);
  await asked;

  let waits: () => void = () => {};
  const waiting = new Promise<void>((resolve) => {
    waits = resolve;
  });
  const stuck = await serve(() => waits());
  const doctor = startCommand(['doctor', '--url', stuck, '--timeout', '3600'], { cwd: await folderWith() });
  try {
    await waiting;
  } finally {
    doctor.child.kill('SIGINT');
  }
  expect(await doctor.finished).toMatchObject({ signal: 'SIGINT', out: '' });
});

test('HTTPS, with an authority of its own in NODE_EXTRA_CA_CERTS', async () => {
  const cwd = await folderWith();
  const [cert, key] = [join(cwd, 'tls.crt'), join(cwd, 'tls.key')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  execFileSync('openssl', ['req', '-x509', ...options, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const { port } = await serving({ tls: { cert, key } });
  const ask = (host: string, env = {}) => runCommand(['doctor', '--url', `${host}:${port}`], { cwd, env });

  const unknown = await ask('https://localhost');
  expect(unknown.code).toBe(1);
  expect(unknown.out).toMatch(/TLS connection .* failed \(DEPTH_ZERO_SELF_SIGNED_CERT.*\n +→ .*NODE_EXTRA_CA_CERTS/);
  const trusted = { NODE_EXTRA_CA_CERTS: cert };
  expect(await ask('https://localhost', trusted)).toMatchObject({ code: 0, err: '' });
  const other = await ask('https://127.0.0.1', trusted);
  expect(other.out).toMatch(/ERR_TLS_CERT_ALTNAME_INVALID.*\n +→ use the host name that the certificate names/);
  const plain = await ask('http://localhost', trusted);
  expect(plain.out).toMatch(/closed the connection.*\n +→ where it serves HTTPS, write https:/);
});
