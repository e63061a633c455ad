import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { ConfigOptions } from '../../../src/config/config.ts';
import { describeConfig, loadConfig } from '../../../src/config/load-config.ts';
import { SETTINGS } from '../../../src/config/settings.ts';
import type { DataflowError } from '../../../src/errors.ts';
import { DEFAULT_TELEMETRY_CONFIG } from '../../../src/telemetry/telemetry-config.ts';

let cwd: string;

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'dataflow-config-'));
});

afterEach(() => rm(cwd, { recursive: true }));

const load = (input: Parameters<typeof loadConfig>[0] = {}) => loadConfig({ cwd, env: {}, ...input });

async function failure(input: Parameters<typeof loadConfig>[0]): Promise<DataflowError> {
  return load(input).then(
    () => {
      throw new Error('it loaded');
    },
    (error: DataflowError) => error,
  );
}

async function write(name: string, text: string): Promise<string> {
  await mkdir(join(cwd, 'config'), { recursive: true });
  await writeFile(join(cwd, name), text);
  return join(cwd, name);
}

describe('defaults', () => {
  test('are complete and frozen', async () => {
    const config = await load();
    expect(config).toEqual({
      file: null,
      journal: {
        kind: 'embedded',
        path: './data',
        durability: 'full',
        schema: 'dataflow',
        maxReadConnections: 4,
        statementTimeoutMs: 30_000,
      },
      metrics: DEFAULT_TELEMETRY_CONFIG,
      runtime: {
        mailboxLimit: 1_000,
        snapshotEvery: 100,
        keepSnapshots: 2,
        deleteEventsOnSnapshot: false,
        prefetchBatches: 2,
        shutdownTimeoutMs: 30_000,
        recoveryConcurrency: 16,
      },
      statusPage: { enabled: true, host: '127.0.0.1', port: 5266, retryOnRandomPort: true, publicRead: false },
      cluster: { enabled: false, leaseTimeMs: 10_000 },
    });
    const isFrozen = (value: unknown): boolean =>
      typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(isFrozen));
    expect(isFrozen(config)).toBe(true);
  });
});

describe('precedence', () => {
  test('options over environment over file over defaults', async () => {
    await write(
      'dataflow.yaml',
      'metrics: { service: file, prometheus: { host: 1.1.1.1, port: 1 } }\njournal: { path: f }',
    );
    const env = { KAMON_SERVICE_NAME: 'env', KAMON_PROMETHEUS_PORT: '2' };
    const config = await load({ env, options: { metrics: { service: 'options' } } });
    expect(config.metrics.service).toBe('options');
    expect(config.metrics.prometheus).toEqual({ enabled: true, host: '1.1.1.1', port: 2, created: false });
    expect(config.journal.path).toBe('f');
  });

  test('KAMON_* over OTEL_*', async () => {
    const env = {
      KAMON_SERVICE_NAME: 'kamon',
      OTEL_SERVICE_NAME: 'otel',
      OTEL_EXPORTER_PROMETHEUS_PORT: '9',
      OTEL_EXPORTER_PROMETHEUS_HOST: '::1',
    };
    const { metrics } = await load({ env });
    expect(metrics.service).toBe('kamon');
    expect(metrics.prometheus).toEqual({ enabled: true, host: '::1', port: 9, created: false });
  });

  test('resource attributes of all levels are laid over one another', async () => {
    await write('dataflow.yaml', 'metrics: { resource: { a: file, b: file, c: file } }');
    const config = await load({
      env: { OTEL_RESOURCE_ATTRIBUTES: 'b=env,c=env' },
      options: { metrics: { resource: { c: 'o' } } },
    });
    expect(config.metrics.resource).toEqual({ a: 'file', b: 'env', c: 'o' });
  });

  test('an undefined option and an empty variable count as not given', async () => {
    const options = { journal: undefined, metrics: { service: undefined } } as unknown as ConfigOptions;
    const config = await load({ options, env: { KAMON_SERVICE_NAME: '', DATAFLOW_JOURNAL_PATH: '' } });
    expect(config.metrics.service).toBe('dataflow-platform');
    expect(config.journal.path).toBe('./data');
  });
});

