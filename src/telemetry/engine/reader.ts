import type { IMetricReader, MetricProducer, ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { MetricsEngine } from './metrics-engine.ts';

/**
 * A reader as the SDK's MeterProvider takes it, which collects the engine's metrics too. It is for readers that were made
 * elsewhere; one that is made for the engine takes `metricProducers: [engine.producer(…)]`.
 *
 * @param select what of the SDK's own metrics the reader gets.
 */
export function withEngine(
  reader: IMetricReader,
  engine: MetricsEngine,
  select: (collected: ResourceMetrics) => ResourceMetrics = (collected) => collected,
): IMetricReader {
  const own = engine.producer(
    (type) => reader.selectAggregationTemporality(type),
    (type) => reader.selectAggregation(type),
  );
  const join = (sdk: MetricProducer): MetricProducer => ({
    async collect(options) {
      const [others, ours] = await Promise.all([sdk.collect(options), own.collect(options)]);
      const { resource, scopeMetrics } = select(others.resourceMetrics);
      return {
        resourceMetrics: { resource, scopeMetrics: [...ours.resourceMetrics.scopeMetrics, ...scopeMetrics] },
        errors: [...others.errors, ...ours.errors],
      };
    },
  });
  return {
    setMetricProducer: (sdk) => reader.setMetricProducer(join(sdk)),
    selectAggregation: (type) => reader.selectAggregation(type),
    selectAggregationTemporality: (type) => reader.selectAggregationTemporality(type),
    selectCardinalityLimit: (type) => reader.selectCardinalityLimit(type),
    collect: (options) => reader.collect(options),
    shutdown: (options) => reader.shutdown(options),
    forceFlush: (options) => reader.forceFlush(options),
  };
}
