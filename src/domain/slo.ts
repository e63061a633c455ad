import { joinPath, own, type ProblemCollector } from './problem-collector.ts';
import type { LatencyObjective, SloSpec } from './spec.ts';

export const DEFAULT_SLO_WINDOW = '30d';

const OBJECTIVES = ['success', 'latency', 'freshness'] as const;
/** Below this a scrape interval of 15 s would be most of what is measured. */
const MIN_WITHIN_MS = 60_000;
const MAX_WITHIN_MS = 7 * 86_400_000;
const MIN_WINDOW_DAYS = 7;
const MAX_WINDOW_DAYS = 366;

/**
 * Reads `slo` of a specification: at least one of `success`, `latency`, `freshness`, each with a `target` between 0
 * and 1. Undefined when something is wrong; the problems say what.
 *
 * @param batchTimeoutMs no batch is measured that took longer, so that no latency beyond it can be promised
 */
export function readSlo(
  check: ProblemCollector,
  value: unknown,
  path: string,
  batchTimeoutMs: number,
): SloSpec | undefined {
  const before = check.problems.length;
  const slo = check.mapping(value, path, [...OBJECTIVES, 'window']);
  if (slo === undefined) return undefined;
  if (OBJECTIVES.every((name) => own(slo, name) === undefined))
    check.problems.push({ path, expected: `at least one of ${OBJECTIVES.join(', ')}`, got: 'no objective' });
  const success = readObjective(check, own(slo, 'success'), joinPath(path, 'success'));
  const latency = readObjective(check, own(slo, 'latency'), joinPath(path, 'latency'), 'underMs', batchTimeoutMs);
  const freshness = readObjective(check, own(slo, 'freshness'), joinPath(path, 'freshness'), 'withinMs');
  const window = readWindow(check, own(slo, 'window'), joinPath(path, 'window'));
  if (check.problems.length > before) return undefined;
  return {
    ...(success && { success: { target: success.target } }),
    ...(latency && { latency: { target: latency.target, underMs: latency.limitMs } }),
    ...(freshness && { freshness: { target: freshness.target, withinMs: freshness.limitMs } }),
    window,
  };
}

interface ReadObjective {
  readonly target: number;
  /** 0 where the objective has no limit. */
  readonly limitMs: number;
}

function readObjective(
  check: ProblemCollector,
  value: unknown,
  path: string,
  limit?: 'underMs' | 'withinMs',
  batchTimeoutMs = 0,
): ReadObjective | undefined {
  if (value === undefined) return undefined;
  const objective = check.mapping(value, path, limit === undefined ? ['target'] : ['target', limit]);
  if (objective === undefined) return undefined;
  const target = own(objective, 'target');
  const isShare = typeof target === 'number' && target > 0 && target < 1;
  if (!isShare) check.refuse(joinPath(path, 'target'), 'a number between 0 and 1, both excluded', target);
  const limitMs = limit === undefined ? 0 : own(objective, limit);
  if (limit === 'underMs' && !(isPositive(limitMs) && limitMs <= batchTimeoutMs))
    check.refuse(joinPath(path, limit), `a number of ms above 0, at most batchTimeoutMs (${batchTimeoutMs})`, limitMs);
  if (limit === 'withinMs' && !isWithin(limitMs))
    check.refuse(joinPath(path, limit), `an integer from ${MIN_WITHIN_MS} to ${MAX_WITHIN_MS}`, limitMs);
  return { target: target as number, limitMs: limitMs as number };
}

function readWindow(check: ProblemCollector, value: unknown, path: string): string {
  if (value === undefined) return DEFAULT_SLO_WINDOW;
  const expected = `a number of days from ${MIN_WINDOW_DAYS}d to ${MAX_WINDOW_DAYS}d, for instance ${DEFAULT_SLO_WINDOW}`;
  return check.text(value, path, expected, (text) => {
    const days = /^[1-9]\d{0,2}d$/.test(text) ? Number.parseInt(text, 10) : 0;
    return days >= MIN_WINDOW_DAYS && days <= MAX_WINDOW_DAYS;
  });
}

/**
 * A latency is measured by a histogram, which only knows how many batches stayed below each of its boundaries.
 * Undefined when `underMs` is one of them.
 *
 * @param boundaries of the histogram in seconds, ascending
 * @returns what would have been right: the nearest boundaries in ms
 */
export function nearestBoundaries({ underMs }: LatencyObjective, boundaries: readonly number[]): string | undefined {
  const known = boundaries.map((seconds) => Number((seconds * 1000).toPrecision(12)));
  if (known.includes(underMs)) return undefined;
  const below = known.findLast((boundary) => boundary < underMs);
  const above = known.find((boundary) => boundary > underMs);
  return [below, above].filter((boundary) => boundary !== undefined).join(' or ');
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

function isWithin(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= MIN_WITHIN_MS && (value as number) <= MAX_WITHIN_MS;
}
