import { describe, expect, test } from '@jest/globals';
import { pipelineHash, routeOf } from '../../../page/address.ts';
import type { JournalEvent } from '../../../page/api/contract.ts';
import * as format from '../../../page/format.ts';
import { textOf, titleOf, toneOf } from '../../../page/pipeline-events.ts';

const NBSP = /[\u00a0\u202f]/g;

const { formatCount, formatCompact, formatRate, formatMs, formatSeconds, formatPercent, formatBytes, formatDuration } =
  format;
const FORMATS = {
  formatCount,
  formatCompact,
  formatRate,
  formatMs,
  formatSeconds,
  formatPercent,
  formatBytes,
  formatDuration,
};

describe('numbers', () => {
  test.each<[keyof typeof FORMATS, number | null, string]>([
    ['formatCount', 1234567, '1,234,567'],
    ['formatCount', 123456789, '123.5M'],
    ['formatCount', null, '–'],
    ['formatCompact', 0, '0'],
    ['formatCompact', 0.01234, '0.0123'],
    ['formatCompact', 42.26, '42.3'],
    ['formatCompact', 12_345, '12.3K'],
    ['formatRate', 1500, '1.5K/s'],
    ['formatRate', Number.NaN, '–'],
    ['formatMs', 0, '0 ms'],
    ['formatMs', 0.25, '250 µs'],
    ['formatMs', 12.345, '12.3 ms'],
    ['formatMs', 1500, '1.5 s'],
    ['formatMs', 90_000, '1 min 30 s'],
    ['formatSeconds', 0.0123, '12.3 ms'],
    ['formatPercent', 0.1234, '12.3 %'],
    ['formatBytes', 0, '0 B'],
    ['formatBytes', 1023, '1,020 B'],
    ['formatBytes', 1536, '1.5 KiB'],
    ['formatBytes', 5 * 1024 ** 3, '5 GiB'],
    ['formatDuration', 0.4, '0 s'],
    ['formatDuration', 60, '1 min'],
    ['formatDuration', 93_784, '1 d 2 h'],
  ])('%s(%p) is %p', (name, value, expected) => {
    const text = FORMATS[name](value);
    expect(text.replaceAll(NBSP, ' ')).toBe(expected);
  });
});

test('how long ago is said in one unit', () => {
  const at = '2026-01-01T00:00:00.000Z';
  const now = Date.parse(at);
  expect(format.formatAgo(at, now + 500)).toBe('just now');
  expect(format.formatAgo(at, now - 5000)).toBe('just now');
  expect(format.formatAgo(at, now + 3_725_000)).toBe('1 h ago');
  expect(format.formatAgo(null, now)).toBe('–');
});

test('values read as they were written', () => {
  expect([undefined, null, '', 'x', 1, [1], { a: 1 }].map(format.formatValue)).toEqual([
    '–',
    '–',
    '–',
    'x',
    '1',
    '[1]',
    '{"a":1}',
  ]);
});

describe('a journal event', () => {
  const event = (type: string, fields: object = {}): JournalEvent => ({
    sequenceNumber: 1,
    type,
    timestamp: '2026-01-01T00:00:00.000Z',
    event: { type, ...fields },
  });
  const error = { code: 'TIMEOUT', message: 'too late' };

  test.each([
    ['PipelineStopped', { reason: 'source completed' }, 'source completed'],
    ['BatchIngested', { recordCount: 500, sourceOffset: 1000 }, '500 records from offset 1000'],
    ['BatchIngested', { recordCount: 1, sourceOffset: 'k' }, '1 record from offset k'],
    ['BatchProcessed', { successCount: 499, failureCount: 1, processingTimeMs: 12 }, '499 records in 12 ms, 1 refused'],
    ['BatchProcessed', { successCount: 500, failureCount: 0, processingTimeMs: 12 }, '500 records in 12 ms'],
    ['BatchFailed', { attempt: 2, error }, 'attempt 2: TIMEOUT: too late'],
    ['BatchTimedOut', { timeoutMs: 300_000 }, 'after 5 min'],
    ['RetryScheduled', { retryCount: 1, backoffMs: 2000, error }, 'retry 1 in 2 s, TIMEOUT: too late'],
    ['PipelineFailed', { error }, 'TIMEOUT: too late'],
    ['CheckpointUpdated', { checkpoint: { offset: 'a-7' } }, 'offset a-7'],
    ['RecordsDeadLettered', { count: 3, errorCode: 'BAD' }, '3 records, BAD'],
    ['PipelineStarted', {}, ''],
    ['SomethingNew', { a: 1 }, ''],
  ])('%s %j reads %j', (type, fields, expected) => {
    expect(textOf(event(type, fields))).toBe(expected);
  });

  test('that lacks what is expected is no reason to fail', () => {
    for (const type of ['BatchFailed', 'BatchProcessed', 'CheckpointUpdated', 'RetryScheduled']) {
      expect(typeof textOf(event(type))).toBe('string');
      expect(textOf({ ...event(type), event: null })).toBe('');
    }
  });

  test('has a title and a tone', () => {
    expect(titleOf('BatchTimedOut')).toBe('Batch timed out');
    expect([toneOf(event('PipelineFailed')), toneOf(event('BatchIngested'))]).toEqual(['bad', 'plain']);
  });
});

describe('an address', () => {
  test.each(['orders', 'a b/c?d#e', '100%', 'größe-日本'])('leads to pipeline %j and back', (id) => {
    expect(routeOf(pipelineHash(id))).toMatchObject({ view: 'pipelines', id });
  });

  test.each([
    ['', '', null],
    ['#/', '', null],
    ['#/metrics?q=type%3Agauge', 'metrics', null],
    ['#/pipelines/%E0%A4', 'pipelines', '%E0%A4'],
  ])('%j leads to view %j', (hash, view, id) => {
    expect(routeOf(hash)).toMatchObject({ view, id });
  });

  test('keeps what was searched for', () => {
    expect(routeOf('#/metrics?q=type%3Agauge').parameters.get('q')).toBe('type:gauge');
  });
});
