import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../../src/runtime/clock.ts';
import { checkSender, openSender } from '../../../src/telemetry/otlp/open-sender.ts';
import { DEFAULT_OTLP_CONFIG, type OtlpConfig, type OtlpProtocol } from '../../../src/telemetry/otlp/otlp-config.ts';
import { hiderOf } from '../../../src/telemetry/otlp/otlp-headers.ts';
import { createTelemetry } from '../../../src/telemetry/start-telemetry.ts';
import { DEFAULT_TELEMETRY_CONFIG, mergeTelemetryConfig } from '../../../src/telemetry/telemetry-config.ts';
import { exportOf } from '../../support/export-of.ts';
import { grpcReceiver, httpReceiver } from '../../support/otlp-receiver.ts';

const LONG_MS = 170_000;
const SECRET = 's3cretvalue';
const closing: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function configOf(protocol: OtlpProtocol, headers: Record<string, string>, endpoint = 'http://h'): OtlpConfig {
  return { ...DEFAULT_OTLP_CONFIG, protocol, headers, endpoint };
}

function problemOf(work: () => unknown): { code: string; message: string } | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error as { code: string; message: string };
  }
}

describe('a header that the protocol cannot carry is an error of the start that hides the value', () => {
  const both: readonly OtlpProtocol[] = ['http/protobuf', 'grpc'];
  test.each([
    ['Connection', SECRET, both],
    ['transfer-encoding', SECRET, both],
    ['content-length', SECRET, both],
    ['host', SECRET, both],
    ['upgrade', SECRET, both],
    ['te', SECRET, both],
    ['trailer', SECRET, both],
    ['keep-alive', SECRET, both],
    ['content-type', SECRET, both],
    ['content-encoding', SECRET, both],
    ['expect', SECRET, both],
    ['x-data-bin', SECRET, ['grpc']],
    ['grpc-timeout', SECRET, ['grpc']],
    ['x!token', SECRET, ['grpc']],
    ['x-token', `${SECRET}\t`, ['grpc']],
    ['x-token', `${SECRET}é`, both],
    ['x-token', `${SECRET}\n`, both],
    ['Authorization', `Bearer ${SECRET}`, []],
    ['x_y.z', '', []],
  ] as const)('%s: %j', (name, value, refusing) => {
    for (const protocol of both) {
      for (const [text, env] of [
        [value, {}],
        [`\${TOKEN}`, { TOKEN: value }],
      ] as const) {
        const error = problemOf(() => checkSender(configOf(protocol, { [name]: text }), env));
        expect(error?.code).toBe(
          (refusing as readonly string[]).includes(protocol) ? 'DATAFLOW_ERR_CONFIG_INVALID' : undefined,
        );
        if (error === undefined) continue;
        expect(error.message).toContain(`metrics.otlp.headers.${name}`);
        expect(JSON.stringify(error) + error.message).not.toContain(SECRET);
      }
    }
  });

  test('of the telemetry', () => {
    const config = mergeTelemetryConfig(DEFAULT_TELEMETRY_CONFIG, {
      otlp: { endpoint: 'http://h', headers: { te: 'x' } },
    });
    expect(problemOf(() => createTelemetry({ config, env: {} }))?.code).toBe('DATAFLOW_ERR_CONFIG_INVALID');
    expect(problemOf(() => createTelemetry({ config: { ...config, enabled: false } }))).toBeUndefined();
  });

  test('a variable that is not set yet is one of the first export', async () => {
    const config = configOf('grpc', { 'x-token': `\${TOKEN}` });
    checkSender(config, {});
    await expect(openSender(config, {}, systemClock)).rejects.toMatchObject({ code: 'DATAFLOW_ERR_CONFIG_INVALID' });
  });
});

test.each([
  ['http/protobuf', httpReceiver, 401, 'Unauthorized'],
  ['grpc', grpcReceiver, 16, 'as the test wants'],
] as const)(
  'what a backend says over %s is shown without the values of headers',
  async (protocol, open, status, echoed) => {
    const receiver = await open();
    closing.push(() => receiver.close());
    for (const value of [echoed, `Token ${echoed.replaceAll(' ', '')}`]) {
      const config = configOf(protocol, { 'x-api-key': `\${KEY}`, other: 'too old' }, `${receiver.url}`);
      const sender = await openSender(config, { KEY: value }, systemClock);
      closing.push(() => sender.close());
      receiver.behaviour = status;
      const refused = await sender.send(exportOf(1), LONG_MS);
      expect(refused).toMatchObject({ status: 'refused' });
      if (value === echoed) expect(refused).toMatchObject({ reason: expect.stringMatching(/ \*\*\*$/) });
      receiver.behaviour = 'partial';
      expect(await sender.send(exportOf(1), LONG_MS)).toEqual({
        status: 'taken',
        partial: '2 data points were rejected: ***',
      });
    }
  },
);

