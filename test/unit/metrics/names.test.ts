import { describe, expect, test } from '@jest/globals';
import { INSTRUMENT_LIST } from '../../../src/metrics/names.ts';
import { familyName } from '../../../src/server/prometheus-names.ts';

describe('the instrument table', () => {
  test.each(INSTRUMENT_LIST.map((definition) => [definition.name, definition] as const))(
    '%s becomes its documented series by the naming rules',
    (_name, { name, unit, kind, series }) => {
      expect(familyName(name, unit, kind)).toBe(series);
    },
  );

  test('names, series and descriptions are there, and no name or series twice', () => {
    expect(new Set(INSTRUMENT_LIST.map(({ name }) => name)).size).toBe(INSTRUMENT_LIST.length);
    expect(new Set(INSTRUMENT_LIST.map(({ series }) => series)).size).toBe(INSTRUMENT_LIST.length);
    for (const { description } of INSTRUMENT_LIST) expect(description).toMatch(/^[A-Z1].*[.)]$/);
  });

  test('histograms, and only they, have ascending buckets', () => {
    for (const { name, kind, buckets } of INSTRUMENT_LIST) {
      expect([name, buckets !== undefined]).toEqual([name, kind === 'histogram']);
      if (buckets !== undefined) expect([...buckets].sort((a, b) => a - b)).toEqual(buckets);
    }
  });

  test('the documented histogram has the documented buckets', () => {
    const definition = INSTRUMENT_LIST.find(({ name }) => name === 'dataflow.batch.processing.time.ms');
    expect(definition?.buckets).toEqual([1, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000]);
  });
});
