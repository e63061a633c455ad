import type { RetryPolicy } from './spec.ts';
import type { PipelineError } from './state.ts';

export const DEFAULT_RETRY: RetryPolicy = { maxRetries: 5, initialMs: 1000, maxMs: 30_000, jitter: 0.2 };

/** The codes that are worth another attempt, compared without regard to case. */
export const RETRIED_CODES: ReadonlySet<string> = new Set([
  'TIMEOUT',
  'CONNECTION_FAILED',
  'SERVICE_UNAVAILABLE',
  'RATE_LIMITED',
  'TEMPORARY_FAILURE',
  'NETWORK_ERROR',
  'TOO_MANY_REQUESTS',
  'DEADLOCK',
  'RESOURCE_EXHAUSTED',
]);

/** What Node.js, HTTP and SQL call the same faults. */
const ALIASES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'CONNECTION_FAILED',
  ECONNRESET: 'CONNECTION_FAILED',
  ECONNABORTED: 'CONNECTION_FAILED',
  EPIPE: 'CONNECTION_FAILED',
  EHOSTUNREACH: 'NETWORK_ERROR',
  ENETUNREACH: 'NETWORK_ERROR',
  ENOTFOUND: 'NETWORK_ERROR',
  EAI_AGAIN: 'NETWORK_ERROR',
  ETIMEDOUT: 'TIMEOUT',
  ESOCKETTIMEDOUT: 'TIMEOUT',
  EMFILE: 'RESOURCE_EXHAUSTED',
  ENFILE: 'RESOURCE_EXHAUSTED',
  ENOSPC: 'RESOURCE_EXHAUSTED',
  EDQUOT: 'RESOURCE_EXHAUSTED',
  EFBIG: 'RESOURCE_EXHAUSTED',
  '408': 'TIMEOUT',
  '429': 'TOO_MANY_REQUESTS',
  '502': 'SERVICE_UNAVAILABLE',
  '503': 'SERVICE_UNAVAILABLE',
  '504': 'TIMEOUT',
  '40P01': 'DEADLOCK',
  '40001': 'DEADLOCK',
  '53300': 'RESOURCE_EXHAUSTED',
  '57P03': 'SERVICE_UNAVAILABLE',
  '08000': 'CONNECTION_FAILED',
  '08003': 'CONNECTION_FAILED',
  '08006': 'CONNECTION_FAILED',
};

/** The code under which a fault is known here: upper case, with foreign names mapped on ours. */
export function canonicalCode(code: string): string {
  const upper = code.trim().toUpperCase();
  return Object.hasOwn(ALIASES, upper) ? ALIASES[upper]! : upper;
}

/** Whether the code alone is worth another attempt. */
export function isRetriedCode(code: string): boolean {
  return RETRIED_CODES.has(canonicalCode(code));
}

/** Whether a failed attempt is followed by another: a retried code, not vetoed by the error, and retries left. */
export function shouldRetry(error: PipelineError, retryCount: number, policy: RetryPolicy): boolean {
  return error.retryable && isRetriedCode(error.code) && retryCount < policy.maxRetries;
}

/**
 * The pause in whole ms before retry number `retryCount` (from 0): initialMs · 2^retryCount, at most maxMs, spread by
 * ± jitter, and never above maxMs.
 *
 * @param random uniform in [0, 1)
 */
export function backoffMs(policy: RetryPolicy, retryCount: number, random: number): number {
  // 2^31 times any whole number of ms is beyond every limit, and 0 · Infinity is not a number.
  const base = Math.min(policy.maxMs, policy.initialMs * 2 ** Math.min(retryCount, 31));
  const spread = base * (1 + policy.jitter * (2 * random - 1));
  return Math.round(Math.min(policy.maxMs, Math.max(0, spread)));
}
