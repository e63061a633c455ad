import type { Series } from '../api/contract.ts';

/**
 * The value below which `share` (0..1) of a histogram's observations lie, interpolated within its bucket as Prometheus'
 * histogram_quantile does; null without observations.
 */
export function quantile(histogram: NonNullable<Series['histogram']>, share: number): number | null {
  const { buckets } = histogram;
  const total = buckets.at(-1)?.count ?? 0;
  if (total === 0) return null;
  const rank = share * total;
  const index = buckets.findIndex(({ count }) => count >= rank);
  const bucket = buckets[index]!;
  const before = buckets[index - 1];
  if (bucket.le === '+Inf') return before === undefined ? null : Number(before.le);
  const lower = before === undefined ? Math.min(0, bucket.le) : Number(before.le);
  const below = before?.count ?? 0;
  const inside = bucket.count - below;
  return inside === 0 ? bucket.le : lower + ((bucket.le - lower) * (rank - below)) / inside;
}
