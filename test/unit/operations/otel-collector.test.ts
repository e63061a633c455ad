import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { settingRows } from '../../../src/config/settings.ts';
import { INSTRUMENT_LIST } from '../../../src/metrics/names.ts';
import { ROOT } from '../../support/command-line.ts';

const yaml = (path: string) => parse(readFileSync(join(ROOT, path), 'utf8'), { strict: true, uniqueKeys: true });

type Components = Readonly<Record<string, unknown>>;
interface Collector {
  readonly receivers: {
    readonly otlp: { readonly protocols: Readonly<Record<string, { readonly endpoint: string }>> };
  };
  readonly processors: Components;
  readonly exporters: { readonly prometheus: Readonly<Record<string, unknown>> };
  readonly service: { readonly pipelines: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> };
}

const collector: Collector = yaml('config/otel-collector.yaml');
const { 'otel-collector': service } = yaml('docker-compose.yml').services;

test('the pipeline goes through everything that is defined, the memory limiter first', () => {
  expect(Object.keys(collector.service.pipelines)).toEqual(['metrics']);
  const metrics = collector.service.pipelines.metrics!;
  for (const kind of ['receivers', 'processors', 'exporters'] as const)
    expect([kind, [...metrics[kind]!].sort()]).toEqual([kind, Object.keys(collector[kind]).sort()]);
  expect(metrics.processors?.[0]).toBe('memory_limiter');
});

test('it listens where the platform pushes to, on this machine unless told otherwise', () => {
  const { protocols } = collector.receivers.otlp;
  const endpoints = [protocols.grpc, protocols.http, collector.exporters.prometheus].map((part) => part?.endpoint);
  expect(endpoints).toEqual([4317, 4318, 8889].map((port) => `\${env:COLLECTOR_HOST:-127.0.0.1}:${port}`));
  expect(service.environment).toEqual({ COLLECTOR_HOST: '0.0.0.0' });
  expect(service.profiles).toEqual(['otel']);
  expect(service.ports).toEqual(['127.0.0.1:4317:4317', '127.0.0.1:4318:4318']);
});

test('the series are those of /metrics', () => {
  expect(collector.exporters.prometheus).toMatchObject({
    translation_strategy: 'UnderscoreEscapingWithSuffixes',
    without_scope_info: true,
  });
  // Any of these would change names, labels or times.
  for (const key of ['namespace', 'const_labels', 'send_timestamps', 'resource_to_telemetry_conversion'])
    expect(collector.exporters.prometheus).not.toHaveProperty(key);
  // The collector adds a unit that is nowhere in the name, the platform one that is not at its end.
  const words: Readonly<Record<string, string>> = { s: 'seconds', By: 'bytes', 1: 'ratio' };
  const differing = INSTRUMENT_LIST.filter(({ name, unit }) => {
    const word = words[unit];
    return word !== undefined && name.split('.').slice(0, -1).includes(word);
  });
  expect(differing).toEqual([]);
});

test('a series lives longer than the pause between two pushes, and less than Prometheus would show it', () => {
  const interval = settingRows().find(({ key }) => key === 'metrics.tickInterval')?.default;
  expect([interval, collector.exporters.prometheus.metric_expiration]).toEqual(['10s', '1m']);
});

test('Prometheus takes job and instance from what was pushed', () => {
  const jobs: readonly Readonly<Record<string, unknown>>[] = yaml('config/prometheus/prometheus.yml').scrape_configs;
  expect(jobs.find(({ job_name }) => job_name === 'otel-collector')).toMatchObject({ honor_labels: true });
  expect(jobs.filter(({ honor_labels }) => honor_labels === true)).toHaveLength(1);
});
