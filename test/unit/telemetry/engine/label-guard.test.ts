import { describe, expect, test } from '@jest/globals';
import type { AttributeValue } from '@opentelemetry/api';
import { guardKeys, guardValue, isUnchanging, valueText } from '../../../../src/telemetry/engine/label-guard.ts';

function guarded(...raw: string[]) {
  const warnings: string[] = [];
  const { keys, sources } = guardKeys(raw, new Map(), (message) => warnings.push(message));
  return { pairs: Object.fromEntries(keys.map((key, index) => [sources[index], key])), keys, warnings };
}

describe('keys', () => {
  test('ordinary ones stay as they are, sorted, in silence', () => {
    expect(guarded('pipeline_id', 'error.code', 'a-b')).toEqual({
      keys: ['a-b', 'error.code', 'pipeline_id'],
      pairs: { 'a-b': 'a-b', 'error.code': 'error.code', pipeline_id: 'pipeline_id' },
      warnings: [],
    });
  });

  test.each([
    ['le', 'exported_le'],
    ['quantile', 'exported_quantile'],
    ['__name__', 'exported_name_'],
    ['__proto__', 'exported_proto_'],
    ['otel.scope.name', 'exported_otel_scope_name'],
    ['1st', '_1st'],
  ])('%s becomes %s, with a warning', (raw, key) => {
    const { pairs, warnings } = guarded(raw);
    expect(pairs).toEqual({ [raw]: key });
    expect(warnings).toHaveLength(1);
  });

  test.each(['', '_', '***', 'ключ'])('%j cannot be a label and is left out, with a warning', (raw) => {
    const { keys, warnings } = guarded(raw, 'id');
    expect(keys).toEqual(['id']);
    expect(warnings).toHaveLength(1);
  });

  test('keys that are one label get numbers, in the same way whatever their order; untouched ones keep theirs', () => {
    const wanted = { 'a.b': 'a.b', 'a-b': 'a-b', a_b: 'a_b', le: 'le', exported_le: 'exported_le' };
    const one = guarded('a.b', 'a_b', 'a-b', 'le', 'exported_le');
    const other = guarded('exported_le', 'le', 'a-b', 'a_b', 'a.b');
    expect(one.pairs).toEqual(other.pairs);
    expect(Object.keys(one.pairs).sort()).toEqual(Object.keys(wanted).sort());
    expect(one.pairs.exported_le).toBe('exported_le');
    expect(one.pairs.le).toBe('exported_le_2');
    const labels = one.keys.map((key) => key.replaceAll(/[^a-zA-Z0-9_]/g, '_'));
    expect(new Set(labels).size).toBe(5);
  });
});

test('keys that are one label are one key in all sets, the first that came', () => {
  const keyOf = new Map<string, string>();
  const warnings: string[] = [];
  const keysOf = (...raw: string[]) => guardKeys(raw, keyOf, (message) => warnings.push(message)).keys;
  expect(keysOf('a.b')).toEqual(['a.b']);
  expect(keysOf('a_b')).toEqual(['a.b']);
  expect(keysOf('a-b', 'id')).toEqual(['a.b', 'id']);
  expect(warnings).toHaveLength(2);
});

describe('values', () => {
  test.each<[unknown, AttributeValue | undefined]>([
    ['plain "\n\\', 'plain "\n\\'],
    ['', undefined],
    [undefined, undefined],
    [null, undefined],
    ['a\uD800b\uDC00', 'a\uFFFDb\uFFFD'],
    ['pair \u{1F600}', 'pair \u{1F600}'],
    [0, 0],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    [false, false],
    [10n, '10'],
    [['x', 1], ['x', 1] as unknown as AttributeValue],
    [{ a: 1 }, '{"a":1}'],
  ])('%p becomes %p', (raw, value) => {
    expect(guardValue(raw)).toEqual(value);
  });

  test('what cannot be read is still a value', () => {
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    expect(guardValue(circular)).toBe('[unreadable]');
    expect(typeof guardValue(() => 1)).toBe('string');
    expect(guardValue(Symbol('s'))).toBe('Symbol(s)');
  });

  test('text is what a label shows', () => {
    expect([valueText('a'), valueText(1), valueText(true), valueText(['a'])]).toEqual(['a', '1', 'true', '["a"]']);
  });
});

test('only a frozen object without lists is known by identity', () => {
  expect(isUnchanging({ a: 1 })).toBe(false);
  expect(isUnchanging(Object.freeze({ a: 1 }))).toBe(true);
  expect(isUnchanging(Object.freeze({ a: ['x'] }))).toBe(false);
});
