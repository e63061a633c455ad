import { describe, expect, test } from '@jest/globals';
import {
  History,
  OVERVIEW_COLUMNS,
  type OverviewSample,
  PIPELINE_COLUMNS,
  type PipelineSample,
  SAMPLE_INTERVAL_MS,
  SAMPLES,
} from '../../../../src/server/status/history.ts';
import { quantile } from '../../../../src/server/status/quantiles.ts';

const filled = <T>(columns: readonly string[], value: number): T =>
  Object.fromEntries(columns.map((name) => [name, value])) as T;
const overview = (value: number): OverviewSample => filled(OVERVIEW_COLUMNS, value);
const pipeline = (value: number): PipelineSample => filled(PIPELINE_COLUMNS, value);

describe('the history', () => {
  test('spans an hour', () => {
    expect(SAMPLES * SAMPLE_INTERVAL_MS).toBe(3_600_000);
  });

  test('is empty before the first sample', () => {
    const history = new History();
    expect(history.overview()).toMatchObject({ intervalSeconds: 10, times: [], recordsPerSecond: [] });
    expect(history.pipeline('a')).toMatchObject({ times: [], p95Ms: [] });
    expect(history.spark('a')).toEqual(new Array(60).fill(0));
  });

  test('keeps the newest samples, oldest first, with null for what was not measured', () => {
    const history = new History();
    for (let n = 0; n < SAMPLES + 5; n++) {
      history.add(1000 + n * 10, overview(n), new Map([['a', pipeline(n === SAMPLES + 4 ? Number.NaN : n)]]));
    }
    const shown = history.pipeline('a');
    expect(shown.times).toHaveLength(SAMPLES);
    expect([shown.times[0], shown.times.at(-1)]).toEqual([1050, 1000 + (SAMPLES + 4) * 10]);
    expect([shown.recordsPerSecond[0], shown.recordsPerSecond.at(-2)]).toEqual([5, SAMPLES + 3]);
    expect(shown.recordsPerSecond.at(-1)).toBeNull();
    expect(history.overview().heapUsedBytes.at(-1)).toBe(SAMPLES + 4);
    expect(history.latest('a', 'p95Ms')).toBe(SAMPLES + 3);
  });

  test('a pipeline that came late has null before, one that went has nothing', () => {
    const history = new History();
    history.add(0, overview(0), new Map([['old', pipeline(1)]]));
    history.add(10, overview(0), new Map([['new', pipeline(2)]]));
    expect(history.pipeline('new').recordsPerSecond).toEqual([null, 2]);
    expect(history.pipeline('old').recordsPerSecond).toEqual([null, null]);
    expect(history.latest('old', 'p95Ms')).toBeUndefined();
    history.add(20, overview(0), new Map([['old', pipeline(3)]]));
    expect(history.pipeline('old').recordsPerSecond).toEqual([null, null, 3]);
  });

  test('a sparkline is the mean of each minute, the newest last', () => {
    const history = new History();
    for (let n = 0; n < 14; n++)
      history.add(n * 10, overview(0), new Map([['a', pipeline(n < 6 ? 1 : n < 12 ? 4 : 7)]]));
    expect(history.spark('a').slice(-4)).toEqual([0, 1, 4, 7]);
    for (let n = 14; n < SAMPLES + 12; n++) history.add(n * 10, overview(0), new Map([['a', pipeline(n)]]));
    const spark = history.spark('a');
    expect(spark).toHaveLength(60);
    expect(spark.at(-1)).toBe((SAMPLES + 6 + (SAMPLES + 11)) / 2);
    expect(spark[0]).toBeCloseTo((7 + 7 + 14 + 15 + 16 + 17) / 6, 3);
  });

  test('a thousand pipelines take what the docstring says', () => {
    const cellBytes = SAMPLES * PIPELINE_COLUMNS.length * Float32Array.BYTES_PER_ELEMENT;
    expect(cellBytes).toBe(10_080);
    const before = process.memoryUsage().arrayBuffers;
    const history = new History();
    const samples = new Map(Array.from({ length: 1000 }, (_, n) => [`p${n}`, pipeline(n)] as const));
    history.add(0, overview(0), samples);
    const bytes = process.memoryUsage().arrayBuffers - before;
    expect(history.pipeline('p999').p95Ms).toEqual([999]);
    expect(bytes).toBeLessThan(20_000_000);
  });
});

describe('a quantile', () => {
  const bounds = [10, 20, 40];
  test.each([
    ['half of an even bucket', 0.5, [0, 4, 0, 0], 15],
    ['the first bucket begins at 0', 0.5, [2, 0, 0, 0], 5],
    ['the last bucket has no upper bound', 0.99, [0, 0, 0, 9], 40],
    ['over several buckets', 0.75, [1, 1, 2, 0], 30],
    ['all of them', 1, [1, 1, 0, 0], 20],
  ])('%s', (_name, share, counts, value) => {
    expect(quantile(share, bounds, counts)).toBeCloseTo(value, 10);
  });

  test('there is none without measurements', () => {
    expect(quantile(0.5, bounds, [0, 0, 0, 0])).toBeNaN();
  });
});
