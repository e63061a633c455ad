import { expect, test } from '@jest/globals';
import { parseDuration } from '../../../src/config/duration.ts';

test.each<[unknown, number]>([
  [250, 250],
  ['250', 250],
  ['500ms', 500],
  ['10s', 10_000],
  ['10 seconds', 10_000],
  ['1 second', 1_000],
  ['1.5s', 1_500],
  [' 2 Minutes ', 120_000],
  ['2m', 120_000],
  ['1h', 3_600_000],
])('%p is %d ms', (value, expected) => {
  expect(parseDuration(value)).toBe(expected);
});

test.each([
  ['10 parsecs'],
  ['s'],
  ['-1s'],
  ['1s 2s'],
  ['1e3'],
  [''],
  [Number.NaN],
  [true],
  [null],
  [{}],
  ['1'.repeat(50)],
])('%p is no duration', (value) => {
  expect(parseDuration(value)).toBeUndefined();
});
