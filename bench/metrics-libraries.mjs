/**
 * The same series in three libraries: six counters, a gauge and a histogram of 15 buckets, 25 lines a pipeline.
 * Each gives `event(i)`, which records one batch of pipeline i, and `serve()`, which starts /metrics and gives its URL.
 */
import { createServer } from 'node:http';

const BUCKETS = [1, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000];
const COUNTERS = ['batches', 'records', 'failed', 'checkpoints', 'timeouts', 'deduplicated'];

const idOf = (index) => `pipeline-${index}`;

function serving(handler) {
  return new Promise((resolve) => {
    const server = createServer(handler);
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}/metrics`));
  });
}

/** One object a pipeline, as our reporter keeps it; for the SDK it makes no difference. */
function openTelemetry(meter, pipelines) {
  const [batches, records, failed, checkpoints, timeouts, deduplicated] = COUNTERS.map((name) =>
    meter.createCounter(`bench.${name}`),
  );
  const throughput = meter.createGauge('bench.throughput');
  const time = meter.createHistogram('bench.time', { advice: { explicitBucketBoundaries: BUCKETS } });
  const attributes = Array.from({ length: pipelines }, (_, index) => Object.freeze({ pipeline_id: idOf(index) }));
  return (index, amount) => {
    const own = attributes[index];
    batches.add(1, own);
    records.add(amount, own);
    failed.add(0, own);
    checkpoints.add(1, own);
    timeouts.add(0, own);
    deduplicated.add(0, own);
    throughput.record(amount, own);
    time.record(amount, own);
  };
}

export const LIBRARIES = {
  async ours(pipelines) {
    const { MetricsEngine } = await import('../dist/telemetry/engine/metrics-engine.js');
    const { startPrometheusServer } = await import('../dist/server/prometheus-server.js');
    const engine = new MetricsEngine();
    const collect = async () => {
      await engine.observe();
      return { resource: { attributes: {} }, scopeMetrics: [], families: engine.families() };
    };
    return {
      event: openTelemetry(engine.getMeter('bench'), pipelines),
      serve: async () => (await startPrometheusServer({ host: '127.0.0.1', port: 0, collect })).url,
    };
  },

  async sdk(pipelines) {
    const { MeterProvider } = await import('@opentelemetry/sdk-metrics');
    const { PrometheusExporter } = await import('@opentelemetry/exporter-prometheus');
    const exporter = new PrometheusExporter({ preventServerStart: true, withoutScopeInfo: true });
    // Its limit of 2,000 attribute sets would make it count wrongly, and look cheaper than it is.
    exporter.selectCardinalityLimit = () => 1_000_000;
    const provider = new MeterProvider({ readers: [exporter] });
    return {
      event: openTelemetry(provider.getMeter('bench'), pipelines),
      serve: () => serving((request, response) => exporter.getMetricsRequestHandler(request, response)),
    };
  },

  async prom(pipelines) {
    const { Counter, Gauge, Histogram, Registry } = (await import('prom-client')).default;
    const registry = new Registry();
    const of = (name) => ({ name: `bench_${name}`, help: name, labelNames: ['pipeline_id'], registers: [registry] });
    const [batches, records, failed, checkpoints, timeouts, deduplicated] = COUNTERS.map(
      (name) => new Counter(of(`${name}_total`)),
    );
    const throughput = new Gauge(of('throughput'));
    const time = new Histogram({ ...of('time'), buckets: BUCKETS });
    const labels = Array.from({ length: pipelines }, (_, index) => ({ pipeline_id: idOf(index) }));
    return {
      event(index, amount) {
        const own = labels[index];
        batches.inc(own, 1);
        records.inc(own, amount);
        failed.inc(own, 0);
        checkpoints.inc(own, 1);
        timeouts.inc(own, 0);
        deduplicated.inc(own, 0);
        throughput.set(own, amount);
        time.observe(own, amount);
      },
      serve: () =>
        serving(async (_request, response) => {
          response.setHeader('content-type', registry.contentType);
          response.end(await registry.metrics());
        }),
    };
  },
};
