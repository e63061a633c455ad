import { expect, test } from '@jest/globals';
import { InstrumentType } from '@opentelemetry/sdk-metrics';
import { DEFAULT_OTLP_CONFIG, otlpUrl, pushesOtlp } from '../../../src/telemetry/otlp/otlp-config.ts';
import { temporalitySelector } from '../../../src/telemetry/otlp/temporality.ts';
import { telemetryConfigFromEnvironment } from '../../../src/telemetry/telemetry-environment.ts';

test.each([
  ['http/protobuf', undefined, 'http://localhost:4318/v1/metrics'],
  ['grpc', undefined, 'http://localhost:4317'],
  ['http/protobuf', 'https://h', 'https://h/v1/metrics'],
  ['http/protobuf', ' HTTP://h:1 ', 'http://h:1/v1/metrics'],
  ['http/protobuf', 'https://h?tenant=/a', 'https://h/v1/metrics?tenant=/a'],
  ['http/protobuf', 'https://h/', 'https://h/'],
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

test('the timeout of the exporter wins over that of the reader', () => {
  const reader = { OTEL_METRIC_EXPORT_TIMEOUT: '3000' };
  expect(telemetryConfigFromEnvironment(reader).overrides?.otlp).toEqual({ timeoutMs: 3000 });
  const both = { ...reader, OTEL_EXPORTER_OTLP_TIMEOUT: '2000' };
  expect(telemetryConfigFromEnvironment(both).overrides?.otlp).toEqual({ timeoutMs: 2000 });
});

test.each([
  // The endpoint of metrics alone is taken as it is, by the specification.
  ['METRICS_ENDPOINT', 'http://h:4318', 'http://h:4318/'],
  ['METRICS_ENDPOINT', 'http://h:4318/', 'http://h:4318/'],
  ['METRICS_ENDPOINT', 'http://h/x/?a=1', 'http://h/x/?a=1'],
  ['ENDPOINT', 'http://h:4318', 'http://h:4318/v1/metrics'],
  ['ENDPOINT', 'http://h:4318/', 'http://h:4318/v1/metrics'],
  ['ENDPOINT', 'http://h/otlp', 'http://h/otlp/v1/metrics'],
  ['ENDPOINT', 'http://h/otlp/?a=1', 'http://h/otlp/v1/metrics?a=1'],
])('OTEL_EXPORTER_OTLP_%s=%s sends to %s', (name, text, url) => {
  const { overrides } = telemetryConfigFromEnvironment({ [`OTEL_EXPORTER_OTLP_${name}`]: text });
  expect(otlpUrl({ ...DEFAULT_OTLP_CONFIG, ...overrides?.otlp })).toBe(url);
});

test.each([
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'http/json'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4317'],
  ['OTEL_EXPORTER_OTLP_TIMEOUT', '-1'],
  ['OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE', 'sometimes'],
  ['OTEL_METRIC_EXPORT_INTERVAL', '10s'],
  ['OTEL_METRIC_EXPORT_INTERVAL', '99'],
  ['OTEL_METRIC_EXPORT_TIMEOUT', '1e3'],
  ['OTEL_METRIC_EXPORT_INTERVAL', '2147483648'],
  ['OTEL_EXPORTER_OTLP_COMPRESSION', 'brotli'],
  ['OTEL_EXPORTER_OTLP_METRICS_COMPRESSION', 'deflate'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http:///x'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://h:99999'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'ftp://h'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'https://user:hunter2@h'],
  ['OTEL_EXPORTER_OTLP_METRICS_ENDPOINT', 'https://hunter2@h'],
  ['OTEL_EXPORTER_OTLP_HEADERS', '=x'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'hunter2'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'a=hunter2%0D%0Ab'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'a b=hunter2'],
  ['OTEL_EXPORTER_OTLP_METRICS_HEADERS', 'a=%E0%A4%A'],
  ['OTEL_EXPORTER_OTLP_METRICS_HEADERS', '__proto__=hunter2'],
  ['OTEL_RESOURCE_ATTRIBUTES', 'password=hunter2,broken'],
  ['OTEL_RESOURCE_ATTRIBUTES', '__proto__=x'],
  ['OTEL_SERVICE_NAME', 'a\u0000b'],
  ['KAMON_SERVICE_NAME', 'a\nb'],
  ['OTEL_EXPORTER_PROMETHEUS_HOST', 'a\nb'],
  ['KAMON_PROMETHEUS_PORT', 'https://user:hunter2@h'],
  ['OTEL_SDK_DISABLED', 'token=hunter2'],
])('%s=%s is a problem', (name, text) => {
  const { problems } = telemetryConfigFromEnvironment({ [name]: text });
  expect(problems?.map(({ path }) => path)).toEqual([name]);
  expect(JSON.stringify(problems)).not.toContain('hunter2');
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
