import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Expression } from '../../../src/connectors/expressions/expression.ts';
import { createDefaultRegistry } from '../../../src/connectors/registry.ts';
import { ROOT } from '../../support/command-line.ts';
import { readReadme, tableUnder } from '../../support/readme.ts';

const readme = readReadme();
const namesIn = (cell: string): string[] => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name!);
const metadata = { pipelineId: 'p', batchId: 'p:0', attempt: 1, offset: 0 };
const evaluate = (source: string, record: unknown): unknown =>
  Expression.parse(source, 'value').evaluate(record, metadata);

describe('the options of the file connectors', () => {
  test.each([
    ['source', 'sources'],
    ['sink', 'sinks'],
  ])('%s: those of the code', (part, folder) => {
    const text = readFileSync(join(ROOT, `src/connectors/${folder}/file-options.ts`), 'utf8');
    const keys = [...text.matchAll(/const (?:COMMON|CSV)_KEYS = \[(.*)\]/g)].flatMap(([, list]) =>
      [...list!.matchAll(/'(\w+)'/g)].map(([, key]) => key!),
    );
    const documented = tableUnder(readme, `### S${part.slice(1)} \`file\``).flatMap(([cell]) => namesIn(cell!));
    expect(keys.length).toBeGreaterThan(6);
    expect(documented.sort()).toEqual(keys.sort());
  });
});

describe('transforms', () => {
  const registry = createDefaultRegistry();
  const rows = tableUnder(readme, '### Transforms');
  const examples: Readonly<Record<string, string>> = {
    '{ expression }': '{"expression":"true"}',
    '{ fields: { name: expression } }': '{"fields":{"a":"1"}}',
    '{ fields: { old: new } }': '{"fields":{"a":"b"}}',
    '{ fields: [name] }': '{"fields":["a"]}',
    '{ fields: { name: type } }': '{"fields":{"a":"date"}}',
  };

  test.each(rows.map(([type, config]) => [type!.replaceAll('`', ''), config!.replaceAll('`', '')]))(
    '%s takes %s',
    (type, config) => {
      const example = type === 'map' ? examples[config]!.replace('"true"', '"record"') : examples[config]!;
      const part = { type: 'null', connectionString: 'null', batchSize: 1, options: {} };
      const problems = registry.validate({
        source: { ...part, type: 'push', pollIntervalMs: 0 },
        transforms: [{ type, config: JSON.parse(example) }],
        sink: part,
        retry: { maxRetries: 0, initialMs: 0, maxMs: 0, jitter: 0 },
        batchTimeoutMs: 1,
        operationTimeoutMs: 1,
        onInterrupt: 'finish',
      });
      expect(problems).toEqual([]);
    },
  );
});

describe('expressions', () => {
  const [, section = ''] =
    /^Expressions are ([\s\S]*?)\n### /m.exec(readme.slice(readme.indexOf('### Transforms'))) ?? [];
  const calls: Readonly<Record<string, string>> = {
    size: 'size("a")',
    contains: '"a".contains("a")',
    startsWith: '"a".startsWith("a")',
    endsWith: '"a".endsWith("a")',
    indexOf: '"a".indexOf("a")',
    lastIndexOf: '"a".lastIndexOf("a")',
    substring: '"a".substring(0, 1)',
    split: '"a b".split(" ")',
    trim: '" a".trim()',
    lowerAscii: '"A".lowerAscii()',
    upperAscii: '"a".upperAscii()',
    in: '1 in [1]',
    join: '["a"].join(",")',
    map: '[1].map(x, x)',
    filter: '[1].filter(x, x > 0)',
    all: '[1].all(x, x > 0)',
    exists: '[1].exists(x, x > 0)',
    int: 'int("1")',
    double: 'double("1")',
    string: 'string(1)',
    bool: 'bool("true")',
    timestamp: 'timestamp("2024-03-05T10:20:30Z")',
    duration: 'duration("1h")',
    getFullYear: 'record.time.getFullYear()',
    getMonth: 'record.time.getMonth()',
    getDate: 'record.time.getDate()',
    getDayOfWeek: 'record.time.getDayOfWeek()',
    getDayOfYear: 'record.time.getDayOfYear()',
    getHours: 'record.time.getHours()',
    getMinutes: 'record.time.getMinutes()',
    getSeconds: 'record.time.getSeconds()',
  };
  const time = new Date('2024-01-07T10:20:30Z');

  test('every function that is named exists', () => {
    const list = section.slice(section.indexOf('- Texts:'));
    const named = new Set(namesIn(list).filter((name) => !['date', 'duration'].includes(name)));
    expect([...named].filter((name) => !Object.hasOwn(calls, name))).toEqual([]);
    expect(named.size).toBeGreaterThanOrEqual(Object.keys(calls).length - 1);
    for (const name of named) expect([name, typeof evaluate(calls[name]!, { time })]).not.toEqual([name, 'undefined']);
  });

  test('numbers, missing fields, nulls, patterns and times behave as the text says', () => {
    expect(evaluate('record.delay / 60', { delay: 90 })).toBe(1.5);
    expect(evaluate('5 / 2', {})).toBe(2n);
    expect(evaluate('int(record.delay) / 60', { delay: 90 })).toBe(1n);
    const refused = expect.objectContaining({ code: 'DATAFLOW_ERR_TRANSFORM_FAILED' });
    expect(() => evaluate('record.mag > 4', {})).toThrow(refused);
    expect(() => evaluate('record.mag > 4', { mag: null })).toThrow(refused);
    expect(evaluate('has(record.mag) && record.mag > 4', {})).toBe(false);
    expect(evaluate('record.mag != null && record.mag > 4', { mag: null })).toBe(false);
    const invalid = expect.objectContaining({ code: 'DATAFLOW_ERR_EXPRESSION_INVALID' });
    expect(() => evaluate('"a".matches("(?=a)")', {})).toThrow(invalid);
    expect(evaluate('[record.time.getMonth(), record.time.getDayOfWeek()]', { time })).toEqual([0n, 0n]);
    expect(evaluate('record.time.getHours("Europe/Berlin")', { time })).toBe(11n);
    expect(evaluate('timestamp(record.seconds).getFullYear()', { seconds: time.getTime() / 1000 })).toBe(2024n);
    expect(String(evaluate('record.time - record.time', { time }))).toBe('0s');
  });
});
