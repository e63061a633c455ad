import { afterEach, describe, expect, test } from '@jest/globals';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import type { ConfigOptions } from '../../src/config/config.ts';
import { type MetricPoint, snapshotOf } from '../../src/platform/metric-snapshot.ts';
import type { Pipeline } from '../../src/platform/pipeline.ts';
import type { Platform } from '../../src/platform/platform.ts';
import { type PlatformOptions, startPlatform } from '../../src/platform/start.ts';
import { parsePrometheus, sampleValue } from '../support/prometheus-parser.ts';

let platform: Platform;
afterEach(() => platform.shutdown());

type ActorOptions = NonNullable<NonNullable<ConfigOptions['metrics']>['actors']>;

async function start(actors: ActorOptions = {}, more: Partial<PlatformOptions> = {}): Promise<Platform> {
  platform = await startPlatform({
    journal: { kind: 'memory' },
    configFile: false,
    env: {},
    statusPage: { enabled: false },
    metrics: {
      service: 'shop',
      prometheus: { host: '127.0.0.1', port: 0 },
      runtime: { enabled: false },
      process: { enabled: false },
      host: { groups: [] },
      actors,
    },
    ...more,
  });
  return platform;
}

async function pipeline(id: string): Promise<Pipeline> {
  const spawned = await platform.spawnPipeline({
    id,
    name: `name-${id}`,
    description: '',
    source: { type: 'push', connectionString: 'push', batchSize: 10 },
    transforms: [],
    sink: { write: async () => {} },
  });
  await spawned.start();
  return spawned;
}

const ingest = (to: Pipeline, offset: number) =>
  to.ingest({ batchId: `${to.id}:${offset}`, records: [1, 2], sourceOffset: offset });

async function nact(): Promise<MetricPoint[]> {
  return (await platform.metrics.snapshot()).filter(({ name }) => name.startsWith('nact.'));
}

function numberOf(points: readonly MetricPoint[], name: string, of: Record<string, string> = {}): number {
  const found = points.filter(
    (point) => point.name === `nact.${name}` && Object.entries(of).every(([key, is]) => point.attributes[key] === is),
  );
  expect(found.map(({ attributes }) => attributes)).toHaveLength(1);
  const { value } = found[0]!;
  return typeof value === 'number' ? value : value.count;
}

test('what was sent is what the series say', async () => {
  await start({ track: { include: ['dataflow/a'] }, groups: { both: { include: ['dataflow/?', 'dataflow/*'] } } });
  const [a, b] = [await pipeline('a'), await pipeline('b')];
  for (let offset = 0; offset < 20; offset++) await Promise.all([ingest(a, offset), ingest(b, offset)]);
  await expect(a.resume()).rejects.toMatchObject({ code: 'DATAFLOW_ERR_COMMAND_REFUSED' });
  await platform.removePipeline('b');
  await expect(b.start()).rejects.toMatchObject({ code: expect.stringMatching(/^DATAFLOW_ERR_/) });
  const points = await nact();
  // Create, start, 20 batches and their outcomes for each; one refused; one removal.
  const sent = 2 * (2 + 2 * 20) + 1 + 1;
  expect(numberOf(points, 'system.processed.messages', { system: 'shop' })).toBe(sent);
  expect(numberOf(points, 'system.unhandled.messages')).toBe(1);
  expect(numberOf(points, 'system.dead.letters')).toBe(1);
  expect(numberOf(points, 'system.active.actors')).toBe(1);
  expect(numberOf(points, 'group.time.in.mailbox', { group: 'both' })).toBe(sent);
  expect(numberOf(points, 'group.members', { group: 'both' })).toBe(1);
  expect(numberOf(points, 'group.pending.messages', { group: 'both' })).toBe(0);
  expect(numberOf(points, 'actor.time.in.mailbox', { path: 'dataflow/a' })).toBe(2 + 2 * 20 + 1);
  expect(numberOf(points, 'actor.mailbox.size', { path: 'dataflow/a' })).toBe(0);
  expect(numberOf(points, 'actor.mailbox.size.max', { path: 'dataflow/a' })).toBeGreaterThanOrEqual(1);
  expect(numberOf(points, 'actor.errors', { path: 'dataflow/a' })).toBe(0);
  const turns = numberOf(points, 'actor.processing.time', { path: 'dataflow/a' });
  expect(turns).toBeGreaterThan(20);
  expect(turns).toBeLessThanOrEqual(2 + 2 * 20 + 1);
});

