import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { runCommand, startCommand } from '../support/command-line.ts';
import { folderWith } from '../support/folder.ts';

const pipeline = (source: string, sink: string, more = ''): string => `
pipelines:
  - id: one
    source: { type: file, connectionString: "${source}", batchSize: 2 }
    sink: { type: file, connectionString: "${sink}" }
    deadLetter: { type: file, connectionString: ./out/rejected.ndjson }
${more}`;
const CSV = 'a,b\n1,x\n2,y\n';
const NO_STACK = /^\s+at .*:\d+:\d+/m;

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

describe('a bad specification is refused with every problem, and nothing runs', () => {
  test('structure and connectors at once, with file, line and column', async () => {
    const cwd = await folderWith({
      'in.csv': CSV,
      'bad.yaml': `pipelines:
  - id: one
    nome: one
    source: { type: file, connectionString: ./in.csv, batchSize: "2", options: { format: xls } }
    transforms:
      - { type: filtr, config: { expression: "true" } }
      - { type: filter, config: { expression: "record.a > " } }
      - { type: filter, config: [1] }
    sink: { type: file, connectionString: "" }
  - id: one
    source: { type: nosuch, connectionString: x }
    sink: { type: "null", connectionString: x }
`,
      'bad-config.yaml': 'metrics:\n  prometheus: { prt: 1, port: abc }\njournal: { kind: disk }\n',
    });
    const { code, err } = await runCommand(['-c', 'bad-config.yaml', 'check', 'bad.yaml'], { cwd });
    expect(code).toBe(2);
    for (const line of [
      /bad-config.yaml:2:\d+: metrics.prometheus.prt: expected .*did you mean port/,
      /bad-config.yaml:2:\d+: metrics.prometheus.port: expected an integer from 0 to 65535, got "abc"/,
      /bad-config.yaml:3:\d+: journal.kind: expected embedded or memory or postgres, got "disk"/,
      /bad.yaml:3:5: pipelines.0.nome: expected .*did you mean name/,
      /bad.yaml:4:\d+: pipelines.0.source.batchSize: expected an integer of at least 1, got "2"/,
      /bad.yaml:4:\d+: pipelines.0.source.options.format: expected .*got "xls"/,
      /bad.yaml:6:\d+: pipelines.0.transforms.0.type: expected .*did you mean filter.*got "filtr"/,
      /bad.yaml:7:\d+: pipelines.0.transforms.1.config.expression: expected/,
      /bad.yaml:8:\d+: pipelines.0.transforms.2.config: expected/,
      /bad.yaml:9:\d+: pipelines.0.sink.connectionString: expected a non-empty text/,
      /bad.yaml:10:\d+: pipelines.1.id: expected an id not used yet/,
      /bad.yaml:11:\d+: pipelines.1.source.type: expected .*got "nosuch"/,
    ]) {
      expect(err).toMatch(line);
    }
    expect(err).toMatch(/12 problems/);
    const run = await runCommand(['run', 'bad.yaml'], { cwd });
    expect(run).toMatchObject({ code: 2, out: '' });
    expect(run.err).not.toMatch(NO_STACK);
    expect((await runCommand(['-v', 'run', 'bad.yaml'], { cwd })).err).toMatch(NO_STACK);
  });

  test.each([
    ['a syntax error', 'pipelines:\n  - id: one\n   bad: [\n', /DATAFLOW_ERR_CONFIG_SYNTAX[\s\S]*p.yaml:3:\d+/],
    ['a duplicate key', 'pipelines: []\npipelines: []\n', /DATAFLOW_ERR_CONFIG_SYNTAX[\s\S]*p.yaml:2:1/],
    ['an empty file', '', /DATAFLOW_ERR_PIPELINE_INVALID[\s\S]*a mapping with pipelines, got nothing/],
    ['no pipelines', 'pipelines: []\n', /DATAFLOW_ERR_PIPELINE_INVALID[\s\S]*at least one pipeline/],
    ['a list', '- 1\n', /DATAFLOW_ERR_PIPELINE_INVALID/],
    ['bytes', '\u0000\u0001', /DATAFLOW_ERR_(?:CONFIG_SYNTAX|PIPELINE_INVALID)/],
    [
      'an unset variable',
      pipeline(`$\{NO_SUCH_VARIABLE}/in.csv`, './out/x'),
      /pipelines.0.source.connectionString: expected environment variables that are set.*NO_SUCH_VARIABLE/,
    ],
    ['one file as source and sink', pipeline('./in.csv', './in.csv'), /DATAFLOW_ERR_PIPELINE_INVALID/],
  ])('%s', async (_name, yaml, message) => {
    const cwd = await folderWith({ 'in.csv': CSV, 'p.yaml': yaml });
    const { code, out, err } = await runCommand(['run', 'p.yaml'], { cwd });
    expect(err).toMatch(message);
    expect(err).not.toMatch(NO_STACK);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(await readFile(join(cwd, 'in.csv'), 'utf8')).toBe(CSV);
  });

  test.each([
    [{ KAMON_PROMETHEUS_PORT: 'foo' }, /KAMON_PROMETHEUS_PORT: expected a port/],
    [{ KAMON_ENABLED: 'maybe' }, /KAMON_ENABLED: expected yes/],
    [{ DATAFLOW_CONFIG: 'nope.yaml' }, /DATAFLOW_ERR_CONFIG_UNREADABLE[\s\S]*nope.yaml/],
    [{ DATAFLOW_JOURNAL_KIND: 'tape' }, /DATAFLOW_JOURNAL_KIND: expected embedded or memory/],
  ])('environment %j', async (env, message) => {
    const cwd = await folderWith({ 'in.csv': CSV, 'p.yaml': pipeline('./in.csv', './out/x') });
    const { code, err } = await runCommand(['run', 'p.yaml'], { cwd, env });
    expect(err).toMatch(message);
    expect(code).toBe(2);
  });
});

