import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MAX_YAML_BYTES, parseYaml, readYamlFile } from '../../../src/config/yaml-file.ts';
import type { DataflowError, Problem } from '../../../src/errors.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dataflow-yaml-'));
});

afterAll(() => rm(directory, { recursive: true }));

function faultsOf(text: string): readonly Problem[] {
  try {
    parseYaml(text, 'a.yaml');
  } catch (error) {
    expect(error).toMatchObject({ code: 'DATAFLOW_ERR_CONFIG_SYNTAX' });
    return (error as DataflowError).problems;
  }
  throw new Error('it parsed');
}

describe('positions', () => {
  const file = parseYaml(
    'pipelines:\n  - id: a\n    sink: { type: file, batchSize: 0 }\n  - *x\n'.replace(
      '*x',
      '&x\n    id: b\n    a.b.c: 1',
    ),
    'a.yaml',
  );

  test.each([
    ['pipelines', 1, 1],
    ['pipelines.0', 2, 5],
    ['pipelines.0.id', 2, 5],
    ['pipelines.0.sink', 3, 5],
    ['pipelines.0.sink.batchSize', 3, 25],
    ['pipelines[0].sink.batchSize', 3, 25],
    ['pipelines.0.sink.options.format', 3, 5],
    ['pipelines.1.a.b.c', 6, 5],
    ['pipelines.7.id', 1, 1],
    ['', 1, 1],
    ['nowhere.at.all', 1, 1],
  ])('of %s is %d:%d', (path, line, column) => {
    expect(file.locate(path)).toEqual({ line, column });
  });

  test('are found through an alias', () => {
    const aliased = parseYaml('a: &sink\n  type: x\nb: *sink\n', 'a.yaml');
    expect(aliased.value).toEqual({ a: { type: 'x' }, b: { type: 'x' } });
    expect(aliased.locate('b.type')).toEqual({ line: 2, column: 3 });
  });
});

describe('syntax', () => {
  test.each([
    ['a: "x', 1],
    ['a: 1\nb: 2\na: 3', 3],
    ['a:\n\t- b', 2],
    ['a: 1\n---\nb: 2', 2],
    ['a: 1\nb: !!js/function x', 2],
    ['a: 1\n? [x]\n: 2', 2],
    ['a: 1\nb: *nobody', 2],
    ['a:\n  - &self\n    - *self', 3],
    ['a: 1\nb: {', 2],
  ])('%j is refused with its line', (text, line) => {
    const faults = faultsOf(text);
    expect(faults[0]).toMatchObject({ path: '', expected: 'valid YAML', file: 'a.yaml', line });
    expect(faults[0]!.column).toBeGreaterThan(0);
  });

  test('every error is reported, not just the first', () => {
    expect(faultsOf('a: "x\n').length).toBeGreaterThan(0);
    expect(faultsOf('a: 1\na: 2\nb: *x\nc: *y').map((fault) => fault.line)).toEqual([2, 3, 4]);
  });

  test('an unquoted variable in a flow mapping is explained', () => {
    expect(faultsOf(`sink: { type: \${TYPE} }`)[0]!.got).toContain('put quotes around');
    expect(parseYaml(`sink: { type: "\${TYPE}" }`, 'a').value).toEqual({ sink: { type: `\${TYPE}` } });
  });

  test('an empty file and one of comments alone hold undefined', () => {
    expect(parseYaml('', 'a').value).toBeUndefined();
    expect(parseYaml('# nothing\n---\n', 'a').value).toBeUndefined();
  });
});

describe('hostile files', () => {
  test('anchors that multiply are refused', () => {
    const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]'];
    for (let i = 1; i < 10; i++) lines.push(`a${i}: &a${i} [${new Array(10).fill(`*a${i - 1}`).join(',')}]`);
    expect(faultsOf(lines.join('\n'))[0]!.got).toContain('anchors that cannot be expanded');
  });

  test.each([
    ['[', 100_000],
    ['{"a":', 50_000],
    ['- ', 100_000],
    ['? ', 50_000],
  ])('%j nested without end is refused', (opening, times) => {
    expect(faultsOf(opening.repeat(times))[0]!.got).toContain('more than 100 levels');
  });

  test('a key __proto__ changes no prototype', () => {
    parseYaml('__proto__: { polluted: true }', 'a');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('reading', () => {
  const readError = (path: string) =>
    readYamlFile(path).then(
      () => undefined,
      (error: DataflowError) => error,
    );

  test('gives the data', async () => {
    const path = join(directory, 'good.yaml');
    await writeFile(path, '\uFEFFa: 1\n');
    expect((await readYamlFile(path)).value).toEqual({ a: 1 });
  });

  test('a missing file, a directory and a bad path are unreadable', async () => {
    for (const path of [join(directory, 'none.yaml'), directory, 'a\0b', join(directory, 'good.yaml', 'below')]) {
      const error = await readError(path);
      expect(error).toMatchObject({ code: 'DATAFLOW_ERR_CONFIG_UNREADABLE', problems: [{ file: path, path: '' }] });
    }
    expect((await readError(join(directory, 'none.yaml')))!.message).toContain('no such file');
  });

  test('a file over the limit and one without end are unreadable', async () => {
    const path = join(directory, 'big.yaml');
    await writeFile(path, Buffer.alloc(MAX_YAML_BYTES + 1, 32));
    for (const big of [path, '/dev/zero']) {
      expect(await readError(big)).toMatchObject({ code: 'DATAFLOW_ERR_CONFIG_UNREADABLE' });
    }
  });

  test('bytes that are no UTF-8 are a syntax error', async () => {
    const path = join(directory, 'latin1.yaml');
    await writeFile(path, Buffer.from('a: \xE9', 'latin1'));
    expect(await readError(path)).toMatchObject({ code: 'DATAFLOW_ERR_CONFIG_SYNTAX' });
  });
});
