import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
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
    source: { batchSize: 100, pollIntervalMs: 200, [Symbol.asyncIterator]: orders },
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

  describe('a pipeline', () => {
    const act = async (page: Page, name: string, reason?: string): Promise<void> => {
      await page.getByRole('button', { name, exact: true }).click();
      const dialog = page.getByRole('dialog');
      if (reason !== undefined) await dialog.getByLabel(/Reason/).fill(reason);
      await dialog.getByRole('button', { name, exact: true }).click();
    };

    test('is paused, resumed, stopped, started and removed', async () => {
      const { page, complaints, violations, picture } = await open('pipelines/orders', 'orders');
      const state = () => platform.pipeline('orders').state();
      const shows = (word: string) => page.locator('.pipeline-head .badge', { hasText: word }).waitFor();

      await page.getByRole('button', { name: 'Pause', exact: true }).click();
      await page.getByRole('dialog', { name: 'Pause orders?' }).waitFor();
      await picture('dialog');
      expect(await violations()).toEqual([]);
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      expect(await state()).toMatchObject({ status: 'running' });

      await act(page, 'Pause', 'the warehouse is down');
      await shows('paused');
      expect(await state()).toMatchObject({ status: 'paused', pauseReason: 'the warehouse is down' });
      await page.getByText('the warehouse is down').first().waitFor();
      await page.getByRole('img', { name: /^The pipeline is paused\. From here: resume leads to running/ }).waitFor();
      await page.getByRole('button', { name: 'Pause', exact: true }).waitFor({ state: 'detached' });
      await act(page, 'Resume');
      await shows('running');
      await act(page, 'Stop', '');
      await shows('stopped');
      await act(page, 'Start');
      await shows('running');
      expect(await state()).toMatchObject({ status: 'running' });

      await page.goto(`${platform.statusUrl}#/pipelines/idle-7`);
      await act(page, 'Remove');
      await page.getByRole('status').getByText('idle-7 is removed.').waitFor();
      await page.getByRole('heading', { level: 1, name: 'Pipelines' }).waitFor();
      expect(() => platform.pipeline('idle-7')).toThrow();
      expect(complaints).toEqual([]);
    });

    test('that has changed meanwhile refuses with the remedy', async () => {
      const { page } = await open('pipelines/idle-9', 'idle-9');
      await page.getByRole('button', { name: 'Start', exact: true }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText('reads on from its checkpoint').waitFor();
      await platform.removePipeline('idle-9');
      await dialog.getByRole('button', { name: 'Start', exact: true }).click();
      await dialog.getByRole('alert').getByText('DATAFLOW_ERR_').waitFor();
      expect(await dialog.getByRole('alert').innerText()).toMatch(/idle-9/);
    });

    test('shows its events a page at a time, each with all it holds', async () => {
      const { page } = await open('pipelines/orders', 'orders');
      const number = async () => Number(await page.locator('.events .sequence').first().innerText());
      await page.locator('.events .sequence').first().waitFor();
      const newest = await number();
      const answered = page.waitForResponse(/\/events\?.*&from=/);
      await page.getByRole('button', { name: 'Older' }).click();
      const { events } = (await (await answered).json()) as { events: readonly { sequenceNumber: number }[] };
      const top = events[0]!.sequenceNumber;
      await page.locator('.sequence', { hasText: new RegExp(`^${top}$`) }).waitFor();
      expect(await number()).toBe(top);
      expect(top).toBeLessThan(newest);
      await page.locator('.event', { hasText: 'Batch processed' }).first().click();
      const dialog = page.getByRole('dialog', { name: /^Batch processed, number \d+$/ });
      expect(JSON.parse(await dialog.locator('pre').innerText())).toMatchObject({ pipelineId: 'orders' });
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
    });
  });

  describe('the table of pipelines', () => {
    const first = (page: Page) => page.locator('.vrow').first().getByRole('link').innerText();
    const rows = (page: Page) => page.getByRole('table', { name: 'Pipelines' }).getAttribute('aria-rowcount');

    test('is searched, filtered and sorted, and draws what is in sight only', async () => {
      const { page } = await open('pipelines', 'Pipelines');
      expect(await page.locator('.vrow').count()).toBeLessThan(60);
      const all = Number(await rows(page));
      expect(all).toBeGreaterThan(190);
      await page.keyboard.press('/');
      await page.keyboard.type('idle-11');
      await page.locator('[aria-rowcount="12"]').waitFor();
      await page.keyboard.press('Escape');
      await page.locator(`[aria-rowcount="${all}"]`).waitFor();
      await page.getByRole('button', { name: /^failed/ }).click();
      await page.locator('[aria-rowcount="2"]').waitFor();
      expect(await first(page)).toBe('broken');
      await page.getByRole('button', { name: /^failed/ }).click();
      await page.getByRole('button', { name: 'Records/s' }).click();
      await page.locator('[aria-sort="descending"]', { hasText: 'Records/s' }).waitFor();
      expect(await first(page)).toBe('orders');
    });

    test('is walked through with the keyboard', async () => {
      const { page } = await open('pipelines', 'Pipelines');
      await page.locator('.vrow a').first().focus();
      await page.keyboard.press('End');
      await page.locator(`.vrow a:focus`, { hasText: 'orders' }).waitFor();
      await page.keyboard.press('Home');
      await page.locator('[aria-rowindex="2"] a:focus').waitFor();
      await page.keyboard.press('ArrowDown');
      await page.locator('[aria-rowindex="3"] a:focus').waitFor();
      await page.keyboard.press('ArrowUp');
      await page.locator('[aria-rowindex="2"] a:focus').waitFor();
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { level: 1, name: 'broken' }).waitFor();
    });
  });

  test('the metrics are found, read and copied as a query', async () => {
    const { page } = await open('metrics', 'Metrics', { permissions: ['clipboard-read', 'clipboard-write'] });
    await page.keyboard.press('/');
    await page.keyboard.type('name:records.processed label:pipeline_id=idle-3');
    await page.getByRole('button', { name: /dataflow_records_processed_total/ }).click();
    await page
      .getByRole('table', { name: /^Series of/ })
      .and(page.locator('[aria-rowcount="2"]'))
      .waitFor();
    expect(await page.locator('.vrow').innerText()).toMatch(/pipeline_id=idle-3\s+0/);
    await page.getByRole('button', { name: 'Copy PromQL' }).click();
    await page.getByRole('status').getByText('Query copied.').waitFor();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(
      'rate(dataflow_records_processed_total{pipeline_id="idle-3"}[5m])',
    );
    await page.getByRole('searchbox').fill('type:counter transitions');
    await page.getByRole('button', { name: /dataflow_state_transitions_total/ }).click();
    await page.getByText(/series: more than 300 are dear/).waitFor();
  });

  test('the keyboard reaches the content first, the colours are kept', async () => {
    const { page } = await open('', 'Overview');
    await page.keyboard.press('Tab');
    await page.getByRole('button', { name: 'Skip to the content' }).and(page.locator(':focus')).waitFor();
    await page.keyboard.press('Enter');
    await page.locator('main:focus').waitFor();
    const ground = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
    const light = await ground();
    await page.getByRole('button', { name: /^Colours/ }).click();
    await page.getByRole('button', { name: 'Colours: light' }).click();
    await page.getByRole('button', { name: 'Colours: dark' }).waitFor();
    expect(await ground()).not.toBe(light);
    await page.reload();
    await page.getByRole('button', { name: 'Colours: dark' }).waitFor();
  });
});