describe('environment', () => {
  const examples: Record<string, [text: string, value: unknown]> = {
    DATAFLOW_JOURNAL_KIND: ['memory', 'memory'],
    DATAFLOW_JOURNAL_PATH: ['/srv/j', '/srv/j'],
    DATAFLOW_JOURNAL_URL: ['postgres://h/d', 'postgres://h/d'],
    KAMON_ENABLED: ['No', false],
    OTEL_SDK_DISABLED: ['true', false],
    KAMON_SERVICE_NAME: ['s', 's'],
    OTEL_SERVICE_NAME: ['s', 's'],
    OTEL_EXPORTER_PROMETHEUS_HOST: ['::1', '::1'],
    KAMON_PROMETHEUS_PORT: ['0', 0],
    OTEL_EXPORTER_PROMETHEUS_PORT: ['1234', 1234],
    OTEL_RESOURCE_ATTRIBUTES: ['a=b', { a: 'b' }],
    KAMON_STATUS_PAGE_ENABLED: ['no', false],
    DATAFLOW_STATUS_PAGE_HOST: ['::1', '::1'],
    DATAFLOW_STATUS_PAGE_PORT: ['0', 0],
    DATAFLOW_STATUS_PAGE_TOKEN: ['t', 't'],
    DATAFLOW_CLUSTER_ENABLED: ['yes', true],
    DATAFLOW_CLUSTER_NODE: ['n', 'n'],
    DATAFLOW_CLUSTER_LEASE_TIME: ['5s', 5000],
    OTEL_METRICS_EXPORTER: ['prometheus,otlp', true],
    OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: ['grpc', 'grpc'],
    OTEL_EXPORTER_OTLP_PROTOCOL: ['grpc', 'grpc'],
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: ['http://h:1', 'http://h:1/'],
    OTEL_EXPORTER_OTLP_ENDPOINT: ['https://h/otlp/', 'https://h/otlp/v1/metrics'],
    OTEL_EXPORTER_OTLP_METRICS_HEADERS: ['a=b%20c', { a: 'b c' }],
    OTEL_EXPORTER_OTLP_HEADERS: ['a=b', { a: 'b' }],
    OTEL_METRIC_EXPORT_INTERVAL: ['500', 500],
    OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: ['700', 700],
    OTEL_EXPORTER_OTLP_TIMEOUT: ['700', 700],
    OTEL_METRIC_EXPORT_TIMEOUT: ['30000', 30_000],
    OTEL_EXPORTER_OTLP_METRICS_COMPRESSION: ['gzip', 'gzip'],
    OTEL_EXPORTER_OTLP_COMPRESSION: ['GZIP', 'gzip'],
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: ['Delta', 'delta'],
  };
  const documented = SETTINGS.flatMap(({ key, env }) => env.map((name) => [name, key] as const));

  test.each(documented)('%s sets %s', async (name, key) => {
    const [text, value] = examples[name]!;
    const config = await load({ env: { [name]: text } });
    // A duration ends in Ms from here on.
    const given = key
      .split('.')
      .reduce<unknown>(
        (node, name) => Object.entries(node as object).find(([at]) => at.replace(/Ms$/, '') === name)?.[1],
        config,
      );
    expect(given).toEqual(value);
  });

  test('a bad variable is named, with what it sets', async () => {
    const error = await failure({
      env: { KAMON_PROMETHEUS_PORT: '99999', KAMON_STATUS_PAGE_ENABLED: 'perhaps', DATAFLOW_JOURNAL_KIND: 'oracle' },
    });
    expect(error.problems.map(({ path }) => path).sort()).toEqual([
      'DATAFLOW_JOURNAL_KIND',
      'KAMON_PROMETHEUS_PORT',
      'KAMON_STATUS_PAGE_ENABLED',
    ]);
    expect(error.message).toContain('statusPage.enabled');
  });
});

