import { expect, test } from '@jest/globals';
import { ErrorCodes } from '../../../src/metrics/error-codes.ts';

test.each([
  [' timeout ', 'TIMEOUT'],
  ['', 'UNKNOWN'],
  [undefined, 'UNKNOWN'],
  ['x'.repeat(65), 'X'.repeat(64)],
  [`${'x'.repeat(63)}😀`, 'X'.repeat(63)],
  [`${'x'.repeat(62)}😀y`, `${'X'.repeat(62)}😀`],
  ['\u{d83d}', 'UNKNOWN'],
])('%j is the label %j', (code, label) => {
  const codes = new ErrorCodes({ limit: 2, onOverflow: () => {} });
  expect(codes.label(code)).toBe(label);
});

test('further codes than the limit are OTHER, told with whether it is the first time', () => {
  const told: boolean[] = [];
  const codes = new ErrorCodes({ limit: 2, onOverflow: (first) => told.push(first) });
  expect(['a', 'b', 'c', 'A', 'd', 'other'].map((code) => codes.label(code))).toEqual([
    'A',
    'B',
    'OTHER',
    'A',
    'OTHER',
    'OTHER',
  ]);
  expect(told).toEqual([true, false]);
});
