import type { Attributes } from '@opentelemetry/api';
import type { HistogramValue } from '../platform/metric-snapshot.ts';
import type { Platform } from '../platform/platform.ts';
import { type PlatformOptions, startPlatform } from '../platform/start.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';

export interface TestPlatform {
  readonly platform: Platform;
  /** Time stands still until `clock.advance(ms)`: retries, timeouts and lingering batches come when it says so. */
  readonly clock: ManualClock;
  /**
   * The value of one series now, undefined where there is none. `name` is the OpenTelemetry name; the attributes must
   * match exactly.
   */
  metricValue(name: string, attributes?: Attributes): Promise<number | HistogramValue | undefined>;
}

/** A platform in memory: no file, no port, no configuration of the machine, no time that passes by itself. */
export async function startTestPlatform(options: PlatformOptions = {}): Promise<TestPlatform> {
  const clock = createManualClock();
  const { metrics, ...others } = options;
  const platform = await startPlatform({
    journal: { kind: 'memory' },
    env: {},
    configFile: false,
    clock,
    random: () => 0.5,
    statusPage: { enabled: false },
    ...others,
    metrics: {
      host: { groups: [] },
      runtime: { enabled: false },
      process: { enabled: false },
      prometheus: { enabled: false },
      ...metrics,
    },
  });
  return {
    platform,
    clock,
    async metricValue(name, attributes = {}) {
      const points = await platform.metrics.snapshot();
      return points.find((point) => point.name === name && isEqual(point.attributes, attributes))?.value;
    },
  };
}

function isEqual(a: Attributes, b: Attributes): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
