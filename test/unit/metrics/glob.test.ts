import { describe, expect, test } from '@jest/globals';
import { globPattern } from '../../../src/metrics/glob.ts';

describe('a glob over segments', () => {
  test.each([
    ['dataflow/*', 'dataflow/orders', true],
    ['dataflow/*', 'dataflow/eu/orders', false],
    ['dataflow/**', 'dataflow/eu/orders', true],
    ['**', '', true],
    ['dataflow/or*rs', 'dataflow/orders', true],
    ['dataflow/orders', 'dataflow/orders-2', false],
    ['dataflow/orders', 'my-dataflow/orders', false],
    ['dataflow/a.c', 'dataflow/abc', false],
    ['dataflow/[x]+', 'dataflow/[x]+', true],
    ['dataflow/*', 'dataflow/two\nlines', true],
    ['dataflow/**', 'dataflow/two\nlines', true],
    ['dataflow/*.*', 'dataflow/a.b', true],
    ['', 'dataflow/a', false],
  ])('%j and %j: %s', (glob, path, matches) => {
    expect(globPattern(glob, '/').test(path)).toBe(matches);
  });
});
