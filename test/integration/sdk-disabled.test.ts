import { expect, test } from '@jest/globals';
import { MetricsReporter, startPlatform } from '../../src/index.ts';

const QUIET = { configFile: false as const, journal: { kind: 'memory' as const }, statusPage: { enabled: false } };

test.each([{ OTEL_SDK_DISABLED: 'true' }, { KAMON_ENABLED: 'No' }])(
  '%p takes the telemetry away and nothing else',
  async (off) => {
    const env = { ...off, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', KAMON_PROMETHEUS_PORT: '0' };
    const platform = await startPlatform({ env, ...QUIET });
    try {
      expect(platform.config.metrics.enabled).toBe(false);
      expect(platform.metricsUrl).toBeUndefined();
      const written: unknown[] = [];
      const pipeline = await platform.spawnPipeline({
        id: 'orders',
        source: [1, 2, 3],
        sink: { write: async (records) => void written.push(...records) },
      });
      await pipeline.start();
      const ended = await pipeline.completion();
      expect(ended).toMatchObject({ metrics: { totalRecordsProcessed: 3 } });
      expect(written).toEqual([1, 2, 3]);
      expect(await platform.metrics.snapshot()).toEqual([]);
      expect(platform.health().status).toBe('Healthy');
    } finally {
      await platform.shutdown();
    }
    await MetricsReporter.init({ env });
    MetricsReporter.recordBatchProcessed('orders', 1, 0, 1);
    await MetricsReporter.shutdown();
  },
);

test('where both are said, the documented variable wins', async () => {
  const env = { OTEL_SDK_DISABLED: 'true', KAMON_ENABLED: 'yes', KAMON_PROMETHEUS_PORT: '0' };
  const platform = await startPlatform({ env, ...QUIET });
  try {
    expect((await fetch(platform.metricsUrl!, { headers: { connection: 'close' } })).status).toBe(200);
  } finally {
    await platform.shutdown();
  }
});

test('every bad variable is said before anything starts', async () => {
  const env = {
    KAMON_ENABLED: 'perhaps',
    KAMON_PROMETHEUS_PORT: '70000',
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer hunter2,x',
    OTEL_EXPORTER_OTLP_TIMEOUT: '10s',
    OTEL_RESOURCE_ATTRIBUTES: 'password=hunter2,x',
  };
  const starting = startPlatform({ env, configFile: false, journal: { kind: 'memory' } });
  await expect(starting).rejects.toMatchObject({ code: 'DATAFLOW_ERR_CONFIG_INVALID' });
  const error = (await starting.catch((reason: unknown) => reason)) as {
    message: string;
    problems: { path: string }[];
  };
  expect(error.problems.map(({ path }) => path).sort()).toEqual(Object.keys(env).sort());
  expect(JSON.stringify([error.message, error.problems])).not.toContain('hunter2');
});
