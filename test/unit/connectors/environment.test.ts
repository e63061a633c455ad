import { expect, test } from '@jest/globals';
import { refersToEnvironment, resolveEnvironment } from '../../../src/connectors/environment.ts';

const reference = (name: string) => `\${${name}}`;

test('replaces references in every string, deeply, and leaves the input alone', () => {
  const spec = {
    a: `x${reference('A')}y${reference('A')}`,
    b: [reference('B:-d'), 1, null],
    c: { d: reference('EMPTY:-e') },
  };
  const before = JSON.stringify(spec);
  expect(resolveEnvironment(spec, { A: '$&', EMPTY: '' })).toEqual({ a: 'x$&y$&', b: ['d', 1, null], c: { d: 'e' } });
  expect(JSON.stringify(spec)).toBe(before);
});

test('a set but empty variable is a value; an empty default is one too; values are not resolved again', () => {
  expect(resolveEnvironment([reference('E'), reference('N:-'), reference('R')], { E: '', R: reference('E') })).toEqual([
    '',
    '',
    reference('E'),
  ]);
});

test('names every missing variable, and takes none from a prototype', () => {
  const spec = { a: reference('ONE'), b: [reference('TWO'), reference('toString')] };
  expect(() => resolveEnvironment(spec, { THREE: 'secret' })).toThrow(
    expect.objectContaining({
      code: 'DATAFLOW_ERR_CONNECTOR_INVALID',
      message: expect.stringMatching(/^(?!.*secret).*ONE, TWO, toString/),
    }),
  );
});

test('knows whether anything refers to the environment', () => {
  expect(refersToEnvironment({ a: [{ b: `x${reference('A')}` }] })).toBe(true);
  expect(refersToEnvironment({ a: ['$A', '{A}', null, 3] })).toBe(false);
});