describe('a pipeline that cannot work fails alone, with exit code 1', () => {
  test.each([
    ['a missing source', './nope.csv', './out/x', /DATAFLOW_ERR_SOURCE_NOT_FOUND.*nope.csv.*does not exist/],
    ['a directory as source', './folder', './out/x', /DATAFLOW_ERR_SOURCE_UNREADABLE.*directory/],
    ['a sink below a file', './in.csv', './plain/x', /DATAFLOW_ERR_SINK_UNWRITABLE.*plain/],
    ['a directory as sink', './in.csv', './folder', /DATAFLOW_ERR_SINK_UNWRITABLE.*directory/],
    ['a sink where nothing can be made', './in.csv', '/proc/nowhere/x', /DATAFLOW_ERR_SINK_UNWRITABLE.*\/proc/],
    ['a device as sink', './in.csv', '/dev/null/x', /DATAFLOW_ERR_SINK_UNWRITABLE/],
  ])('%s', async (_name, source, sink, message) => {
    const fine = `
  - id: fine
    source: { type: file, connectionString: ./in.csv }
    sink: { type: file, connectionString: ./out/fine.ndjson }`;
    const cwd = await folderWith({ 'in.csv': CSV, plain: 'x', 'p.yaml': pipeline(source, sink, fine) });
    await mkdir(join(cwd, 'folder'));
    const { code, out, err } = await runCommand(['run', 'p.yaml'], { cwd });
    expect(err).toMatch(message);
    expect(err).not.toMatch(NO_STACK);
    expect(out).toMatch(/^one +failed/m);
    expect(out).toMatch(/^fine +stopped +1 +2/m);
    expect(code).toBe(1);
    const verbose = await runCommand(['--verbose', 'run', 'p.yaml'], { cwd });
    expect(verbose.err).toMatch(NO_STACK);
    expect(verbose.code).toBe(1);
  });

  test('once the cause is mended, the next run goes on', async () => {
    const cwd = await folderWith({ 'p.yaml': pipeline('./late.csv', './out/x.ndjson') });
    expect(await runCommand(['run', 'p.yaml'], { cwd })).toMatchObject({ code: 1 });
    await writeFile(join(cwd, 'late.csv'), CSV);
    expect(await runCommand(['run', 'p.yaml'], { cwd })).toMatchObject({ code: 0, err: '' });
    expect(await readFile(join(cwd, 'out/x.ndjson'), 'utf8')).toBe('{"a":"1","b":"x"}\n{"a":"2","b":"y"}\n');
  });
});

test('malformed and oversized records are dead letters with their lines, not a stop', async () => {
  const huge = `{"pad":"${'x'.repeat(17 * 1024 * 1024)}"}`;
  const cwd = await folderWith({
    'in.ndjson': `{"n":1}\n{broken\n\n[1\n${huge}\n{"n":2}\n{"n":`,
    'p.yaml': pipeline('./in.ndjson', './out/x.ndjson'),
  });
  const { code, out } = await runCommand(['run', 'p.yaml'], { cwd });
  expect(code).toBe(0);
  expect(out).toMatch(/^one +stopped +\d+ +2 +4 /m);
  expect(await readFile(join(cwd, 'out/x.ndjson'), 'utf8')).toBe('{"n":1}\n{"n":2}\n');
  const letters = (await readFile(join(cwd, 'out/rejected.ndjson'), 'utf8')).trim().split('\n');
  const seen = letters.map((line) => JSON.parse(line)).map(({ line, error }) => [line, error.code]);
  expect(seen).toEqual([
    [2, 'DATAFLOW_ERR_RECORD_MALFORMED'],
    [4, 'DATAFLOW_ERR_RECORD_MALFORMED'],
    [5, 'DATAFLOW_ERR_RECORD_TOO_LARGE'],
    [7, 'DATAFLOW_ERR_RECORD_MALFORMED'],
  ]);
  // The dead letter of a huge record shows its beginning only.
  expect(letters[2]!.length).toBeLessThan(100_000);
});