test('they are scraped by their documented names', async () => {
  await start({ track: { include: ['dataflow/*'] } });
  await ingest(await pipeline('a'), 0);
  const families = parsePrometheus(await (await fetch(platform.metricsUrl!)).text());
  const labels = { path: 'dataflow/a', system: 'shop' };
  for (const name of ['nact_actor_mailbox_size', 'nact_actor_mailbox_size_max', 'nact_actor_errors_total']) {
    expect(families.get(name)?.samples.map((sample) => sample.labels)).toEqual([labels]);
  }
  const waits = families.get('nact_actor_time_in_mailbox_seconds');
  expect(waits?.type).toBe('histogram');
  expect(waits?.help).toMatch(/arrival of a command/);
  expect(families.get('nact_actor_mailbox_size')?.help).toContain('dataflow/<pipeline id>');
  expect(waits?.samples.find(({ labels: { le } }) => le === '+Inf')?.value).toBe(4);
  expect(families.get('nact_system_active_actors')?.samples).toEqual([
    { name: 'nact_system_active_actors', labels: { system: 'shop' }, value: 1 },
  ]);
});

test('the most that waited is shown to who scrapes, whoever else looks before', async () => {
  await start({ track: { include: ['dataflow/*'] } });
  const most = async () => {
    const families = parsePrometheus(await (await fetch(platform.metricsUrl!)).text());
    return sampleValue(families, 'nact_actor_mailbox_size_max', { path: 'dataflow/a', system: 'shop' });
  };
  const a = await pipeline('a');
  await most();
  await Promise.all(Array.from({ length: 50 }, () => a.state()));
  for (let look = 0; look < 2; look++) expect(numberOf(await nact(), 'actor.mailbox.size.max')).toBe(50);
  expect(await most()).toBe(50);
  expect(await most()).toBe(0);
  expect(numberOf(await nact(), 'actor.mailbox.size.max')).toBe(0);
});

test('pipelines add no series unless they are tracked', async () => {
  await start();
  const seriesOf = async () => (await nact()).map(({ name, attributes }) => `${name} ${JSON.stringify(attributes)}`);
  await pipeline('p0');
  const one = await seriesOf();
  await Promise.all(Array.from({ length: 50 }, (_, index) => pipeline(`p${index + 1}`)));
  expect(await seriesOf()).toEqual(one);
  expect(numberOf(await nact(), 'group.members', { group: 'default' })).toBe(51);
});

test('the series of a tracked actor go when its pipeline is removed', async () => {
  await start({ track: { include: ['**'] } });
  const a = await pipeline('a');
  await ingest(a, 0);
  expect(numberOf(await nact(), 'actor.mailbox.size.max')).toBeGreaterThan(0);
  await platform.removePipeline('a');
  expect((await nact()).filter(({ name }) => name.startsWith('nact.actor.'))).toEqual([]);
  expect(numberOf(await nact(), 'system.processed.messages')).toBe(5);
});

describe('nothing is observed', () => {
  test.each([
    ['when switched off', { metrics: { actors: { enabled: false } } }],
    ['when all metrics are off', { metrics: { enabled: false } }],
    ['when the filter leaves every instrument of actors out', { metrics: { filter: { exclude: ['nact.**'] } } }],
  ])('%s', async (_when, options) => {
    const { metrics } = options as { metrics: NonNullable<ConfigOptions['metrics']> };
    platform = await startPlatform({
      journal: { kind: 'memory' },
      configFile: false,
      env: {},
      statusPage: { enabled: false },
      metrics: { prometheus: { enabled: false }, host: { groups: [] }, ...metrics },
    });
    expect(platform.metrics.actors).toBeUndefined();
    await ingest(await pipeline('a'), 0);
    expect(await nact()).toEqual([]);
  });
});

test("a host application's provider gets them as well, with our buckets", async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  await start({}, { meterProvider: provider });
  await ingest(await pipeline('a'), 0);
  await provider.forceFlush();
  const points = exporter.getMetrics().flatMap(snapshotOf);
  expect(numberOf(points, 'system.processed.messages', { system: 'shop' })).toBe(4);
  const waits = points.find(({ name }) => name === 'nact.group.time.in.mailbox');
  expect(waits).toMatchObject({ value: { count: 4, boundaries: expect.arrayContaining([0.0001, 10]) } });
  await provider.shutdown();
});
