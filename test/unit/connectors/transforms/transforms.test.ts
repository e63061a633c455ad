import { describe, expect, test } from '@jest/globals';
import { createDefaultRegistry } from '../../../../src/connectors/registry.ts';
import type { TransformSpec } from '../../../../src/domain/spec.ts';
import { pipelineConfig, sinkSpec, sourceSpec, transformOf } from '../support/harness.ts';

const registry = createDefaultRegistry();
const apply = (type: string, config: TransformSpec['config'], record: unknown) =>
  transformOf(registry, type, config)(record);
const refusal = (type: string, config: TransformSpec['config'], record: unknown) => {
  try {
    apply(type, config, record);
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error('the record was not refused');
};
const problemsOf = (type: string, config: TransformSpec['config']) =>
  registry.validate(pipelineConfig(sourceSpec('in', {}, 'push'), sinkSpec('out', {}, 'null'), [{ type, config }]));

describe('filter', () => {
  test.each([
    ['record.a > 1', { a: 2 }, true],
    ['record.a > 1', { a: 1 }, false],
    ['record.a + 1 == 3 && record.a * 2 == 4 && record.a / 4 == 0.5 && record.a % 2 == 0', { a: 2 }, true],
    ['1 - record.a == -1.0 && 4 / record.a == 2.0', { a: 2 }, true],
    ['record.a in [1, 2] && 2 in record.l && record.l[record.a] == 3', { a: 2, l: [1, 2, 3] }, true],
    ['has(record.x) || has(record.toString) || has(record.constructor)', { a: 1 }, false],
    ['record.s.matches("^a+$") && !record.s.matches(record.p)', { s: 'aaa', p: 'b' }, true],
    ['record.l.exists(x, x.matches("b"))', { l: ['a', 'b'] }, true],
    ['matches(record.s, "a")', { s: 'a' }, true],
    ['record.s.substring(record.n) == "lo"', { s: 'hello', n: 3 }, true],
    ['record.d < timestamp("2024-01-01T00:00:00Z")', { d: new Date(0) }, true],
    ['timestamp(record.t) == timestamp(0)', { t: 0 }, true],
    ['metadata.pipelineId == "p" && metadata.attempt == 1', {}, true],
    ['record.constructor == "x" && record.o.constructor == "y"', { constructor: 'x', o: { constructor: 'y' } }, true],
    ['record.a == 1', { constructor: null, a: 1 }, true],
  ])('%s', (expression, record, kept) => {
    expect(apply('filter', { expression }, record)).toBe(kept ? record : undefined);
  });

  test('a record that is a list stays one record', () => {
    expect(apply('filter', { expression: 'record[0] == 1' }, [1])).toEqual([[1]]);
  });

  test.each([
    ['record.a', { a: 1 }, 'The filter gave a number instead of a bool'],
    ['record.missing > 1', {}, 'No such key: missing'],
    ['record.a > 1', { a: 'x' }, 'no such overload: dyn<string> > int'],
    ['record.toString == "x"', {}, 'No such key: toString'],
    ['record.__proto__ == "x"', {}, 'No such key: __proto__'],
    ['record.constructor == "x"', {}, 'No such key: constructor'],
    ['record.s.matches(record.p)', { s: 'a', p: '(' }, 'missing closing'],
  ])('%s refuses %j', (expression, record, message) => {
    const error = refusal('filter', { expression }, record);
    expect(error.code).toBe('DATAFLOW_ERR_TRANSFORM_FAILED');
    expect(error.message).toContain(message);
    expect(error.message).not.toContain('\n');
  });

  test('a pattern that backtracks without end elsewhere ends', () => {
    expect(apply('filter', { expression: 'record.s.matches("^(a+)+$")' }, { s: `${'a'.repeat(40)}!` })).toBeUndefined();
  });

  test.each([
    ['recrod.x > 1', 'Unknown variable: recrod at character 1'],
    ['record.a >', 'at character 11'],
    ['true &&\n recrod', 'at line 2, character 2'],
    ['1 + 1', 'an expression of type int'],
    ['"a".matches("(")', 'missing closing'],
    ['[record].exists(x, x.s.matches("("))', 'missing closing'],
    ['record.foo()', 'found no matching overload'],
  ])('%j is a problem', (expression, got) => {
    const [problem, ...others] = problemsOf('filter', { expression });
    expect(others).toEqual([]);
    expect(problem).toMatchObject({ path: 'transforms.0.config.expression' });
    expect(problem!.got).toContain(got);
  });

  test('no expression, unknown keys', () => {
    expect(problemsOf('filter', { expresion: 'true' }).map(({ path }) => path)).toEqual([
      'transforms.0.config.expresion',
      'transforms.0.config.expression',
    ]);
  });
});

describe('map', () => {
  test('an expression gives the new record, ints as numbers', () => {
    const config = {
      expression: '{"n": 1 + 2, "l": [1, "x"], "o": {"k": size(record.s)}, "d": duration("90s"), "s": record}',
    };
    expect(apply('map', config, { s: 'é' })).toEqual({ n: 3, l: [1, 'x'], o: { k: 1 }, d: '90s', s: { s: 'é' } });
  });

  test('a list gives several records', () => {
    expect(apply('map', { expression: 'record.l.map(x, {"x": x})' }, { l: [1, 2] })).toEqual([{ x: 1 }, { x: 2 }]);
  });

  test('fields are set on the record, or alone', () => {
    const fields = { b: 'record.a + 1', a: 'string(record.a)' };
    expect(apply('map', { fields }, { a: 1, c: 3 })).toEqual({ a: '1', b: 2, c: 3 });
    expect(apply('map', { fields, keep: false }, { a: 1, c: 3 })).toEqual({ a: '1', b: 2 });
    expect(apply('map', { expression: '{"a": 5}', fields }, {})).toEqual({ a: '5', b: 6 });
  });

  test('no prototype is ever set', () => {
    const hostile = JSON.parse('{"__proto__": {"polluted": true}, "a": 1}');
    for (const [type, config] of [
      ['map', { fields: { b: 'record.a' } }],
      ['map', { expression: '{"__proto__": {"polluted": true}, "r": record}' }],
      ['rename', { fields: { a: 'b' } }],
      ['drop', { fields: ['a'] }],
      ['convert', { fields: { a: 'string' } }],
    ] as const) {
      const result = apply(type, config as TransformSpec['config'], hostile) as Record<string, unknown>;
      expect(Object.getPrototypeOf(result) === null || result.polluted === undefined).toBe(true);
    }
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test.each([
    [{ expression: 'record.a' }, { a: 1 }, 'something other than a map'],
    [{ fields: { n: '9007199254740993 + 0' } }, {}, 'does not fit a number'],
    [{ fields: { n: 'record.a' } }, {}, 'No such key'],
    [{ fields: { n: '1' } }, 'text', 'needs a record with fields'],
  ])('%j refuses %j', (config, record, message) => {
    expect(refusal('map', config as unknown as TransformSpec['config'], record).message).toContain(message);
  });

  test('problems', () => {
    const paths = (config: TransformSpec['config']) => problemsOf('map', config).map(({ path }) => path);
    expect(paths({})).toEqual(['transforms.0.config']);
    expect(paths({ expression: '1', fields: { a: '(', b: 2 }, keep: 'no' })).toEqual([
      'transforms.0.config.expression',
      'transforms.0.config.fields.a',
      'transforms.0.config.fields.b',
      'transforms.0.config.keep',
    ]);
    expect(paths({ fields: JSON.parse('{"__proto__": "1"}') })).toEqual(['transforms.0.config.fields.__proto__']);
  });
});

test('rename keeps the order, swaps, and refuses a clash', () => {
  expect(Object.keys(apply('rename', { fields: { a: 'b', b: 'a', zz: 'y' } }, { a: 1, b: 2, c: 3 }) as object)).toEqual(
    ['b', 'a', 'c'],
  );
  expect(refusal('rename', { fields: { a: 'b' } }, { a: 1, b: 2 }).message).toContain('has a field b already');
  expect(problemsOf('rename', { fields: { a: 'x', b: 'x' } })).toHaveLength(1);
  expect(problemsOf('rename', { fields: { a: '__proto__' } })).toHaveLength(1);
});

test('drop removes fields', () => {
  expect(apply('drop', { fields: ['a', 'zz'] }, { a: 1, b: 2 })).toEqual({ b: 2 });
  expect(problemsOf('drop', { fields: ['a', 1] })).toHaveLength(1);
  expect(problemsOf('drop', { fields: {} })).toHaveLength(1);
});

test('convert changes types and refuses what cannot be', () => {
  const fields = { n: 'number', i: 'integer', b: 'boolean', d: 'date', s: 'string', missing: 'number' };
  expect(apply('convert', { fields }, { n: ' 1e3 ', i: '-7', b: 'No', d: '2024-01-02 03:04', s: 5 })).toEqual({
    n: 1000,
    i: -7,
    b: false,
    d: new Date('2024-01-02T03:04:00Z'),
    s: '5',
  });
  expect(apply('convert', { fields: { n: 'number' } }, { n: '' })).toEqual({ n: null });
  for (const [type, value] of [
    ['number', '0x10'],
    ['number', 'Infinity'],
    ['integer', '1.5'],
    ['boolean', 'maybe'],
    ['date', '2023-02-29'],
    ['date', 'Jan 1 2000'],
    ['string', { a: 1 }],
  ] as const) {
    expect(refusal('convert', { fields: { v: type } }, { v: value }).message).toBe(`The field v holds no ${type}`);
  }
  expect(problemsOf('convert', { fields: { a: 'int' } })).toHaveLength(1);
});
