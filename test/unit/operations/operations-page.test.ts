import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { loadConfig } from '../../../src/config/load-config.ts';
import { settingRows } from '../../../src/config/settings.ts';
import { ROOT } from '../../support/command-line.ts';
import { codeBlocks, expectedTables, readReadme, rowsOf, tableUnder } from '../../support/readme.ts';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const page = read('docs/operations.md');
const compose = parse(read('docker-compose.yml'));
const lines = codeBlocks(page, 'sh').flatMap(({ code }) => code.trim().split('\n'));
const commands = lines.filter((line) => !line.startsWith('export '));
const startingWith = (program: string): string[] => commands.filter((line) => line.startsWith(`${program} `));

test('every command is one that the tests know what to do with', () => {
  const programs = new Set(commands.map((line) => line.split(' ')[0]!));
  const known = ['alertmanager', 'amtool', 'docker', 'grafana', 'npm', 'otelcol', 'prometheus', 'promtool'];
  expect([...programs].sort()).toEqual(known);
});

test('every path of a command exists', () => {
  const paths = lines.flatMap((line) => [...line.matchAll(/\bconfig\/[\w./-]+/g)].map(([path]) => path));
  expect(paths.length).toBeGreaterThan(6);
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  const written = [...page.matchAll(/\bvar\/\w+/g)];
  expect(written.length).toBeGreaterThan(2);
  expect(read('.gitignore')).toContain('\n/var/\n');
});

describe('docker compose', () => {
  test('the services, the profile and the command are there', () => {
    const named = startingWith('docker').flatMap((line) => {
      const [, kill = ''] = /kill --signal=SIGHUP (.*)$/.exec(line) ?? [];
      const [, one = ''] = /(?:restart|exec|cp) (\w+)/.exec(line) ?? [];
      return [...kill.split(' '), one].filter(Boolean);
    });
    const quoted = /kill --signal=SIGHUP ([\w ]+)`/.exec(page)?.[1]?.split(' ') ?? [];
    expect(quoted).toHaveLength(2);
    expect([...named, ...quoted].filter((name) => compose.services[name] === undefined)).toEqual([]);
    const profiles = [...page.matchAll(/--profile (\w+)/g)].map(([, profile]) => profile);
    expect(profiles).toEqual(compose.services['otel-collector'].profiles);
  });

  test('what runs inside of the container is in its image', async () => {
    const inside = startingWith('docker').find((line) => line.includes(' exec '));
    const [, path, command] = /exec dataflow node (\S+) (\w+)$/.exec(inside ?? '') ?? [];
    expect(read('Dockerfile')).toContain(`exec node ${path} run `);
    const { scripts } = JSON.parse(read('package.json'));
    expect(read('Dockerfile')).toContain(scripts.start.slice(scripts.start.indexOf('exec')));
    const known = (await expectedTables()).get('commands');
    expect(known).toContain(`\`dataflow ${command}\``);
    expect(read('Dockerfile')).toContain('WORKDIR /app\n');
    expect(compose.services.dataflow.volumes).toContain('dataflow-out:/app/out');
  });
});

describe.each([
  ['prometheus', 'prometheus'],
  ['alertmanager', 'prometheus-alertmanager'],
  ['promtool', 'promtool'],
  ['amtool', 'amtool'],
])('%s', (name, debian) => {
  const used = startingWith(name);
  const [, ...argv] = used[0]?.split(' ') ?? [];
  const subcommand = name.endsWith('tool') ? argv.slice(0, -1) : [];
  const help = spawnSync(debian, [...subcommand, '--help'], { encoding: 'utf8' });
  const absent = help.error !== undefined;

  (absent ? test.skip : test)(`has the options${absent ? `: skipped, ${debian} is not installed` : ''}`, () => {
    const text = help.stdout + help.stderr;
    const options = argv.filter((argument) => argument.startsWith('--')).map((argument) => argument.split('=')[0]!);
    expect([used.length, text]).toEqual([1, expect.stringContaining(['usage:', debian, ...subcommand].join(' '))]);
    expect(options.filter((option) => !text.includes(`${option}=`))).toEqual([]);
  });
});

test('the variables are settings of ours, or what the README gives Grafana', () => {
  const ours = settingRows().flatMap(({ env }) => env.split(', '));
  const grafana = tableUnder(readReadme(), '### Dashboards').map(([name = '']) => name.replaceAll('`', ''));
  const others = ['OTEL_RESOURCE_ATTRIBUTES', 'GF_PATHS_DATA', 'GF_SERVER_HTTP_ADDR'];
  const exported = lines.flatMap((line) =>
    line.startsWith('export ') ? [...line.matchAll(/\b([A-Z][A-Z_]+)=/g)].map(([, name]) => name!) : [],
  );
  expect(exported.filter((name) => ![...ours, ...grafana, ...others].includes(name))).toEqual([]);
  expect(exported).toEqual(expect.arrayContaining(grafana));
  const mentioned = [...page.matchAll(/\b(?:KAMON|OTEL)_[A-Z_]+/g)].map(([name]) => name);
  expect(mentioned.filter((name) => ![...ours, ...others].includes(name))).toEqual([]);
  expect(read('docker-compose.yml')).toContain('GRAFANA_ADMIN_PASSWORD');
  expect(read('config/otel-collector.yaml')).toContain('COLLECTOR_HOST');
});

test('the settings exist, and the example is one that loads', async () => {
  const keys = settingRows().map(({ key }) => key);
  const named = [...page.matchAll(/`(metrics\.[\w.]+)`/g)].map(([, key]) => key!);
  expect(named.length).toBeGreaterThan(6);
  expect(named.filter((name) => !keys.some((key) => key === name || key.startsWith(`${name}.`)))).toEqual([]);

  const folder = await mkdtemp(join(tmpdir(), 'dataflow-operations-'));
  const file = join(folder, 'dataflow.yaml');
  await writeFile(file, codeBlocks(page, 'yaml')[0]!.code);
  const { metrics } = await loadConfig({ env: { TOKEN: 't' }, cwd: folder, file });
  await rm(folder, { recursive: true });
  expect(metrics.otlp).toMatchObject({ endpoint: 'http://localhost:4317', protocol: 'grpc' });
  expect(metrics.resource).toEqual({ 'service.instance.id': 'worker-1' });
});

test('the table of ports is that of the services', () => {
  const [table = ''] = /^\|.*(?:\n\|.*)*/m.exec(page) ?? [];
  const listed = rowsOf(table).flatMap(([ports = '']) => ports.split(', '));
  const published = Object.values<{ ports?: readonly string[] }>(compose.services).flatMap(({ ports = [] }) =>
    ports.map((port) => port.split(':').at(-1)!),
  );
  // Prometheus alone asks the collector, inside of the network.
  expect(listed.filter((port) => port !== '8889').sort()).toEqual(published.sort());
  for (const [, port] of page.matchAll(/localhost:(\d+)/g)) expect(listed).toContain(port);
});
