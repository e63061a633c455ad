/**
 * Owns the bridge to @opentelemetry/host-metrics: a provider of its own whose result joins every collection.
 *
 * R1 The package computes its shares since the previous collection in module-wide state, so collections closer than a
 *    second apart, or at the same time, would divide by almost nothing: they share one result.
 * R2 Host metrics that cannot be read leave the rest of a collection whole.
 */
import { diag } from '@opentelemetry/api';
import {
  type CollectionResult,
  DataPointType,
  MeterProvider,
  type MetricData,
  type MetricProducer,
  MetricReader,
} from '@opentelemetry/sdk-metrics';
import type { HostMetricsGroup } from './telemetry-config.ts';

const SHORTEST_WINDOW_MS = 1000;

class PullReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

export interface HostMetricsProducer extends MetricProducer {
  shutdown(): Promise<void>;
}

export async function createHostMetrics(groups: readonly HostMetricsGroup[]): Promise<HostMetricsProducer> {
  // Loaded only when wanted: it brings a package that inspects the machine.
  const { HostMetrics } = await import('@opentelemetry/host-metrics');
  const reader = new PullReader();
  const provider = new MeterProvider({ readers: [reader] });
  new HostMetrics({ meterProvider: provider, metricGroups: [...groups] }).start();

  let latest: { readonly at: number; readonly result: Promise<CollectionResult> } | undefined;
  const collectNow = async (timeoutMillis: number | undefined): Promise<CollectionResult> => {
    const { resourceMetrics, errors } = await reader.collect(timeoutMillis === undefined ? {} : { timeoutMillis });
    if (errors.length > 0) diag.error('Host metrics could not be read', ...errors);
    const scopeMetrics = resourceMetrics.scopeMetrics.map((scope) => ({
      ...scope,
      metrics: scope.metrics.map(withoutNonFinite),
    }));
    return { resourceMetrics: { ...resourceMetrics, scopeMetrics }, errors: [] };
  };

  return {
    collect(options) {
      const now = performance.now();
      if (latest === undefined || now - latest.at >= SHORTEST_WINDOW_MS) {
        latest = { at: now, result: collectNow(options?.timeoutMillis) };
      }
      return latest.result;
    },
    shutdown: () => provider.shutdown(),
  };
}

/** A share over a window of no length is not a number. */
function withoutNonFinite(metric: MetricData): MetricData {
  if (metric.dataPointType !== DataPointType.GAUGE) return metric;
  return { ...metric, dataPoints: metric.dataPoints.filter(({ value }) => Number.isFinite(value)) };
}