describe('file', () => {
  test('config/dataflow.yaml is found before dataflow.yaml', async () => {
    await write('dataflow.yaml', 'journal: { path: second }');
    const second = await load();
    expect(second.journal.path).toBe('second');
    const path = await write('config/dataflow.yaml', 'journal: { path: first }');
    expect(await load()).toMatchObject({ file: path, journal: { path: 'first' } });
  });

  test('the argument wins over DATAFLOW_CONFIG, both over the default places, relative to cwd', async () => {
    await write('dataflow.yaml', 'journal: { path: default }');
    await write('a.yaml', 'journal: { path: a }');
    await write('b.yaml', 'journal: { path: b }');
    expect((await load({ env: { DATAFLOW_CONFIG: 'a.yaml' } })).journal.path).toBe('a');
    expect((await load({ env: { DATAFLOW_CONFIG: 'a.yaml' }, file: './b.yaml' })).journal.path).toBe('b');
  });

  test('a named one must exist', async () => {
    expect(await failure({ file: 'none.yaml' })).toMatchObject({ code: 'DATAFLOW_ERR_CONFIG_UNREADABLE' });
    expect(await failure({ env: { DATAFLOW_CONFIG: 'none.yaml' } })).toMatchObject({
      code: 'DATAFLOW_ERR_CONFIG_UNREADABLE',
    });
  });

  test('a default one that is a directory is not passed over in silence', async () => {
    await mkdir(join(cwd, 'dataflow.yaml'));
    expect(await failure({})).toMatchObject({ code: 'DATAFLOW_ERR_CONFIG_UNREADABLE' });
  });

  test('of comments alone changes nothing', async () => {
    await write('dataflow.yaml', '# journal:\n#   kind: memory\n');
    expect((await load()).journal.kind).toBe('embedded');
  });

  test('durations, switches in words and variables are read', async () => {
    await write(
      'dataflow.yaml',
      [
        'metrics:',
        '  enabled: yes',
        '  tickInterval: 10 seconds',
        `  prometheus: { port: "\${PORT:-7}", host: "\${HOST}" }`,
        `  resource: { zone: "\${HOST}-x", n: 1 }`,
        'runtime: { shutdownTimeout: 1500 }',
      ].join('\n'),
    );
    const { metrics, runtime } = await load({ env: { HOST: 'h' } });
    expect(metrics).toMatchObject({ enabled: true, tickIntervalMs: 10_000, prometheus: { port: 7, host: 'h' } });
    expect(metrics.resource).toEqual({ zone: 'h-x', n: '1' });
    expect(runtime.shutdownTimeoutMs).toBe(1_500);
  });

  test('bad syntax is its own error, with file, line and column', async () => {
    const file = await write('dataflow.yaml', 'journal:\n  kind: "memory\n');
    const error = await failure({});
    expect(error).toMatchObject({ code: 'DATAFLOW_ERR_CONFIG_SYNTAX', problems: [{ file, line: 3 }] });
    expect(error.message).toMatch(/dataflow\.yaml:3:\d+/);
  });

  test('every problem has file, line, path, expected and got', async () => {
    const file = await write(
      'dataflow.yaml',
      [
        'journal:',
        '  kind: oracle',
        '  pth: x',
        'metrics:',
        '  buckets: { a.b: [2, 1] }',
        `  service: "\${NOBODY}"`,
        'http: {}',
      ].join('\n'),
    );
    const error = await failure({ env: { KAMON_ENABLED: 'maybe' }, options: { runtime: { mailboxLimit: 0 } } });
    expect(error.code).toBe('DATAFLOW_ERR_CONFIG_INVALID');
    expect(error.problems).toEqual([
      {
        path: 'http',
        expected: 'one of the keys journal, metrics, runtime, statusPage, cluster',
        got: 'the unknown key "http"',
        file,
        line: 7,
        column: 1,
      },
      {
        path: 'journal.pth',
        expected: 'a known key; did you mean path?',
        got: 'the unknown key "pth"',
        file,
        line: 3,
        column: 3,
      },
      { path: 'journal.kind', expected: 'embedded or memory or postgres', got: '"oracle"', file, line: 2, column: 3 },
      {
        path: 'metrics.service',
        expected: 'variables that are set',
        got: `\${NOBODY}, which is not set`,
        file,
        line: 6,
        column: 3,
      },
      {
        path: 'metrics.buckets.a.b.1',
        expected: 'more than 2',
        got: '1',
        file,
        line: 5,
        column: 23,
      },
      { path: 'runtime.mailboxLimit', expected: 'an integer from 1 to 1000000000', got: '0' },
      { path: 'KAMON_ENABLED', expected: expect.stringContaining('yes, no'), got: '"maybe"' },
    ]);
    for (const { path } of error.problems) expect(error.message).toContain(path);
  });
});

