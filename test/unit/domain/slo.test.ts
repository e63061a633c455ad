import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { nearestBoundaries } from '../../../src/domain/slo.ts';
import { parsePipelineSpec } from '../../../src/domain/validate.ts';

const parse = (slo: unknown, more = {}) =>
  parsePipelineSpec({
    id: 'orders',
    source: { type: 'push' },
    sink: { type: 'null', connectionString: 'null' },
    slo,
    ...more,
  });

function sloOf(slo: unknown) {
  const parsed = parse(slo);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.definition.config.slo;
}

function problemsOf(slo: unknown, more = {}) {
  const parsed = parse(slo, more);
  return parsed.ok ? [] : parsed.problems;
}

const whole = {
  success: { target: 0.999 },
  latency: { target: 0.99, underMs: 1000 },
  freshness: { target: 0.995, withinMs: 600_000 },
  window: '28d',
};

describe('the objectives of a pipeline', () => {
  test('are kept as they are written, the window filled in', () => {
    expect(sloOf(whole)).toEqual(whole);
    expect(sloOf({ success: { target: 0.9 } })).toEqual({ success: { target: 0.9 }, window: '30d' });
  });

  test('are absent where nobody wrote them', () => {
    const parsed = parse(undefined);
    expect(parsed.ok && Object.hasOwn(parsed.definition.config, 'slo')).toBe(false);
  });

  test('are read again as they are stored', () => {
    const share = fc.double({ min: 0, max: 1, minExcluded: true, maxExcluded: true, noNaN: true });
    const slo = fc.record(
      {
        success: fc.record({ target: share }),
        latency: fc.record({ target: share, underMs: fc.integer({ min: 1, max: 300_000 }) }),
        freshness: fc.record({ target: share, withinMs: fc.integer({ min: 60_000, max: 604_800_000 }) }),
        window: fc.integer({ min: 7, max: 366 }).map((days) => `${days}d`),
      },
      { requiredKeys: ['success', 'window'] },
    );
    fc.assert(fc.property(slo, (input) => expect(sloOf(JSON.parse(JSON.stringify(input)))).toEqual(input)));
  });

  test.each<[string, unknown, string, string]>([
    ['no mapping', 0.99, 'slo', '0.99'],
    ['nothing promised', {}, 'slo', 'no objective'],
    ['a window alone', { window: '30d' }, 'slo', 'no objective'],
    ['an unknown objective', { ...whole, sucess: {} }, 'slo.sucess', 'the unknown key "sucess"'],
    ['an unknown key', { latency: { ...whole.latency, under: 1 } }, 'slo.latency.under', 'the unknown key "under"'],
    [
      'a limit of success',
      { success: { target: 0.9, underMs: 5 } },
      'slo.success.underMs',
      'the unknown key "underMs"',
    ],
    ['no target', { success: {} }, 'slo.success.target', 'nothing'],
    ['a target of 1', { success: { target: 1 } }, 'slo.success.target', '1'],
    ['a target of 0', { success: { target: 0 } }, 'slo.success.target', '0'],
    ['per cent', { success: { target: 99.9 } }, 'slo.success.target', '99.9'],
    ['a text', { success: { target: '99.9%' } }, 'slo.success.target', '"99.9%"'],
    ['NaN', { success: { target: Number.NaN } }, 'slo.success.target', 'NaN'],
    ['no latency', { latency: { target: 0.9 } }, 'slo.latency.underMs', 'nothing'],
    ['a latency of 0', { latency: { target: 0.9, underMs: 0 } }, 'slo.latency.underMs', '0'],
    ['a latency beyond the timeout', { latency: { target: 0.9, underMs: 300_001 } }, 'slo.latency.underMs', '300001'],
    ['freshness below a minute', { freshness: { target: 0.9, withinMs: 59_999 } }, 'slo.freshness.withinMs', '59999'],
    ['freshness of a text', { freshness: { target: 0.9, withinMs: '5m' } }, 'slo.freshness.withinMs', '"5m"'],
    ['a short window', { ...whole, window: '6d' }, 'slo.window', '"6d"'],
    ['a long window', { ...whole, window: '367d' }, 'slo.window', '"367d"'],
    ['another unit', { ...whole, window: '4w' }, 'slo.window', '"4w"'],
    ['a number', { ...whole, window: 30 }, 'slo.window', '30'],
  ])('%s is refused', (_what, slo, path, got) => {
    expect(problemsOf(slo)).toEqual([{ path, expected: expect.any(String), got }]);
  });

  test('are refused with every problem at once', () => {
    const slo = { success: { target: 2 }, latency: null, freshness: { target: 0.9 }, window: '', other: 1 };
    expect(problemsOf(slo).map(({ path }) => path)).toEqual([
      'slo.other',
      'slo.success.target',
      'slo.latency',
      'slo.freshness.withinMs',
      'slo.window',
    ]);
  });

  test('cannot promise a latency that the batch timeout never lets one measure', () => {
    const slo = { latency: { target: 0.9, underMs: 5000 } };
    expect(problemsOf(slo, { batchTimeoutMs: 5000 })).toEqual([]);
    expect(problemsOf(slo, { batchTimeoutMs: 4999 })).toEqual([
      { path: 'slo.latency.underMs', expected: 'a number of ms above 0, at most batchTimeoutMs (4999)', got: '5000' },
    ]);
  });
});

test.each<[number, string | undefined]>([
  [1000, undefined],
  [1100, undefined],
  [7, '5 or 1000'],
  [1, '5'],
  [2000, '1100'],
])('for a latency of %d ms the nearest boundaries are %p', (underMs, nearest) => {
  // 1.1 · 1000 is not 1100 in floating point.
  expect(nearestBoundaries({ target: 0.9, underMs }, [0.005, 1, 1.1])).toBe(nearest);
});
