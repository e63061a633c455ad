import { expect, test } from '@jest/globals';
import type { Counter, Histogram } from '@opentelemetry/api';
import { parse } from 'yaml';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load-config.ts';
import { SETTINGS } from '../../../src/config/settings.ts';
import { ActorTargets } from '../../../src/metrics/actor-targets.ts';
import { INSTRUMENT_LIST } from '../../../src/metrics/names.ts';
import { instrumentFilter } from '../../../src/telemetry/instrument-filter.ts';
import { otlpUrl, pushesOtlp } from '../../../src/telemetry/otlp/otlp-config.ts';
import { codeBlocks, readReadme } from '../../support/readme.ts';

const readme = readReadme();
const blocks = codeBlocks(readme, 'yaml')
  .map(({ code }) => ({ code, value: parse(code) }))
  .filter(({ value }) => value.metrics !== undefined);

/** The configuration that the block with this key makes, its variables set. */
async function configured(key: string): Promise<Config['metrics']> {
  const found = blocks.filter(({ code }) => new RegExp(`^ +${key}:`, 'm').test(code));
  expect(found).toHaveLength(1);
  const [{ code, value }] = found as [(typeof found)[number]];
  const names = [...code.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name!);
  const env = Object.fromEntries(names.map((name) => [name, `value of ${name}`]));
  return (await loadConfig({ options: value, env, file: false })).metrics;
}

test('there is an example of each', () => {
  expect(blocks).toHaveLength(4);
});

test('access: user name and password, token, TLS', async () => {
  const { auth, tls, host } = (await configured('auth')).prometheus;
  expect([auth?.basic?.username, auth?.basic?.password, auth?.bearer?.token]).toEqual([
    'prometheus',
    `\${METRICS_PASSWORD}`,
    `\${METRICS_TOKEN}`,
  ]);
  expect([host, Object.keys(tls ?? {})]).toEqual(['127.0.0.1', ['cert', 'key']]);
});

test('the filter keeps what the text says', async () => {
  const { filter, buckets, seriesLimit } = await configured('seriesLimit');
  const wanted = instrumentFilter(filter);
  const kept = INSTRUMENT_LIST.map(({ name }) => name).filter(wanted);
  expect(kept).toContain('process.cpu.usage');
  expect(kept.filter((name) => !/^dataflow\.(?!recovery\.)|^process\.cpu\./.test(name))).toEqual([]);
  const dropped = INSTRUMENT_LIST.map(({ name }) => name).filter((name) => !wanted(name));
  expect(dropped).toContain('dataflow.recovery.duration');
  for (const name of Object.keys(buckets)) {
    expect(INSTRUMENT_LIST.find((instrument) => instrument.name === name)?.kind).toBe('histogram');
  }
  expect(seriesLimit).toBe(20_000);
});

test('the actors are where the text says', async () => {
  const { actors } = await configured('actors');
  const targets = new ActorTargets(actors, 'system', {
    timeInMailbox: {} as Histogram,
    processingTime: {} as Histogram,
    errors: {} as Counter,
  });
  const of = (path: string) => targets.groupsOf(path).map(({ attributes }) => attributes.group);
  expect(targets.isTracked('dataflow/orders-1')).toBe(true);
  expect(targets.isTracked('dataflow/orders-test')).toBe(false);
  expect(of('dataflow/orders-1')).toEqual(['everything']);
  expect(of('dataflow/import-1')).toEqual(['imports', 'everything']);
});

test('pushing: by the settings, with the path of metrics', async () => {
  const { otlp, prometheus, resource } = await configured('otlp');
  expect([pushesOtlp(otlp), prometheus.enabled]).toEqual([true, false]);
  expect(otlpUrl(otlp)).toBe('https://otlp.example.com/v1/metrics');
  expect([otlp.intervalMs, otlp.compression]).toEqual([30_000, 'gzip']);
  expect(resource).toEqual({ 'deployment.environment': 'production' });
});

test('every variable that the text names is read', () => {
  const files = ['CERTIFICATE', 'CLIENT_CERTIFICATE', 'CLIENT_KEY'].map((name) => `OTEL_EXPORTER_OTLP_${name}`);
  const known = [...SETTINGS.flatMap(({ env }) => env), ...files, 'DATAFLOW_CONFIG', 'DATAFLOW_DASHBOARDS'];
  const named = [...readme.matchAll(/(?<!\w)(?:OTEL|KAMON|DATAFLOW(?!_ERR))_[A-Z_]*[A-Z](?![A-Z_…])/g)].map(
    ([name]) => name,
  );
  expect(new Set(named).size).toBeGreaterThan(20);
  expect([...new Set(named)].filter((name) => !known.includes(name))).toEqual([]);
});
