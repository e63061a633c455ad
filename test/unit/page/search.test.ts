import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { promQl } from '../../../page/search/promql.ts';
import { quantile } from '../../../page/search/quantile.ts';
import { matchesInstrument, matchesLabels, parseQuery } from '../../../page/search/query.ts';

const processed = {
  instrument: 'dataflow.batches.processed',
  family: 'dataflow_batches_processed',
  kind: 'counter',
  help: 'Batches that went through',
  attributes: ['pipeline_id'],
};
const duration = {
  instrument: 'dataflow.batch.duration',
  family: 'dataflow_batch_duration_seconds',
  kind: 'histogram',
  help: 'Time from the first attempt to the outcome',
  attributes: ['pipeline_id'],
};

const found = (text: string) =>
  [processed, duration].filter((searched) => matchesInstrument(parseQuery(text), searched)).map(({ kind }) => kind);

describe('a search', () => {
  test.each([
    ['', ['counter', 'histogram']],
    ['name:batches', ['counter']],
    ['name:Batch.Dur', ['histogram']],
    ['type:hist', ['histogram']],
    ['type:counter type:histogram', ['counter', 'histogram']],
    ['type:gauge', []],
    ['label:pipeline_id', ['counter', 'histogram']],
    ['label:pipeline_id=orders', ['counter', 'histogram']],
    ['label:error_code', []],
    ['/batch(es)?\\.p/', ['counter']],
    ['/DURATION/i', ['histogram']],
    ['/DURATION/', []],
    ['/_seconds$/', ['histogram']],
    ['outcome time', ['histogram']],
    ['batch type:counter went', ['counter']],
  ])('for %j finds %j', (text, kinds) => {
    expect(found(text)).toEqual(kinds);
  });

  test('takes values with spaces in quotes', () => {
    expect(parseQuery('name:"a b" label:path="x y"')).toMatchObject({
      names: ['a b'],
      labels: [{ key: 'path', value: 'x y' }],
    });
  });

  test('compares the values of labels', () => {
    const query = parseQuery('label:pipeline_id=orders label:state');
    expect(matchesLabels(query, { pipeline_id: 'orders', state: 'running' })).toBe(true);
    expect(matchesLabels(query, { pipeline_id: 'orders' })).toBe(false);
    expect(matchesLabels(query, { pipeline_id: 'others', state: 'running' })).toBe(false);
  });

  test.each([
    ['/(/', /not a regular expression/],
    ['type:histogramm', /none of counter, gauge, histogram/],
  ])('says what is wrong with %j', (text, problem) => {
    expect(parseQuery(text).problem).toMatch(problem);
  });

  test('reads whatever is typed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        matchesInstrument(parseQuery(text), processed);
      }),
    );
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z_.]{1,20}$/), (name) => {
        expect(parseQuery(`name:${name}`).names).toEqual([name]);
      }),
    );
  });
});

describe('a query to copy', () => {
  test.each([
    ['counter', 'a_total', { id: 'x' }, 'rate(a_total{id="x"}[5m])'],
    ['gauge', 'a', {}, 'a'],
    ['gauge', 'a', { path: 'C:\\"x"\n' }, 'a{path="C:\\\\\\"x\\"\\n"}'],
    ['gauge', 'a', { 'x.y': '1' }, 'a{"x.y"="1"}'],
    ['histogram', 'a', { id: 'x' }, 'histogram_quantile(0.95, sum by (le) (rate(a_bucket{id="x"}[5m])))'],
  ] as const)('of a %s %s', (kind, name, labels, expected) => {
    expect(promQl(kind, name, labels)).toBe(expected);
  });
});

describe('a quantile', () => {
  const histogram = (counts: readonly number[]) => ({
    count: counts.at(-1)!,
    sum: 0,
    buckets: counts.map((count, index) => ({ le: [10, 20, '+Inf' as const][index]!, count })),
  });

  test.each([
    [[10, 20, 20], 0.5, 10],
    [[10, 20, 20], 0.75, 15],
    [[10, 20, 20], 0.25, 5],
    [[0, 4, 4], 0.5, 15],
    [[0, 0, 4], 0.5, 20],
    [[0, 0, 0], 0.5, null],
  ])('of %j at %f is %j', (counts, share, expected) => {
    expect(quantile(histogram(counts), share)).toBe(expected);
  });
});
