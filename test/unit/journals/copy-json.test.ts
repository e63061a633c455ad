import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { copyJson } from '../../../src/journals/copy-json.ts';

describe('copyJson', () => {
  test('means what a way through text means', () => {
    fc.assert(
      fc.property(fc.object({ withDate: true, withNullPrototype: true, withSparseArray: true }), (value) => {
        expect(JSON.stringify(copyJson(value))).toBe(JSON.stringify(value));
        expect(copyJson(value)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('shares nothing with the original', () => {
    const original = { list: [{ deep: 1 }], nested: { text: 'a' } };
    const copy = copyJson(original);
    original.list[0]!.deep = 2;
    original.nested.text = 'b';
    expect(copy).toEqual({ list: [{ deep: 1 }], nested: { text: 'a' } });
  });

  test.each([
    ['a date', { at: new Date(0) }, { at: '1970-01-01T00:00:00.000Z' }],
    ['undefined', { a: undefined, b: [undefined] }, { b: [null] }],
    ['NaN and infinity', { a: Number.NaN, b: -Infinity }, { a: null, b: null }],
    ['minus zero', { a: -0 }, { a: 0 }],
    ['toJSON', { a: { toJSON: () => 'text' } }, { a: 'text' }],
  ])('treats %s as JSON does', (_, value, expected) => {
    expect(copyJson<unknown>(value)).toStrictEqual(expected);
  });

  test('may share what is frozen all the way down, and nothing else', () => {
    const frozen = Object.freeze({ list: Object.freeze([1, 'a', null]), nested: Object.freeze({ deep: true }) });
    expect(copyJson({ frozen }).frozen).toEqual(frozen);
    const half = Object.freeze({ nested: { deep: 1 }, list: Object.freeze([{ deep: 1 }]) });
    const copy = copyJson(half);
    half.nested.deep = 2;
    half.list[0]!.deep = 2;
    expect(copy).toEqual({ nested: { deep: 1 }, list: [{ deep: 1 }] });
  });

  test.each([
    ['minus zero', Object.freeze({ a: -0 }), { a: 0 }],
    ['NaN', Object.freeze({ a: Number.NaN }), { a: null }],
    ['undefined', Object.freeze({ a: undefined }), {}],
    ['holes', Object.freeze({ a: Object.freeze(new Array(2)) }), { a: [null, null] }],
    ['a date', Object.freeze({ a: Object.freeze(new Date(0)) }), { a: '1970-01-01T00:00:00.000Z' }],
    ['toJSON', Object.freeze({ a: Object.freeze({ toJSON: () => 'text' }) }), { a: 'text' }],
  ])('treats frozen %s as JSON does', (_, value, expected) => {
    expect(copyJson<unknown>(value)).toStrictEqual(expected);
  });

  test('keeps a field called __proto__ a field', () => {
    const copy = copyJson(JSON.parse('{"a":{"__proto__":{"b":1}}}'));
    expect(JSON.stringify(copy)).toBe('{"a":{"__proto__":{"b":1}}}');
    expect(copy.a.b).toBeUndefined();
  });
});
