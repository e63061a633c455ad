import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { ConfigOptions } from '../../../src/config/config.ts';
import { metricsConfigOf, resolveConfig } from '../../../src/config/load-config.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'dataflow-service-'));
});
afterEach(() => rm(cwd, { recursive: true }));

const ATTRIBUTE = { OTEL_RESOURCE_ATTRIBUTES: 'service.name=of-env,zone=z' };
const named = (name: string) => ({ resource: { 'service.name': name, team: 't' } });

test.each<[string, string, object, NonNullable<ConfigOptions['metrics']>, string, string]>([
  ['nothing', '', {}, {}, 'dataflow-platform', 'default'],
  ['the file', 'service: s', {}, {}, 's', 'file'],
  ['an attribute in code', '', {}, named('of-code'), 'of-code', 'code'],
  ['an attribute of the file', 'resource: { service.name: of-file }', {}, {}, 'of-file', 'file'],
  ['an attribute of the environment', '', ATTRIBUTE, {}, 'of-env', 'environment'],
  ['the strongest attribute', 'resource: { service.name: of-file }', ATTRIBUTE, {}, 'of-env', 'environment'],
  ['the strongest attribute', 'resource: { service.name: of-file }', ATTRIBUTE, named('of-code'), 'of-code', 'code'],
  ['an attribute over the file', 'service: s', ATTRIBUTE, {}, 'of-env', 'environment'],
  ['an attribute over weaker levels', 'service: s', { OTEL_SERVICE_NAME: 'o' }, named('of-code'), 'of-code', 'code'],
  ['KAMON_SERVICE_NAME', '', { ...ATTRIBUTE, KAMON_SERVICE_NAME: 'k' }, {}, 'k', 'environment'],
  ['OTEL_SERVICE_NAME', '', { ...ATTRIBUTE, OTEL_SERVICE_NAME: 'o' }, {}, 'o', 'environment'],
  ['the option', '', ATTRIBUTE, { service: 's', ...named('of-code') }, 's', 'code'],
  ['none where it is empty', '', { OTEL_RESOURCE_ATTRIBUTES: 'service.name=' }, {}, 'dataflow-platform', 'default'],
])('the service is named by %s: %j %j %j', async (_by, file, env, metrics, service, source) => {
  await writeFile(join(cwd, 'dataflow.yaml'), file === '' ? '' : `metrics: { ${file} }`);
  const { config, sourceOf } = await resolveConfig({ cwd, env: { ...env }, options: { metrics } });
  expect([config.metrics.service, sourceOf('metrics.service')]).toEqual([service, source]);
  expect(config.metrics.resource).not.toHaveProperty(['service.name']);
  if (file === '') expect(metricsConfigOf(metrics, { ...env })).toEqual(config.metrics);
});

test('the other attributes stay', () => {
  expect(metricsConfigOf(named('n'), ATTRIBUTE).resource).toEqual({ team: 't', zone: 'z' });
});

test('an attribute that cannot name a service is refused', () => {
  const refused = (name: unknown) => () => metricsConfigOf(named(name as string), {});
  for (const bad of ['', ' ', 'a\nb', 5, {}]) {
    expect(refused(bad)).toThrow('metrics.resource.service.name: expected a non-empty text, got ');
  }
});
