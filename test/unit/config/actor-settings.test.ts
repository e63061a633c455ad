import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { ConfigOptions } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load-config.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'dataflow-actors-'));
});
afterEach(() => rm(cwd, { recursive: true }));

async function load(file: string, options?: ConfigOptions, env: Record<string, string> = {}) {
  await writeFile(join(cwd, 'dataflow.yaml'), file);
  return (await loadConfig({ env, cwd, options })).metrics.actors;
}

test('without settings: groups and system, no actor of its own', async () => {
  expect(await load('')).toEqual({
    enabled: true,
    track: { include: [], exclude: [] },
    groups: {},
    defaultGroup: 'default',
  });
});

test('filters and groups are read; groups of options are laid over those of the file', async () => {
  const file = [
    'metrics:',
    '  actors:',
    `    track: { include: ["dataflow/\${WHICH}-*"], exclude: [dataflow/dull] }`,
    '    groups:',
    '      imports: { include: [dataflow/import-*], exclude: [dataflow/import-test] }',
    '      exports: { include: [dataflow/export-*] }',
    '    defaultGroup: false',
  ].join('\n');
  const options = { metrics: { actors: { groups: { exports: { include: ['**'] } } } } };
  expect(await load(file, options, { WHICH: 'orders' })).toEqual({
    enabled: true,
    track: { include: ['dataflow/orders-*'], exclude: ['dataflow/dull'] },
    groups: {
      imports: { include: ['dataflow/import-*'], exclude: ['dataflow/import-test'] },
      exports: { include: ['**'], exclude: [] },
    },
    defaultGroup: false,
  });
});

describe('refused, with its path', () => {
  test.each([
    ['metrics.actors.track.include', { track: { include: 'dataflow/*' } }],
    ['metrics.actors.track.exclude.0', { track: { include: [], exclude: [''] } }],
    ['metrics.actors.groups.g.include', { groups: { g: {} } }],
    ['metrics.actors.groups.g.include', { groups: { g: { include: [] } } }],
    ['metrics.actors.groups.g', { groups: { g: ['dataflow/*'] } }],
    ['metrics.actors.groups.g.exlude', { groups: { g: { include: ['*'], exlude: ['a'] } } }],
    ['metrics.actors.groups.g.exclude.0', { groups: { g: { include: ['*'], exclude: [1] } } }],
    ['metrics.actors.groups. ', { groups: { ' ': { include: ['*'] } } }],
    ['metrics.actors.groups.__proto__', { groups: JSON.parse('{"__proto__":{"include":["*"]}}') }],
    ['metrics.actors.groups', { groups: [] }],
    ['metrics.actors.defaultGroup', { defaultGroup: '' }],
    ['metrics.actors.defaultGroup', { defaultGroup: true }],
    ['metrics.actors.enabled', { enabled: 'perhaps' }],
  ])('%s: %j', async (path, actors) => {
    const options = { metrics: { actors } } as unknown as ConfigOptions;
    await expect(loadConfig({ env: {}, cwd, options })).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_CONFIG_INVALID',
      problems: [{ path }],
    });
  });

  test('an unknown key', async () => {
    const options = { metrics: { actors: { tracks: {} } } } as unknown as ConfigOptions;
    await expect(loadConfig({ env: {}, cwd, options })).rejects.toMatchObject({
      problems: [{ path: expect.stringMatching(/^metrics\.actors/) }],
    });
  });
});
