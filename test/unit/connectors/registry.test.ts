import { symlinkSync } from 'node:fs';
import { afterAll, describe, expect, test } from '@jest/globals';
import { ConnectorRegistry, createDefaultRegistry } from '../../../src/connectors/registry.ts';
import {
  METADATA,
  NEVER,
  pipelineConfig,
  readAll,
  recordsOf,
  sinkSpec,
  sourceSpec,
  temporaryFolder,
} from './support/harness.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const reference = (name: string) => `\${${name}}`;
const codeOf = (action: () => unknown) => {
  try {
    action();
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error('nothing was thrown');
};

describe('validate', () => {
  test('gives every problem of every connector at once', () => {
    const config = pipelineConfig(
      sourceSpec('in.csv', { formt: 'csv' }),
      sinkSpec('out.ndjson', { gzip: 3 }),
      [
        { type: 'fliter', config: {} },
        { type: 'filter', config: { expression: 'recrod' } },
      ],
      sinkSpec('x', {}, 'tape'),
    );
    const problems = createDefaultRegistry().validate(config);
    expect(problems.map(({ path }) => path).sort()).toEqual([
      'deadLetter.type',
      'sink.options.gzip',
      'source.options.formt',
      'transforms.0.type',
      'transforms.1.config.expression',
    ]);
    expect(problems.find(({ path }) => path === 'transforms.0.type')!.expected).toBe(
      'a registered transform type (filter, map, rename, drop, convert); did you mean filter?',
    );
  });

  test('no file is read and written, or written twice, under any name', () => {
    const path = folder.write('same.ndjson', '1\n');
    symlinkSync(path, folder.path('link.ndjson'));
    const registry = createDefaultRegistry({ env: { SAME: path } });
    const out = sinkSpec(folder.path('out.ndjson'));
    const paths = (...args: Parameters<typeof pipelineConfig>) =>
      registry.validate(pipelineConfig(...args)).map((problem) => problem.path);
    expect(paths(sourceSpec(path), out)).toEqual([]);
    expect(paths(sourceSpec(path), sinkSpec(path))).toEqual(['sink.connectionString']);
    expect(paths(sourceSpec(path), sinkSpec(folder.path('link.ndjson')))).toEqual(['sink.connectionString']);
    expect(paths(sourceSpec(path), sinkSpec(reference('SAME')))).toEqual(['sink.connectionString']);
    expect(paths(sourceSpec(path), out, [], sinkSpec(path))).toEqual(['deadLetter.connectionString']);
    expect(paths(sourceSpec(path), out, [], sinkSpec(folder.path('./x/../out.ndjson')))).toEqual([
      'deadLetter.connectionString',
    ]);
  });
});

describe('create', () => {
  test('unknown types and bad options have their codes', () => {
    const registry = createDefaultRegistry();
    const unknown = codeOf(() => registry.create(pipelineConfig(sourceSpec('x', {}, 'fiel'), sinkSpec('y'))));
    expect(unknown.code).toBe('DATAFLOW_ERR_CONNECTOR_UNKNOWN');
    expect(unknown.message).toContain(
      'source.type: expected a registered source type (file, push); did you mean file?',
    );
    const bad = codeOf(() => registry.create(pipelineConfig(sourceSpec('x', { a: 1 }), sinkSpec('y'))));
    expect(bad.code).toBe('DATAFLOW_ERR_CONNECTOR_INVALID');
  });

  test('fills in the environment, late, and never shows a value', async () => {
    const env = { IN: folder.write('env.ndjson', '7\n'), SECRET: 'hunter2' };
    const registry = createDefaultRegistry({ env });
    const made = registry.create(
      pipelineConfig(sourceSpec(reference('IN')), sinkSpec(reference('OUT:-out'), {}, 'null')),
    );
    expect(recordsOf(await readAll(made.source!))).toEqual([7]);
    const bad = codeOf(() =>
      registry.create(pipelineConfig(sourceSpec('x', { format: reference('SECRET') }), sinkSpec('y'))),
    );
    expect(bad.code).toBe('DATAFLOW_ERR_CONNECTOR_INVALID');
    expect(JSON.stringify([bad, bad.message])).not.toContain('hunter2');
    const missing = codeOf(() =>
      registry.create(pipelineConfig(sourceSpec(reference('NO_A')), sinkSpec(reference('NO_B')))),
    );
    expect(missing.code).toBe('DATAFLOW_ERR_CONNECTOR_INVALID');
    expect(missing.message).toContain('NO_A, NO_B');
  });

  test('push has no source to read', () => {
    const made = createDefaultRegistry().create(pipelineConfig(sourceSpec('-', {}, 'push'), sinkSpec('-', {}, 'null')));
    expect(made.source).toBeUndefined();
    expect(made.deadLetter).toBeUndefined();
  });

  test('user code: iterables, functions, sinks', async () => {
    const written: unknown[] = [];
    const registry = new ConnectorRegistry()
      .registerSource('numbers', (spec) => [1, 2, Number(spec.options.last)])
      .registerTransform('double', (config) => (record, metadata) => [
        Number(record) * Number(config.by),
        metadata.batchId,
      ])
      .registerSink('list', () => ({ write: async (records) => void written.push(...records) }));
    const spec = sourceSpec('-', { last: 3 }, 'numbers');
    const made = registry.create(
      pipelineConfig(spec, sinkSpec('-', {}, 'list'), [{ type: 'double', config: { by: 2 } }]),
    );
    expect(recordsOf(await readAll(made.source!))).toEqual([1, 2, 3]);
    expect(made.transforms[0]!.apply(2, METADATA)).toEqual([4, 'p:0']);
    await made.sink.write(['x'], { ...METADATA, committed: undefined, sequence: 3, signal: NEVER });
    expect(written).toEqual(['x']);
  });

  test('user code that gives something else is refused, and so is a type registered twice', () => {
    const registry = new ConnectorRegistry()
      .registerSource('bad', () => 5 as never)
      .registerSink('bad', () => null as never)
      .registerSink('good', () => ({ write: async () => {} }))
      .registerSource('good', () => []);
    for (const [source, sink] of [
      ['bad', 'good'],
      ['good', 'bad'],
    ] as const) {
      const error = codeOf(() => registry.create(pipelineConfig(sourceSpec('-', {}, source), sinkSpec('-', {}, sink))));
      expect(error.code).toBe('DATAFLOW_ERR_CONNECTOR_INVALID');
    }
    expect(codeOf(() => registry.registerSink('good', () => ({ write: async () => {} }))).code).toBe(
      'DATAFLOW_ERR_CONNECTOR_INVALID',
    );
  });
});
