import { describe, expect, test } from '@jest/globals';
import { DEFAULT_TELEMETRY_CONFIG, mergeTelemetryConfig } from '../../../src/telemetry/telemetry-config.ts';
import { telemetryConfigFromEnvironment } from '../../../src/telemetry/telemetry-environment.ts';

function overrides(env: Record<string, string>) {
  const result = telemetryConfigFromEnvironment(env);
  if (result.problems !== undefined) throw new Error(JSON.stringify(result.problems));
  return result.overrides;
}

describe('telemetryConfigFromEnvironment', () => {
  test('an empty environment overrides nothing, nor do empty variables', () => {
    expect(overrides({ PATH: '/bin', KAMON_ENABLED: '', KAMON_PROMETHEUS_PORT: ' ' })).toEqual({});
  });

  test.each([
    ['yes', true],
    ['TRUE', true],
    ['1', true],
    ['On', true],
    ['no', false],
    ['False', false],
    ['0', false],
    ['OFF', false],
  ])('KAMON_ENABLED=%s', (text, enabled) => {
    expect(overrides({ KAMON_ENABLED: text })).toEqual({ enabled });
  });

  test('KAMON_* wins over OTEL_*, and OTEL_* counts where KAMON_* is silent', () => {
    const otel = {
      OTEL_SDK_DISABLED: 'true',
      OTEL_SERVICE_NAME: 'otel',
      OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1',
      OTEL_EXPORTER_PROMETHEUS_PORT: '1111',
    };
    expect(overrides(otel)).toEqual({
      enabled: false,
      service: 'otel',
      prometheus: { host: '127.0.0.1', port: 1111 },
    });
    const kamon = { KAMON_ENABLED: 'yes', KAMON_SERVICE_NAME: 'kamon', KAMON_PROMETHEUS_PORT: '0' };
    expect(overrides({ ...otel, ...kamon })).toEqual({
      enabled: true,
      service: 'kamon',
      prometheus: { host: '127.0.0.1', port: 0 },
    });
  });

  test('resource attributes are decoded', () => {
    const OTEL_RESOURCE_ATTRIBUTES = ' team = data%20flow , a=b=c,';
    expect(overrides({ OTEL_RESOURCE_ATTRIBUTES })).toEqual({ resource: { team: 'data flow', a: 'b=c' } });
  });

  test('all problems at once, each with variable, expected and got', () => {
    const { problems } = telemetryConfigFromEnvironment({
      KAMON_ENABLED: 'maybe',
      KAMON_PROMETHEUS_PORT: '65536',
      OTEL_EXPORTER_PROMETHEUS_PORT: '-1',
      OTEL_RESOURCE_ATTRIBUTES: 'novalue',
    });
    expect(problems?.map(({ path }) => path).sort()).toEqual([
      'KAMON_ENABLED',
      'KAMON_PROMETHEUS_PORT',
      'OTEL_EXPORTER_PROMETHEUS_PORT',
      'OTEL_RESOURCE_ATTRIBUTES',
    ]);
    expect(problems).toContainEqual({
      path: 'KAMON_PROMETHEUS_PORT',
      expected: 'a port from 0 to 65535',
      got: '"65536"',
    });
    expect(telemetryConfigFromEnvironment({ OTEL_RESOURCE_ATTRIBUTES: 'a=%zz' }).problems).toHaveLength(1);
  });
});

test('merging keeps what a layer does not say', () => {
  const merged = mergeTelemetryConfig(
    DEFAULT_TELEMETRY_CONFIG,
    { prometheus: { port: 1 }, buckets: { a: [1] }, resource: { x: '1' } },
    undefined,
    { prometheus: { host: 'h' }, buckets: { b: [2] }, resource: { x: '2' } },
  );
  expect(merged).toEqual({
    ...DEFAULT_TELEMETRY_CONFIG,
    prometheus: { enabled: true, host: 'h', port: 1, created: false },
    buckets: { a: [1], b: [2] },
    resource: { x: '2' },
  });
});
