import { expect, test } from '@jest/globals';
import { instrumentFilter } from '../../../src/telemetry/instrument-filter.ts';

test.each([
  [[], [], 'a.b', true],
  [['a.*'], [], 'a.b', true],
  [['a.*'], [], 'a.b.c', false],
  [['a.**'], [], 'a.b.c', true],
  [['**.c'], [], 'a.b.c', true],
  [['a.b'], [], 'axb', false],
  [['**'], ['a.**'], 'a.b', false],
  [[], ['x.*'], 'a.b', true],
  [['a.(b|c)+'], [], 'a.b', false],
] as const)('include %p exclude %p: %s is %p', (include, exclude, name, wanted) => {
  expect(instrumentFilter({ include, exclude })(name)).toBe(wanted);
});