describe('what others hold', () => {
  test('a busy port is named with its remedy', async () => {
    const server = createServer();
    await once(server.listen(0), 'listening');
    const { port } = server.address() as AddressInfo;
    const cwd = await folderWith({ 'in.csv': CSV, 'p.yaml': pipeline('./in.csv', './out/x') });
    const { code, err } = await runCommand(['run', 'p.yaml'], { cwd, env: { KAMON_PROMETHEUS_PORT: String(port) } });
    server.close();
    expect(err).toMatch(/DATAFLOW_ERR_SERVER_PORT_IN_USE/);
    expect(err).toContain(String(port));
    expect(err).toMatch(/KAMON_PROMETHEUS_PORT/);
    expect(code).toBe(2);
    // Everything was released: the same journal opens again.
    expect(await runCommand(['run', 'p.yaml'], { cwd })).toMatchObject({ code: 0 });
  });

  test('a journal in use names the pid of its owner, and can be looked at', async () => {
    const cwd = await folderWith({ 'in.csv': CSV, 'p.yaml': pipeline('./in.csv', './out/x') });
    const owner = startCommand(['run', '--keep-serving', 'p.yaml'], { cwd });
    children.push(owner.child);
    await owner.saw(/serving metrics/);
    const { code, err } = await runCommand(['run', 'p.yaml'], { cwd });
    expect(err).toMatch(/DATAFLOW_ERR_JOURNAL_LOCKED/);
    expect(err).toContain(String(owner.child.pid));
    expect(code).toBe(2);
    expect(await runCommand(['list'], { cwd })).toMatchObject({ code: 0 });
    owner.child.kill('SIGINT');
    expect(await owner.finished).toMatchObject({ code: 0 });
    expect(await runCommand(['run', 'p.yaml'], { cwd })).toMatchObject({ code: 0 });
  });

  test('a foreign journal file is refused and left as it is', async () => {
    const cwd = await folderWith({ 'in.csv': CSV, 'p.yaml': pipeline('./in.csv', './out/x') });
    await mkdir(join(cwd, 'data'));
    const text = 'no database at all, but long enough to be looked at as if it were one. '.repeat(100);
    await writeFile(join(cwd, 'data/journal.db'), text);
    for (const args of [['run', 'p.yaml'], ['list']]) {
      const { code, err } = await runCommand(args, { cwd });
      expect(err).toMatch(/DATAFLOW_ERR_JOURNAL_FOREIGN/);
      expect(code).toBe(2);
    }
    expect(await readFile(join(cwd, 'data/journal.db'), 'utf8')).toBe(text);
  });

  test('a damaged journal is refused', async () => {
    const cwd = await folderWith({ 'in.csv': CSV, 'p.yaml': pipeline('./in.csv', './out/x') });
    await runCommand(['run', 'p.yaml'], { cwd });
    await cp(join(cwd, 'data'), join(cwd, 'damaged'), { recursive: true });
    const bytes = await readFile(join(cwd, 'damaged/journal.db'));
    bytes.fill(0xff, 4096, 12_288);
    await writeFile(join(cwd, 'damaged/journal.db'), bytes);
    const { code, err } = await runCommand(['-j', 'damaged', 'run', 'p.yaml'], { cwd });
    expect(err).toMatch(/DATAFLOW_ERR_JOURNAL_CORRUPT/);
    expect(err).not.toMatch(NO_STACK);
    expect(code).toBe(2);
  });

  test.each([['p.yaml'], ['p.yaml/x'], ['/proc/nowhere/data']])('journal directory %s cannot be', async (path) => {
    const cwd = await folderWith({ 'in.csv': CSV, 'p.yaml': pipeline('./in.csv', './out/x') });
    const { code, err } = await runCommand(['-j', path, 'run', 'p.yaml'], { cwd });
    expect(err).toMatch(/DATAFLOW_ERR_JOURNAL_OPEN_FAILED/);
    expect(code).toBe(2);
  });
});

test('a reader that goes away is no fault', async () => {
  const cwd = await folderWith({
    'in.csv': `a\n${'1\n'.repeat(3000)}`,
    'p.yaml': pipeline('./in.csv', './out/x'),
  });
  await runCommand(['run', 'p.yaml'], { cwd });
  const main = new URL('../../dist/cli/main.js', import.meta.url).pathname;
  const command = `set -o pipefail; "${process.execPath}" "${main}" events one --json | head -1`;
  const shell = spawn('bash', ['-c', command], { cwd });
  let err = '';
  shell.stderr.on('data', (text) => {
    err += text;
  });
  const [code] = await once(shell, 'close');
  expect({ code, err }).toEqual({ code: 0, err: '' });
});
