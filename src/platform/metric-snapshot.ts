import type { Attributes } from '@opentelemetry/api';
import { DataPointType, type ResourceMetrics } from '@opentelemetry/sdk-metrics';

export interface HistogramValue {
  readonly count: number;
  readonly sum: number;
  /** Upper bounds, without +Inf; `counts` has one element more. */
  readonly boundaries: readonly number[];
  readonly counts: readonly number[];
}

/** One series and its value. */
export interface MetricPoint {
  /** The OpenTelemetry name, for instance `dataflow.batches.processed`. */
  readonly name: string;
  readonly attributes: Attributes;
  readonly value: number | HistogramValue;
}

export function snapshotOf({ scopeMetrics }: ResourceMetrics): readonly MetricPoint[] {
  const points: MetricPoint[] = [];
  for (const { metrics } of scopeMetrics) {
    for (const metric of metrics) {
      const { name } = metric.descriptor;
      if (metric.dataPointType === DataPointType.HISTOGRAM) {
        for (const { attributes, value } of metric.dataPoints) {
          const { count, sum = 0, buckets } = value;
          points.push({
            name,
            attributes,
            value: { count, sum, boundaries: buckets.boundaries, counts: buckets.counts },
          });
        }
      } else if (metric.dataPointType !== DataPointType.EXPONENTIAL_HISTOGRAM) {
        for (const { attributes, value } of metric.dataPoints) points.push({ name, attributes, value });
      }
    }
  }
  return points;
}
