import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type LoadPipelinesOptions, loadPipelineFiles, loadPipelinesFile } from '../../../src/config/pipelines-file.ts';
import { parsePipelineSpec } from '../../../src/domain/validate.ts';
import type { DataflowError } from '../../../src/errors.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dataflow-pipelines-'));
});

afterEach(() => rm(directory, { recursive: true }));

async function write(name: string, lines: readonly string[]): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, lines.join('\n'));
  return path;
}

const load = (paths: readonly string[], options: LoadPipelinesOptions = {}) =>
  loadPipelineFiles(paths, { env: {}, ...options });

async function failure(paths: readonly string[], options?: LoadPipelinesOptions): Promise<DataflowError> {
  return load(paths, options).then(
    () => {
      throw new Error('it loaded');
    },
    (error: DataflowError) => error,
  );
}

const pipeline = (id: string) => [
  `  - id: ${id}`,
  '    source: { type: file, connectionString: ./in.csv }',
  '    sink: { type: file, connectionString: ./out.csv }',
];

describe('good files', () => {
  test('give definitions with every default, the spec, the file and the line', async () => {
    const a = await write('a.yaml', ['pipelines:', ...pipeline('one'), ...pipeline('two')]);
    const b = await write('b.yaml', ['# comment', 'pipelines:', ...pipeline('three')]);
    const loaded = await load([a, b]);
    expect(loaded.map(({ definition, file, line }) => [definition.id, file, line])).toEqual([
      ['one', a, 2],
      ['two', a, 5],
      ['three', b, 3],
    ]);
    expect(loaded[0]!.definition.config.sink.batchSize).toBe(500);
    expect(parsePipelineSpec(loaded[0]!.spec)).toEqual({ ok: true, definition: loaded[0]!.definition });
  });

  test('the same file twice is read once', async () => {
    const a = await write('a.yaml', ['pipelines:', ...pipeline('one')]);
    expect(await load([a, a])).toHaveLength(1);
    expect(await loadPipelinesFile(a)).toHaveLength(1);
  });

  test('anchors may be shared', async () => {
    const a = await write('a.yaml', [
      'pipelines:',
      '  - id: one',
      '    source: { type: file, connectionString: ./in }',
      '    sink: { type: file, connectionString: ./a, options: &options { format: csv } }',
      '    deadLetter: { type: file, connectionString: ./b, options: *options }',
    ]);
    const [{ definition }] = (await load([a])) as [Awaited<ReturnType<typeof load>>[number]];
    expect(definition.config.deadLetter!.options).toEqual({ format: 'csv' });
  });
});

describe('variables', () => {
  const lines = [
    'pipelines:',
    `  - id: "\${PREFIX:-p}-one"`,
    `    description: "costs \${PRICE}"`,
    `    batchTimeoutMs: \${TIMEOUT}`,
    '    source:',
    `      type: \${TYPE:-file}`,
    `      connectionString: postgres://me:\${DB_PASSWORD}@db`,
    `      batchSize: \${SIZE:-250}`,
    `      options: { password: "\${DB_PASSWORD}", deep: ["\${TYPE:-x}"] }`,
    '    transforms:',
    `      - { type: filter, config: { expression: "record.a == '\${PRICE}'" } }`,
    `    sink: { type: file, connectionString: "\${OUT:-./out}/x", batchSize: "\${SIZE:-100}" }`,
    `    retry: { jitter: "\${JITTER:-0.5}" }`,
  ];

  test('are replaced at load, except where connectors resolve them later', async () => {
    const path = await write('a.yaml', lines);
    const env = { PREFIX: 'q', PRICE: '5', TIMEOUT: '1000', DB_PASSWORD: 'hunter2', SIZE: '' };
    const loaded = await load([path], { env });
    const { id, name, description, config } = loaded[0]!.definition;
    expect([id, name, description]).toEqual(['q-one', 'q-one', 'costs 5']);
    expect(config).toMatchObject({
      source: {
        type: 'file',
        connectionString: `postgres://me:\${DB_PASSWORD}@db`,
        batchSize: 250,
        options: { password: `\${DB_PASSWORD}`, deep: [`\${TYPE:-x}`] },
      },
      transforms: [{ type: 'filter', config: { expression: `record.a == '\${PRICE}'` } }],
      sink: { connectionString: `\${OUT:-./out}/x`, batchSize: 100 },
      retry: { jitter: 0.5 },
      batchTimeoutMs: 1_000,
    });
    expect(JSON.stringify(loaded)).not.toContain('hunter2');
  });

  test('that are missing are reported where they stand, also the late ones, once each', async () => {
    const path = await write('a.yaml', lines);
    const { problems, code } = await failure([path]);
    expect(code).toBe('DATAFLOW_ERR_PIPELINE_INVALID');
    expect(problems.map((problem) => [problem.line, problem.path, problem.got])).toEqual([
      [3, 'pipelines.0.description', `\${PRICE}, which is not set`],
      [4, 'pipelines.0.batchTimeoutMs', `\${TIMEOUT}, which is not set`],
      [7, 'pipelines.0.source.connectionString', `\${DB_PASSWORD}, which is not set`],
      [9, 'pipelines.0.source.options.password', `\${DB_PASSWORD}, which is not set`],
      [11, 'pipelines.0.transforms.0.config.expression', `\${PRICE}, which is not set`],
    ]);
  });

  test('of a wrong form are reported, but a pattern in a config may use the characters', async () => {
    const path = await write('a.yaml', [
      'pipelines:',
      ...pipeline('one').slice(0, 2),
      `    sink: { type: file, connectionString: "./\${MY-DIR}/x" }`,
      `    transforms: [{ type: filter, config: { expression: "matches(record.a, 'x\${')" } }]`,
    ]);
    const { problems } = await failure([path]);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ path: 'pipelines.0.sink.connectionString', line: 4 });
  });

  test('with a value of the wrong kind are refused like any other', async () => {
    const path = await write('a.yaml', lines);
    const { problems } = await failure([path], {
      env: { PRICE: '5', TIMEOUT: 'soon', DB_PASSWORD: 'x', SIZE: '20000' },
    });
    expect(problems.map(({ path: at, got }) => [at, got])).toEqual([
      ['pipelines.0.sink.batchSize', '20000'],
      ['pipelines.0.batchTimeoutMs', '"soon"'],
    ]);
  });
});

