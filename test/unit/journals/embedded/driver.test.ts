import { expect, test } from '@jest/globals';
import { isSafeVersion } from '../../../../src/journals/embedded/driver.ts';

test.each([
  [undefined, false],
  ['3.50.9', false],
  ['3.51.2', false],
  ['3.51.3', true],
  ['3.51.10', true],
  ['3.53', true],
  ['4.0.0', true],
])('SQLite %s is safe: %s', (version, safe) => {
  expect(isSafeVersion(version)).toBe(safe);
});
