import { afterEach, expect, test } from '@jest/globals';
import { type Attributes, type DiagLogger, diag } from '@opentelemetry/api';
import { DataPointType } from '@opentelemetry/sdk-metrics';
import type { Exposable } from '../../../src/server/exposed-families.ts';
import type { FamilyKind, MetricFamily } from '../../../src/telemetry/engine/family.ts';
import { expositionText } from '../../support/collect-metrics.ts';
import { parseOpenMetrics } from '../../support/openmetrics-parser.ts';
import { parsePrometheus } from '../../support/prometheus-parser.ts';

const RESOURCE = { attributes: {} } as unknown as Exposable['resource'];

afterEach(() => diag.disable());

function family(name: string, kind: FamilyKind): MetricFamily {
  const boundaries = kind === 'histogram' ? [1] : [];
  const point = {
    series: { attributes: {} as Attributes, cache: undefined },
    startTimeMs: 0,
    value: 1,
    count: 2,
    bucket: () => 1,
    exemplar: () => undefined,
  };
  return {
    scope: { name: 'ours' },
    name,
    description: '',
    unit: '',
    valueType: 1,
    kind,
    hasSum: true,
    hasDistinctLabels: true,
    boundaries,
    size: 1,
    points: () => [point],
  };
}

function gauge(name: string) {
  return {
    descriptor: { name, description: '', unit: '', valueType: 1 },
    dataPointType: DataPointType.GAUGE,
    dataPoints: [{ attributes: {}, startTime: [0, 0], endTime: [0, 0], value: 1 }],
  };
}

test('what has no name is left out, told once, and spoils nothing', () => {
  const warnings: string[] = [];
  const quiet = (): void => {};
  const logger: DiagLogger = {
    error: quiet,
    warn: (message) => warnings.push(message),
    info: quiet,
    debug: quiet,
    verbose: quiet,
  };
  diag.setLogger(logger, { suppressOverrideMessage: true });
  const metrics = ['', 'é', '_', 'good'].map(gauge);
  const exposed = {
    resource: RESOURCE,
    families: [
      family('_total', 'counter'),
      family('', 'counter'),
      family('ж', 'histogram'),
      family('_', 'gauge'),
      family('fine', 'counter'),
    ],
    scopeMetrics: [{ scope: { name: 'user' }, metrics }],
  } as unknown as Exposable;
  expect([...parsePrometheus(expositionText(exposed)).keys()]).toEqual(['fine_total', 'good']);
  expect([...parseOpenMetrics(expositionText(exposed, { format: 'openmetrics' })).keys()]).toEqual(['fine', 'good']);
  expect(warnings.map((warning) => /^The metric "(.*)" of \w+ is not exposed/.exec(warning)?.[1])).toEqual([
    '_total',
    '',
    'ж',
    '_',
    'é',
  ]);
});
