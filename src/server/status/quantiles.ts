/**
 * The value below which a share of the measurements lies, interpolated within its bucket as Prometheus'
 * `histogram_quantile` does: the last, unbounded bucket gives its lower bound. NaN without measurements.
 *
 * @param counts measurements in each bucket alone; one more than there are bounds.
 */
export function quantile(share: number, bounds: readonly number[], counts: ArrayLike<number>): number {
  let total = 0;
  for (let index = 0; index <= bounds.length; index++) total += counts[index]!;
  if (total === 0) return Number.NaN;
  const rank = share * total;
  let below = 0;
  for (let index = 0; index < bounds.length; index++) {
    const count = counts[index]!;
    if (count > 0 && below + count >= rank) {
      const lower = index === 0 ? Math.min(0, bounds[0]!) : bounds[index - 1]!;
      return lower + ((bounds[index]! - lower) * (rank - below)) / count;
    }
    below += count;
  }
  return bounds.at(-1) ?? Number.NaN;
}
