import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { type Platform, startPlatform } from '../../src/index.ts';
import { noChromium, openBrowser, openPage, type Watched } from '../support/status-browser.ts';

const VIEWS = [
  ['overview', '', 'Overview'],
  ['pipelines', 'pipelines', 'Pipelines'],
  ['pipeline', 'pipelines/orders', 'orders'],
  ['failed-pipeline', 'pipelines/broken', 'broken'],
  ['metrics', 'metrics', 'Metrics'],
  ['metric', 'metrics?metric=dataflow.batch.processing.time.ms', 'Metrics'],
  ['system', 'system', 'System'],
  ['modules', 'modules', 'Modules and settings'],
  ['cluster', 'cluster', 'Cluster'],
] as const;

let platform: Platform;
let browser: Browser;
let watched: Watched;

async function* orders(): AsyncGenerator<{ n: number }> {
  for (let n = 0; ; n++) yield { n };
}

async function startPipelines(): Promise<void> {
  const running = await platform.spawnPipeline({
    id: 'orders',
    description: 'Orders to the warehouse',
    source: Object.assign(orders(), { batchSize: 100, pollIntervalMs: 200 }),
    transforms: [
      (record: { n: number }) => {
        if (record.n % 500 === 0) throw new Error('every five hundredth is refused');
        return record;
      },
    ],
    sink: { write: async () => {} },
  });
  await running.start();
  const broken = await platform.spawnPipeline({
    id: 'broken',
    description: 'Its database is gone',
    source: [{ n: 1 }],
    sink: {
      write: async () => {
        throw Object.assign(new Error('relation "orders" does not exist'), { code: 'UNDEFINED_TABLE' });
      },
    },
  });
  await broken.start();
  await broken.completion().catch(() => {});
  for (let index = 0; index < 200; index++) {
    const id = `idle-${index}`;
    await platform.spawnPipeline({ id, source: [{ n: 1 }], sink: { write: async () => {} } });
  }
}

const there = noChromium === undefined ? describe : describe.skip;

there(`the status page in a browser${noChromium === undefined ? '' : `: skipped, ${noChromium}`}`, () => {
  beforeAll(async () => {
    platform = await startPlatform({
      env: {},
      configFile: false,
      journal: { kind: 'memory' },
      metrics: { prometheus: { host: '127.0.0.1', port: 0 } },
      statusPage: { port: 0 },
    });
    await startPipelines();
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await platform?.shutdown({ timeoutMs: 1000 });
  });

  afterEach(() => watched?.page.context().close());

  const open = async (hash: string, heading: string, options = {}): Promise<Watched> => {
    watched = await openPage(browser, options);
    await watched.page.goto(`${platform.statusUrl}#/${hash}`);
    await watched.page.getByRole('heading', { level: 1, name: heading, exact: true }).waitFor();
    await watched.page.getByText('Live', { exact: true }).waitFor();
    return watched;
  };

  describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
    test.each(VIEWS)('%s is accessible and stands still', async (name, hash, heading) => {
      const { ticks, complaints, violations, overflow, shifts, picture } = await open(hash, heading, { colorScheme });
      // What comes with them must not move what is there.
      await ticks();
      await picture(`${name}-${colorScheme}-wide`);
      expect(await violations()).toEqual([]);
      expect(await shifts()).toEqual([]);
      expect(await overflow()).toBeLessThanOrEqual(0);
      expect(complaints).toEqual([]);
    });

    test.each(VIEWS)('%s fits into 360 px', async (name, hash, heading) => {
      const viewport = { width: 360, height: 740 };
      const { ticks, violations, overflow, shifts, complaints, picture } = await open(hash, heading, {
        colorScheme,
        viewport,
      });
      await ticks();
      await picture(`${name}-${colorScheme}-narrow`);
      expect(await overflow()).toBeLessThanOrEqual(0);
      expect(await violations()).toEqual([]);
      expect(await shifts()).toEqual([]);
      expect(complaints).toEqual([]);
    });
  });
});
