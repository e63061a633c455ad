/** Cuts an export into requests that a backend takes: points are whole, and each is in one part alone. */
import type { MetricData, ResourceMetrics, ScopeMetrics } from '@opentelemetry/sdk-metrics';

export function countPoints({ scopeMetrics }: ResourceMetrics): number {
  let count = 0;
  for (const { metrics } of scopeMetrics) for (const { dataPoints } of metrics) count += dataPoints.length;
  return count;
}

/** Parts of at most `most` points, in order; the export itself where it has no more. */
export function partsOf(whole: ResourceMetrics, most: number): readonly ResourceMetrics[] {
  if (countPoints(whole) <= most) return [whole];
  const { resource } = whole;
  const parts: ResourceMetrics[] = [];
  let scopeMetrics: ScopeMetrics[] = [];
  let room = most;
  for (const { scope, metrics } of whole.scopeMetrics) {
    let taken: MetricData[] = [];
    for (const metric of metrics) {
      for (let from = 0; from < metric.dataPoints.length; ) {
        const some = { ...metric, dataPoints: metric.dataPoints.slice(from, from + room) } as MetricData;
        taken.push(some);
        from += some.dataPoints.length;
        room -= some.dataPoints.length;
        if (room > 0) continue;
        parts.push({ resource, scopeMetrics: [...scopeMetrics, { scope, metrics: taken }] });
        [scopeMetrics, taken, room] = [[], [], most];
      }
    }
    if (taken.length > 0) scopeMetrics.push({ scope, metrics: taken });
  }
  return scopeMetrics.length > 0 ? [...parts, { resource, scopeMetrics }] : parts;
}

export function halvesOf(part: ResourceMetrics): readonly ResourceMetrics[] {
  return partsOf(part, Math.ceil(countPoints(part) / 2));
}
