import { expect, test } from '@jest/globals';
import { InstrumentType } from '@opentelemetry/sdk-metrics';
import { DEFAULT_OTLP_CONFIG, otlpUrl, pushesOtlp } from '../../../src/telemetry/otlp/otlp-config.ts';
import { temporalitySelector } from '../../../src/telemetry/otlp/temporality.ts';
import { telemetryConfigFromEnvironment } from '../../../src/telemetry/telemetry-environment.ts';

test.each([
  ['http/protobuf', undefined, 'http://localhost:4318/v1/metrics'],
  ['grpc', undefined, 'http://localhost:4317'],
  ['http/protobuf', 'https://h', 'https://h/v1/metrics'],
  ['http/protobuf', 'http://h:9090/api/v1/otlp/v1/metrics', 'http://h:9090/api/v1/otlp/v1/metrics'],
  ['grpc', 'https://h:1/v1/metrics', 'https://h:1'],
] as const)('%s to %p is %s', (protocol, endpoint, url) => {
  expect(otlpUrl({ ...DEFAULT_OTLP_CONFIG, protocol, ...(endpoint === undefined ? {} : { endpoint }) })).toBe(url);
});

test('it is on where there is an endpoint, unless something else is said', () => {
  expect(pushesOtlp(DEFAULT_OTLP_CONFIG)).toBe(false);
  expect(pushesOtlp({ ...DEFAULT_OTLP_CONFIG, enabled: true })).toBe(true);
  expect(pushesOtlp({ ...DEFAULT_OTLP_CONFIG, endpoint: 'http://h' })).toBe(true);
  expect(pushesOtlp({ ...DEFAULT_OTLP_CONFIG, endpoint: 'http://h', enabled: false })).toBe(false);
});

test('what is set for metrics alone wins over what is set for all signals', () => {
  const { overrides } = telemetryConfigFromEnvironment({
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://all:4318/',
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://metrics:4318/x',
    OTEL_EXPORTER_OTLP_HEADERS: 'a=1,b=1',
    OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'b=2',
    OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
    OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: '2000',
    OTEL_METRICS_EXPORTER: 'none',
  });
  expect(overrides?.otlp).toEqual({
    enabled: false,
    endpoint: 'http://metrics:4318/x',
    headers: { a: '1', b: '2' },
    timeoutMs: 2000,
  });
});

test.each([
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'http/json'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4317'],
  ['OTEL_EXPORTER_OTLP_TIMEOUT', '-1'],
  ['OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE', 'sometimes'],
  ['OTEL_METRIC_EXPORT_INTERVAL', '10s'],
  ['OTEL_EXPORTER_OTLP_HEADERS', '=x'],
])('%s=%s is a problem', (name, text) => {
  expect(telemetryConfigFromEnvironment({ [name]: text }).problems?.map(({ path }) => path)).toEqual([name]);
});

test.each([
  ['cumulative', []],
  ['delta', ['COUNTER', 'GAUGE', 'HISTOGRAM', 'OBSERVABLE_COUNTER', 'OBSERVABLE_GAUGE']],
  ['lowmemory', ['COUNTER', 'HISTOGRAM']],
] as const)('%s: delta for %p', (preference, expected) => {
  const select = temporalitySelector(preference);
  expect(
    Object.values(InstrumentType)
      .filter((type) => select(type) === 0)
      .sort(),
  ).toEqual(expected);
});
