import { execFile } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../../src/config/load-config.ts';
import { type LoadedPipeline, loadPipelineFiles } from '../../../src/config/pipelines-file.ts';
import { SETTINGS } from '../../../src/config/settings.ts';
import { createDefaultRegistry } from '../../../src/connectors/registry.ts';
import { INITIAL_CHECKPOINT } from '../../../src/domain/state.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const env = {};
const registry = createDefaultRegistry({ env });

async function loadSamples(): Promise<readonly LoadedPipeline[]> {
  const names = (await readdir(`${root}config/pipelines`)).filter((name) => name.endsWith('.yaml'));
  return loadPipelineFiles(
    names.map((name) => `${root}config/pipelines/${name}`),
    { env, validateConnectors: (config) => registry.validate(config) },
  );
}

interface Counts {
  read: number;
  rejectedLines: number[];
  failed: number;
  written: unknown[];
}

/** Reads the whole source and applies the transforms, without a sink. */
async function flow({ definition: { id, config } }: LoadedPipeline): Promise<Counts> {
  const { source, transforms } = registry.create(config);
  const counts: Counts = { read: 0, rejectedLines: [], failed: 0, written: [] };
  const context = { pipelineId: id, spec: config.source, batchSize: 500, signal: new AbortController().signal };
  for await (const { records, rejected = [] } of source!.read(INITIAL_CHECKPOINT, context)) {
    counts.read += records.length;
    counts.rejectedLines.push(...rejected.map(({ line }) => line ?? 0));
    for (const record of records) {
      const metadata = { pipelineId: id, batchId: 'b', attempt: 1, offset: null };
      try {
        let result: unknown = record;
        for (const transform of transforms) {
          if (result !== undefined) result = await transform.apply(result, metadata);
        }
        if (result !== undefined) counts.written.push(result);
      } catch {
        counts.failed += 1;
      }
    }
  }
  return counts;
}

describe('config/dataflow.yaml', () => {
  test('is valid and says the defaults', async () => {
    const defaults = await loadConfig({ env, cwd: `${root}test` });
    const sample = await loadConfig({ env, cwd: root });
    expect(sample.file).toBe(`${root}config/dataflow.yaml`);
    expect({ ...sample, file: null }).toEqual({ ...defaults, file: null });
  });

  test('shows every setting', async () => {
    const text = await readFile(`${root}config/dataflow.yaml`, 'utf8');
    for (const { key } of SETTINGS) expect(text).toMatch(new RegExp(`^ *(# *)?${key.split('.').at(-1)}:`, 'm'));
  });
});

describe('config/pipelines', () => {
  test('are valid, also for the connectors', async () => {
    const ids = (await loadSamples()).map(({ definition }) => definition.id);
    expect(ids.sort()).toEqual(['late-flights', 'rainy-days', 'strong-earthquakes']);
  });

  test.each([
    ['late-flights', 10_000, 548, { day: expect.stringMatching(/^\d{4}\/\d\d\/\d\d$/), delay: expect.any(Number) }],
    ['rainy-days', 1_461, 136, { rainMm: expect.any(Number), warmestC: expect.any(Number) }],
    ['strong-earthquakes', 1_707, 128, { magnitude: expect.any(Number), scale: expect.any(String) }],
  ])('%s turns %d records of its sample into %d', async (id, read, written, record) => {
    const pipeline = (await loadSamples()).find(({ definition }) => definition.id === id);
    const counts = await flow(pipeline!);
    expect(counts.rejectedLines).toEqual(id === 'strong-earthquakes' ? [101, 402, 803, 1204, 1605] : []);
    expect([counts.read, counts.failed, counts.written.length]).toEqual([read, 0, written]);
    for (const result of counts.written) expect(result).toMatchObject(record);
  });

  test('write nowhere but under ./out', async () => {
    for (const { definition } of await loadSamples()) {
      const { sink, deadLetter = sink } = definition.config;
      for (const { connectionString } of [sink, deadLetter])
        expect(connectionString).toMatch(/^(\.\/out|\$\{OUT_DIR:-\.\/out\})\//);
    }
  });
});

describe('config/samples', () => {
  test('are what the script makes of their source', async () => {
    await promisify(execFile)(process.execPath, [`${root}scripts/make-samples.mjs`, '--check']);
  });

  test('stay small', async () => {
    const names = await readdir(`${root}config/samples`);
    const sizes = await Promise.all(names.map(async (name) => (await stat(`${root}config/samples/${name}`)).size));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(2 * 1024 * 1024);
  });

  test('are each named in the README', async () => {
    const readme = await readFile(`${root}config/samples/README.md`, 'utf8');
    for (const name of await readdir(`${root}config/samples`)) {
      if (name !== 'README.md') expect(readme).toContain(`\`${name}\``);
    }
  });
});