test('what a backend says is one line, and not a long one', async () => {
  const receiver = await grpcReceiver();
  closing.push(() => receiver.close());
  receiver.behaviour = 16;
  receiver.says = `no\r\n\u001b[2Jway ${'x'.repeat(5000)}`;
  const sender = await openSender(configOf('grpc', {}, receiver.url), {}, systemClock);
  closing.push(() => sender.close());
  const delivery = await sender.send(exportOf(1), LONG_MS);
  const reason = delivery.status === 'refused' ? delivery.reason : '';
  expect([reason.slice(0, 40), reason.length]).toEqual(['gRPC 16 UNAUTHENTICATED: no [2Jway xxxxx', 1000]);
});

test('values are hidden whole, and the token behind a scheme', () => {
  const hide = hiderOf({ authorization: 'Bearer abcdefgh', part: 'abcdefghij', short: 'abc', empty: '' });
  expect(hide('Bearer abcdefgh, abcdefgh, abcdefghij, abc')).toBe('***, ***, ***, abc');
});

describe('TLS files that cannot be used are an error of the start that names variable and file', () => {
  let folder = '';
  const at = (name: string): string => join(folder, name);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'dataflow-otlp-tls-'));
    const options = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=a',
    ];
    for (const name of ['one', 'other']) {
      const files = ['-keyout', at(`${name}.key`), '-out', at(`${name}.crt`)];
      execFileSync('openssl', ['req', '-x509', ...options, ...files], { stdio: 'ignore' });
    }
    writeFileSync(at('empty'), '');
    writeFileSync(at('garbage'), 'no certificate');
    writeFileSync(at('broken'), readFileSync(at('one.crt'), 'utf8').replace(/M/g, '!'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each([
    [{ CERTIFICATE: 'one.crt' }, undefined],
    [{ CERTIFICATE: 'one.crt', CLIENT_CERTIFICATE: 'one.crt', CLIENT_KEY: 'one.key' }, undefined],
    [{ CERTIFICATE: 'nowhere' }, 'CERTIFICATE'],
    [{ CERTIFICATE: '.' }, 'CERTIFICATE'],
    [{ CERTIFICATE: 'empty' }, 'CERTIFICATE'],
    [{ CERTIFICATE: 'garbage' }, 'CERTIFICATE'],
    [{ CERTIFICATE: 'broken' }, 'CERTIFICATE'],
    [{ CERTIFICATE: 'one.key' }, 'CERTIFICATE'],
    [{ CLIENT_CERTIFICATE: 'one.crt' }, 'CLIENT_CERTIFICATE'],
    [{ CLIENT_KEY: 'one.key' }, 'CLIENT_KEY'],
    [{ CLIENT_CERTIFICATE: 'one.crt', CLIENT_KEY: 'other.key' }, 'CLIENT_CERTIFICATE'],
    [{ CLIENT_CERTIFICATE: 'garbage', CLIENT_KEY: 'one.key' }, 'CLIENT_CERTIFICATE'],
    [{ CLIENT_CERTIFICATE: 'one.crt', CLIENT_KEY: 'empty' }, 'CLIENT_KEY'],
    [{ CLIENT_CERTIFICATE: 'one.crt', CLIENT_KEY: 'one.crt' }, 'CLIENT_KEY'],
  ])('%j', (files, named) => {
    for (const prefix of ['OTEL_EXPORTER_OTLP_', 'OTEL_EXPORTER_OTLP_METRICS_']) {
      const env = Object.fromEntries(Object.entries(files).map(([name, file]) => [prefix + name, at(file)]));
      const error = problemOf(() => checkSender(configOf('grpc', {}, 'https://h'), env));
      expect(error?.code).toBe(named === undefined ? undefined : 'DATAFLOW_ERR_CONFIG_INVALID');
      if (named !== undefined) expect(error?.message).toContain(`${prefix}${named}: expected`);
      // Without TLS nobody reads them.
      expect(problemOf(() => checkSender(configOf('grpc', {}), env))).toBeUndefined();
    }
  });
});