describe('bad options', () => {
  test.each<[string, unknown]>([
    ['', 5],
    ['', []],
    ['journal', null],
    ['journal.kind', 'Embedded'],
    ['journal.path', ''],
    ['journal.path', 'a\0b'],
    ['journal.maxBytes', 1_048_575],
    ['metrics.enabled', 1],
    ['metrics.tickInterval', '10 parsecs'],
    ['metrics.tickInterval', 0],
    ['metrics.tickInterval', 2 ** 31],
    ['metrics.prometheus.port', 65_536],
    ['metrics.prometheus.port', '9095'],
    ['metrics.prometheus.port', -1],
    ['metrics.buckets', [1, 2]],
    ['metrics.filter.include', '**'],
    ['metrics.filter.exclude', { a: '**' }],
    ['metrics.resource', ['a']],
    ['metrics.host.groups', 'system.cpu'],
    ['runtime.prefetchBatches', 0],
    ['runtime.deleteEventsOnSnapshot', 'perhaps'],
    ['statusPage.port', 1.5],
    ['metrics.prometheus.auth.bearer.token', ''],
    ['metrics.otlp.endpoint', 'collector:4317'],
    ['metrics.otlp.endpoint', 'http://user:secret@collector'],
    ['metrics.otlp.protocol', 'http/json'],
    ['metrics.otlp.headers', 'authorization=x'],
    ['metrics.otlp.timeout', 0],
  ])('%s = %p', async (path, value) => {
    const options = path
      .split('.')
      .reduceRight((inner: unknown, key) => (key === '' ? inner : { [key]: inner }), value);
    const error = await failure({ options: options as ConfigOptions });
    expect(error).toMatchObject({ code: 'DATAFLOW_ERR_CONFIG_INVALID', disposition: 'fatal' });
    expect(error.problems.map((problem) => problem.path)).toEqual([path]);
  });
});

describe('secrets', () => {
  const file = [
    'metrics:',
    `  prometheus: { auth: { basic: { username: prom, password: "\${PASSWORD}" } } }`,
    `  otlp: { headers: { authorization: "Bearer \${TOKEN}", tenant: literal-secret } }`,
  ].join('\n');

  test('references are checked at start-up, but kept as references', async () => {
    await write('dataflow.yaml', file);
    const config = await load({ env: { PASSWORD: 'hunter2', TOKEN: 't0ken' } });
    expect(config.metrics.prometheus.auth).toEqual({ basic: { username: 'prom', password: `\${PASSWORD}` } });
    expect(config.metrics.otlp.headers).toEqual({ authorization: `Bearer \${TOKEN}`, tenant: 'literal-secret' });
    expect(JSON.stringify(config)).not.toMatch(/hunter2|t0ken/);
    const shown = JSON.stringify(describeConfig(config));
    expect(shown).not.toMatch(/hunter2|t0ken|literal-secret/);
    expect(shown).toContain(`\${PASSWORD}`);

    const error = await failure({ env: { TOKEN: 't0ken' } });
    expect(error.problems).toMatchObject([
      { path: 'metrics.prometheus.auth.basic.password', got: `\${PASSWORD}, which is not set` },
    ]);
  });

  test('a bad secret is named, not shown', async () => {
    await write('dataflow.yaml', `metrics: { prometheus: { auth: { bearer: { token: "\${TOKEN}" } } } }`);
    const error = await failure({ env: { TOKEN: 'se\ncret' } });
    expect(error.problems.map(({ path }) => path)).toEqual(['metrics.prometheus.auth.bearer.token']);
    expect(JSON.stringify(error.problems) + error.message).not.toContain('cret"');
    const env = { OTEL_EXPORTER_OTLP_HEADERS: 'secret-without-value', OTEL_EXPORTER_OTLP_ENDPOINT: 'ftp://me:pw@x' };
    const { problems } = await failure({ env, file: false });
    expect(problems.map(({ path }) => path).sort()).toEqual(Object.keys(env).sort());
    expect(JSON.stringify(problems)).not.toMatch(/secret-without|pw@/);
  });

  test.each([
    ['metrics.prometheus.auth.basic.password', { prometheus: { auth: { basic: { username: 'u' } } } }],
    ['metrics.prometheus.tls.key', { prometheus: { tls: { cert: 'c.pem' } } }],
  ])('without %s the other half is an error', async (path, metrics) => {
    const error = await failure({ options: { metrics } as ConfigOptions });
    expect(error.problems.map((problem) => problem.path)).toEqual([path]);
  });

  const basic = { username: 'u', password: 'p' };
  test.each([
    ['auth', { auth: {} }],
    ['auth', { auth: { basic: undefined } }],
    ['auth.bearer', { auth: { bearer: { token: undefined } } }],
    ['auth.bearer', { auth: { basic, bearer: {} } }],
    ['auth.basic', { auth: { basic: { username: undefined, password: undefined } } }],
    ['tls', { tls: { cert: undefined, key: undefined } }],
  ])('%s that came out empty is an error, not an open endpoint: %j', async (path, prometheus) => {
    const error = await failure({ options: { metrics: { prometheus } } as ConfigOptions });
    expect(error.problems).toEqual([
      { path: `metrics.prometheus.${path}`, expected: expect.stringContaining('without it'), got: 'nothing' },
    ]);
    await write('dataflow.yaml', `metrics: { prometheus: ${JSON.stringify(prometheus)} }`);
    expect((await failure({})).problems[0]?.path).toBe(`metrics.prometheus.${path}`);
  });

  test('what is not asked for is not missed', async () => {
    const { metrics } = await load({
      options: { metrics: { prometheus: { auth: undefined, tls: undefined } } } as never,
    });
    expect([metrics.prometheus.auth, metrics.prometheus.tls]).toEqual([undefined, undefined]);
  });
});

