import { resourceFromAttributes } from '@opentelemetry/resources';
import { AggregationTemporality, DataPointType, type ResourceMetrics } from '@opentelemetry/sdk-metrics';

/** An export of one counter with so many points, told apart by `id`, whose values are 1, 2, 3 … */
export function exportOf(points: number, idOf: (index: number) => string = String): ResourceMetrics {
  const time: [number, number] = [1_767_225_600, 0];
  return {
    resource: resourceFromAttributes({ 'service.name': 'test' }),
    scopeMetrics: [
      {
        scope: { name: 'test' },
        metrics: [
          {
            descriptor: { name: 'hits', description: '', unit: '', valueType: 1 },
            aggregationTemporality: AggregationTemporality.DELTA,
            dataPointType: DataPointType.SUM,
            isMonotonic: true,
            dataPoints: Array.from({ length: points }, (_, index) => ({
              startTime: time,
              endTime: time,
              attributes: { id: idOf(index) },
              value: index + 1,
            })),
          },
        ],
      },
    ],
  };
}
