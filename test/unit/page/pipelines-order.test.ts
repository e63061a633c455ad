import { describe, expect, test } from '@jest/globals';
import type { PipelineSummary } from '../../../page/api/contract.ts';
import { concern, matches, SORT_KEYS, sorted, wordsOf, worst } from '../../../page/pipelines-order.ts';

function pipeline(id: string, some: Partial<PipelineSummary> = {}): PipelineSummary {
  return {
    id,
    name: id,
    description: '',
    state: 'running',
    sourceType: 'file',
    sinkType: 'null',
    recordsProcessed: 1000,
    recordsFailed: 0,
    batchesProcessed: 10,
    batchesFailed: 0,
    retries: 0,
    timeouts: 0,
    deadLettered: 0,
    throughputPerSecond: 1,
    averageProcessingTimeMs: null,
    p95Ms: null,
    checkpointOffset: 0,
    checkpointAt: null,
    lastBatchAt: null,
    lagRecords: null,
    batchInFlight: false,
    lastError: null,
    since: null,
    history: [],
    ...some,
  };
}

const ids = (list: readonly PipelineSummary[]): string => list.map(({ id }) => id).join(' ');

const fine = pipeline('p10', { throughputPerSecond: 5, lagRecords: 0 });
const failed = pipeline('p2', { state: 'failed', throughputPerSecond: 0 });
const flaky = pipeline('p1', { batchesFailed: 10, recordsFailed: 5, throughputPerSecond: null });
const paused = pipeline('p3', { state: 'paused', throughputPerSecond: 0, lagRecords: 50 });
const all = [fine, failed, flaky, paused];

describe('the order', () => {
  test.each([
    ['name', false, 'p1 p2 p3 p10'],
    ['name', true, 'p10 p3 p2 p1'],
    ['state', false, 'p2 p3 p1 p10'],
    ['throughput', true, 'p10 p2 p3 p1'],
    ['throughput', false, 'p2 p3 p10 p1'],
    ['errors', true, 'p1 p2 p3 p10'],
    ['lag', true, 'p3 p10 p1 p2'],
  ] as const)('by %s, descending %p', (key, descending, expected) => {
    expect(ids(sorted(all, { key, descending }))).toBe(expected);
  });

  test.each(SORT_KEYS)('by %s leaves the given list alone and loses nothing', (key) => {
    const given = [...all];
    expect(new Set(sorted(given, { key, descending: true }))).toEqual(new Set(all));
    expect(given).toEqual(all);
  });

  test('of the worst is failed, failing, paused; what is fine is not among them', () => {
    expect(ids(worst(all, 10))).toBe('p2 p1 p3');
    expect(ids(worst(all, 1))).toBe('p2');
    expect(concern(fine)).toBe(0);
  });
});

describe('a filter', () => {
  const error = { code: 'ECONNREFUSED', message: '', at: null };
  const orders = pipeline('orders', { description: 'To the Warehouse', sinkType: 'postgres', lastError: error });
  test.each([
    ['', true],
    ['ORD', true],
    ['warehouse postgres', true],
    ['econn', true],
    ['orders kafka', false],
  ])('of words %j', (text, expected) => {
    expect(matches(orders, wordsOf(text), new Set())).toBe(expected);
  });

  test('of states', () => {
    expect(matches(orders, [], new Set(['running', 'failed']))).toBe(true);
    expect(matches(orders, [], new Set(['failed']))).toBe(false);
  });
});