describe('problems', () => {
  test('of every file are collected with file, line and column', async () => {
    const a = await write('a.yaml', [
      'pipelines:',
      '  - id: one',
      '    sorce: { type: file, connectionString: ./in.csv }',
      '    sink: { type: file, connectionString: ./out.csv, batchSize: many }',
      '  - just text',
    ]);
    const b = await write('b.yaml', ['pipelines:', ...pipeline('one'), ...pipeline('two'), ...pipeline('two')]);
    const { code, problems, message } = await failure([a, b]);
    expect(code).toBe('DATAFLOW_ERR_PIPELINE_INVALID');
    expect(problems.map(({ file, line, column, path }) => [file, line, column, path])).toEqual([
      [a, 3, 5, 'pipelines.0.sorce'],
      [a, 2, 5, 'pipelines.0.source'],
      [a, 4, 54, 'pipelines.0.sink.batchSize'],
      [a, 5, 5, 'pipelines.1'],
      [b, 2, 5, 'pipelines.0.id'],
      [b, 8, 5, 'pipelines.2.id'],
    ]);
    expect(problems[4]!.expected).toContain(`first at ${a}:2`);
    expect(problems[5]!.expected).toContain(`first at ${b}:5`);
    expect(message).toContain(`${a}:4:54: pipelines.0.sink.batchSize: expected an integer from 1 to 10000, got "many"`);
  });

  test('of connectors get their lines', async () => {
    const path = await write('a.yaml', ['pipelines:', ...pipeline('one')]);
    const { problems } = await failure([path], {
      validateConnectors: ({ sink }) => [
        { path: 'sink.type', expected: 'a registered sink', got: sink.type },
        { path: 'transforms[0].config.expression', expected: 'an expression', got: 'nothing' },
      ],
    });
    expect(problems.map(({ path: at, line }) => [at, line])).toEqual([
      ['pipelines.0.sink.type', 4],
      ['pipelines.0.transforms[0].config.expression', 2],
    ]);
  });

  test.each<[string, string[], string, string]>([
    ['an empty file', [], '', 'nothing'],
    ['a list', ['- id: x'], '', 'a list of 1'],
    ['a scalar', ['text'], '', '"text"'],
    ['no pipelines', ['other: 1'], 'other', 'the unknown key "other"'],
    ['an empty list', ['pipelines: []'], 'pipelines', 'an empty list'],
    ['null', ['pipelines:'], 'pipelines', 'null'],
    ['a mapping for a list', ['pipelines: { id: x }'], 'pipelines', 'a mapping'],
  ])('%s is refused', async (_name, lines, path, got) => {
    const file = await write('a.yaml', lines);
    expect((await failure([file])).problems[0]).toMatchObject({ path, got, file, line: 1 });
  });

  test('a missing file beside a broken and a wrong one: all are told, the worst gives the code', async () => {
    const missing = join(directory, 'missing.yaml');
    const broken = await write('broken.yaml', ['pipelines: "']);
    const wrong = await write('wrong.yaml', ['pipelines: []']);
    const all = await failure([wrong, broken, missing]);
    expect(all.code).toBe('DATAFLOW_ERR_CONFIG_UNREADABLE');
    expect(all.problems.map(({ file }) => file)).toEqual([wrong, broken, missing]);
    expect((await failure([wrong, broken])).code).toBe('DATAFLOW_ERR_CONFIG_SYNTAX');
  });

  test('never show a secret', async () => {
    const file = await write('a.yaml', [
      'pipelines:',
      '  - id: one',
      '    source: { type: file, connectionString: 7654321 }',
      '    sink: { type: db, connectionString: x, options: { password: .nan }, apiKey: 7654321 }',
    ]);
    const error = await failure([file]);
    expect(error.problems).toHaveLength(3);
    expect(`${error.message}${JSON.stringify(error.problems)}`).not.toContain('7654321');
  });
});
