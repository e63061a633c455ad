import {
  AggregationTemporality,
  type AggregationTemporalitySelector,
  type DataPoint,
  DataPointType,
  InstrumentType,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';

/**
 * For a producer of observed totals, which gives them as such to every reader: the same with changes where the reader
 * wants them. One for each reader. Gauges and totals that may fall stay as they are, which every preference wants.
 */
export function deltasOf(producer: MetricProducer, temporalityOf: AggregationTemporalitySelector): MetricProducer {
  if (temporalityOf(InstrumentType.OBSERVABLE_COUNTER) !== AggregationTemporality.DELTA) return producer;
  const told = new Map<string, DataPoint<number>>();
  const changes = (metric: MetricData): MetricData => {
    if (metric.dataPointType !== DataPointType.SUM || !metric.isMonotonic) return metric;
    const dataPoints = metric.dataPoints.flatMap((point) => {
      const series = JSON.stringify([metric.descriptor.name, Object.entries(point.attributes).sort()]);
      const before = told.get(series);
      told.set(series, point);
      if (before === undefined) return [point];
      // A result that several collections share says nothing new.
      if (isSame(before, point)) return [];
      // A total that fell was set back: it is what came since.
      const value = point.value < before.value ? point.value : point.value - before.value;
      return [{ ...point, value, startTime: before.endTime }];
    });
    return { ...metric, dataPoints, aggregationTemporality: AggregationTemporality.DELTA };
  };
  return {
    async collect(options) {
      const { resourceMetrics, errors } = await producer.collect(options);
      const scopeMetrics = resourceMetrics.scopeMetrics.map(({ scope, metrics }) => ({
        scope,
        metrics: metrics.map(changes).filter(({ dataPoints }) => dataPoints.length > 0),
      }));
      return { resourceMetrics: { ...resourceMetrics, scopeMetrics }, errors };
    },
  };
}

function isSame(before: DataPoint<number>, point: DataPoint<number>): boolean {
  return before.endTime[0] === point.endTime[0] && before.endTime[1] === point.endTime[1];
}
