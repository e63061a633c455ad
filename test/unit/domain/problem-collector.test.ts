import { describe, expect, test } from '@jest/globals';
import {
  describeGot,
  isMapping,
  joinPath,
  nearest,
  own,
  ProblemCollector,
} from '../../../src/domain/problem-collector.ts';

describe('nearest', () => {
  const known = ['type', 'connectionString', 'batchSize', 'options'];

  test.each([
    ['tpye', 'type'],
    ['Type', 'type'],
    ['batch-size', 'batchSize'],
    ['option', 'options'],
    ['connectonString', 'connectionString'],
  ])('%s may mean %s', (word, meant) => {
    expect(nearest(word, known)).toBe(meant);
  });

  test.each([['zebra'], ['x'], [''], ['o'.repeat(100_000)]])('%.20s means none', (word) => {
    expect(nearest(word, known)).toBeUndefined();
  });
});

describe('describeGot', () => {
  test.each<[unknown, string]>([
    [undefined, 'nothing'],
    [null, 'null'],
    ['', 'an empty string'],
    ['a\u001b[31m', '"a\\u001b[31m"'],
    ['x'.repeat(100), `"${'x'.repeat(60)}" (100 characters)`],
    [[], 'an empty list'],
    [[1], 'a list of 1'],
    [{}, 'a mapping'],
    [new Map(), 'an object of class Map'],
    [Object.create({ constructor: 1 }), 'an object of class unknown'],
    [() => 1, 'a function'],
    [Symbol('x'), 'a symbol'],
    [5n, '5n'],
    [false, 'false'],
    [Number.NaN, 'NaN'],
  ])('of %p is %s', (value, text) => {
    expect(describeGot(value)).toBe(text);
  });

  test('shows nothing of a value under a secret key, wherever the key stands', () => {
    expect(describeGot('hunter2', 'sink.options.password')).toBe('a string (hidden)');
    expect(describeGot(7_654_321, 'auth.pin.0')).toBe('a number (hidden)');
    expect(describeGot('hunter2', 'DB_PASSWORD')).toBe('a string (hidden)');
  });

  test('hides a secret that the cut would have taken apart', () => {
    expect(describeGot(`${'x'.repeat(40)} https://user:hunter2hunter2hunter2@host`)).not.toContain('hunter2');
  });
});

test('a path holds no line break or control character', () => {
  expect(joinPath('a', 'b.c')).toBe('a.b.c');
  expect(joinPath('', 0)).toBe('0');
  expect(joinPath('a', 'x\n\u001b[31m')).toBe('a."x\\n\\u001b[31m"');
});

test('own properties alone are read', () => {
  expect(own({}, 'toString')).toBeUndefined();
  expect(own(JSON.parse('{"__proto__": 1}'), '__proto__')).toBe(1);
});

test('a mapping is a plain object of any realm', () => {
  expect([{}, Object.create(null), structuredClone({})].map(isMapping)).toEqual([true, true, true]);
  expect([null, [], new Date(), 'x', new (class A {})()].map(isMapping)).toEqual(new Array(5).fill(false));
});

test('a JSON mapping is a deep copy without undefined', () => {
  const check = new ProblemCollector();
  const input = { a: [{ b: 1 }], c: undefined };
  const copy = check.jsonMapping(input, 'options');
  expect(copy).toStrictEqual({ a: [{ b: 1 }] });
  expect(copy.a).not.toBe(input.a);
  expect(check.problems).toEqual([]);
});

test('the same object in two places is no cycle', () => {
  const check = new ProblemCollector();
  const shared = { a: 1 };
  expect(check.jsonMapping({ x: shared, y: [shared] }, '')).toEqual({ x: { a: 1 }, y: [{ a: 1 }] });
  expect(check.problems).toEqual([]);
});
