import { describe, expect, test } from '@jest/globals';
import {
  backoffMs,
  canonicalCode,
  DEFAULT_RETRY,
  isRetriedCode,
  RETRIED_CODES,
  shouldRetry,
} from '../../../src/domain/retry.ts';

describe('backoff', () => {
  test('doubles from 1 s to 30 s', () => {
    expect([0, 1, 2, 3, 4, 5, 6].map((n) => backoffMs(DEFAULT_RETRY, n, 0.5))).toEqual([
      1000, 2000, 4000, 8000, 16_000, 30_000, 30_000,
    ]);
  });

  test('spreads by 20 % to both sides, never above the limit', () => {
    expect(backoffMs(DEFAULT_RETRY, 0, 0)).toBe(800);
    expect(backoffMs(DEFAULT_RETRY, 0, 0.999_999_9)).toBe(1200);
    expect(backoffMs(DEFAULT_RETRY, 9, 0.999_999_9)).toBe(30_000);
    expect(backoffMs(DEFAULT_RETRY, 9, 0)).toBe(24_000);
  });

  test('is a whole number of ms for any retry count', () => {
    for (const initialMs of [0, 1, 3]) {
      for (const retryCount of [0, 31, 32, 53, 1023, 1024, 1e9]) {
        const delay = backoffMs({ ...DEFAULT_RETRY, initialMs }, retryCount, 0.3);
        expect(Number.isInteger(delay) && delay >= 0 && delay <= 30_000).toBe(true);
      }
    }
  });
});

describe('codes', () => {
  test('are the nine documented ones, in any case', () => {
    expect([...RETRIED_CODES].sort()).toEqual([
      'CONNECTION_FAILED',
      'DEADLOCK',
      'NETWORK_ERROR',
      'RATE_LIMITED',
      'RESOURCE_EXHAUSTED',
      'SERVICE_UNAVAILABLE',
      'TEMPORARY_FAILURE',
      'TIMEOUT',
      'TOO_MANY_REQUESTS',
    ]);
    for (const code of RETRIED_CODES) expect(isRetriedCode(` ${code.toLowerCase()} `)).toBe(true);
  });

  test.each([
    ['ECONNREFUSED', 'CONNECTION_FAILED'],
    ['ECONNRESET', 'CONNECTION_FAILED'],
    ['EPIPE', 'CONNECTION_FAILED'],
    ['ETIMEDOUT', 'TIMEOUT'],
    ['ENOTFOUND', 'NETWORK_ERROR'],
    ['EAI_AGAIN', 'NETWORK_ERROR'],
    ['429', 'TOO_MANY_REQUESTS'],
    ['503', 'SERVICE_UNAVAILABLE'],
    ['40p01', 'DEADLOCK'],
  ])('%s is known as %s', (foreign, ours) => {
    expect(canonicalCode(foreign)).toBe(ours);
    expect(isRetriedCode(foreign)).toBe(true);
  });

  test.each(['ENOENT', 'EACCES', 'BAD_DATA', '404', '', 'constructor', '__proto__', 'toString'])(
    '%p is not retried',
    (code) => {
      expect(isRetriedCode(code)).toBe(false);
    },
  );
});

test('a retry needs a retried code, an error that allows it and retries that are left', () => {
  const error = { errorType: 'sink', code: 'deadlock', message: 'm', retryable: true } as const;
  expect(shouldRetry(error, 4, DEFAULT_RETRY)).toBe(true);
  expect(shouldRetry(error, 5, DEFAULT_RETRY)).toBe(false);
  expect(shouldRetry({ ...error, retryable: false }, 0, DEFAULT_RETRY)).toBe(false);
  expect(shouldRetry({ ...error, code: 'OTHER' }, 0, DEFAULT_RETRY)).toBe(false);
});