describe('description', () => {
  test('has a row for every setting that is read, with its default as it may be written', async () => {
    const rows = describeConfig();
    expect(rows.map(({ key }) => key)).toEqual(SETTINGS.map(({ key }) => key));
    expect(rows.find(({ key }) => key === 'metrics.prometheus.port')).toEqual({
      key: 'metrics.prometheus.port',
      env: 'KAMON_PROMETHEUS_PORT, OTEL_EXPORTER_PROMETHEUS_PORT',
      default: '9095',
      meaning: expect.any(String),
    });
    expect(rows.find(({ key }) => key === 'metrics.tickInterval')!.default).toBe('10s');
    for (const { key, default: written } of rows) {
      if (!/(interval|timeout)$/i.test(key)) continue;
      if (written === 'none') continue;
      const options = key.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), written);
      const config = await load({ options: options as ConfigOptions });
      expect(config).toEqual(await load());
    }
  });

  test('shows the value in force', async () => {
    const rows = describeConfig(await load({ options: { metrics: { tickInterval: '2s' } } }));
    expect(rows.find(({ key }) => key === 'metrics.tickInterval')!.value).toBe(2_000);
    expect(rows.find(({ key }) => key === 'journal.path')!.value).toBe('./data');
  });
});

describe('the URL of a PostgreSQL journal', () => {
  test('is required where that journal is wanted, and said together with every other problem', async () => {
    const error = await failure({ options: { journal: { kind: 'postgres' }, runtime: { mailboxLimit: 0 } } });
    expect(error.problems.map(({ path }) => path)).toEqual(['runtime.mailboxLimit', 'journal.url']);
  });

  test('stays a reference, and a literal one is never shown', async () => {
    await write('dataflow.yaml', `journal: { kind: postgres, url: "postgres://u:\${PASSWORD}@h/d" }`);
    const config = await load({ env: { PASSWORD: 'hunter2' } });
    expect(config.journal.url).toBe(`postgres://u:\${PASSWORD}@h/d`);
    const literal = await load({ env: { DATAFLOW_JOURNAL_URL: 'postgres://u:hunter2@h/d', PASSWORD: 'x' } });
    const row = describeConfig(literal).find(({ key }) => key === 'journal.url');
    expect(row?.value).toBe('***');
  });
});
