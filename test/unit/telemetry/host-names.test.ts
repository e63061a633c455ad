import { expect, test } from '@jest/globals';
import { createNoopMeter } from '@opentelemetry/api';
import { HostMetrics } from '@opentelemetry/host-metrics';
import { HOST_INSTRUMENT_NAMES } from '../../../src/telemetry/host-names.ts';
import { HOST_METRICS_GROUPS } from '../../../src/telemetry/telemetry-config.ts';

test('the names are those that the package records', () => {
  const names: string[] = [];
  const noop = createNoopMeter();
  const meter = new Proxy(noop, {
    get(target, key) {
      const method: unknown = Reflect.get(target, key);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]) => {
        if (String(key).startsWith('create')) names.push(String(args[0]));
        return method.apply(target, args);
      };
    },
  });
  const meterProvider = { getMeter: () => meter };
  new HostMetrics({ meterProvider, metricGroups: [...HOST_METRICS_GROUPS] }).start();
  expect([...HOST_INSTRUMENT_NAMES].sort()).toEqual(names.sort());
});
