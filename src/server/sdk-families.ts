import {
  type DataPoint,
  DataPointType,
  type Histogram,
  type MetricData,
  type ScopeMetrics,
} from '@opentelemetry/sdk-metrics';
import type { FamilyKind, FamilyPoint, MetricFamily } from '../telemetry/engine/family.ts';

/**
 * The SDK's metrics in the shape of the engine's families, so that one writer serves both. Exponential histograms, which
 * the text formats cannot hold, are left out.
 */
export function* sdkFamilies(scopes: readonly ScopeMetrics[]): Generator<MetricFamily, void, undefined> {
  for (const { scope, metrics } of scopes) {
    for (const metric of metrics) {
      const kind = kindOf(metric);
      if (kind === undefined) continue;
      const { name, description, unit, valueType } = metric.descriptor;
      const points = metric.dataPoints as readonly DataPoint<number | Histogram>[];
      yield {
        scope,
        name,
        description,
        unit,
        valueType,
        kind,
        hasSum: points.every(({ value }) => typeof value === 'number' || value.sum !== undefined),
        hasDistinctLabels: false,
        boundaries: boundariesOf(points[0]?.value),
        size: points.length,
        points: () => points.map(asPoint),
      };
    }
  }
}

function kindOf(metric: MetricData): FamilyKind | undefined {
  switch (metric.dataPointType) {
    case DataPointType.SUM:
      return metric.isMonotonic ? 'counter' : 'updowncounter';
    case DataPointType.GAUGE:
      return 'gauge';
    case DataPointType.HISTOGRAM:
      return 'histogram';
    default:
      return undefined;
  }
}

function boundariesOf(value: number | Histogram | undefined): readonly number[] {
  if (value === undefined || typeof value === 'number') return [];
  return value.buckets.boundaries.filter((boundary) => boundary !== Number.POSITIVE_INFINITY);
}

function asPoint({ attributes, startTime, value }: DataPoint<number | Histogram>): FamilyPoint {
  const own = {
    series: { attributes, cache: undefined },
    startTimeMs: startTime[0] * 1000 + startTime[1] / 1e6,
    exemplar: () => undefined,
  };
  return typeof value === 'number'
    ? { ...own, value, count: 0, bucket: () => 0 }
    : { ...own, value: value.sum ?? 0, count: value.count, bucket: (index) => value.buckets.counts[index] ?? 0 };
}
