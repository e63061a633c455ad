import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { startPlatform } from '../../src/index.ts';
import { type Started, startCommand } from '../support/command-line.ts';
import { noChromium, openBrowser, openPage } from '../support/status-browser.ts';

const PIPELINES = `
pipelines:
  - id: numbers
    source: { type: file, connectionString: ./numbers.ndjson, batchSize: 1, pollIntervalMs: 1000 }
    sink: { type: 'null', connectionString: nowhere }
`;

let browser: Browser;
let folder: string;

const there = noChromium === undefined ? describe : describe.skip;

there(`the connection of the status page${noChromium === undefined ? '' : `: skipped, ${noChromium}`}`, () => {
  beforeAll(async () => {
    browser = await openBrowser();
    folder = await mkdtemp(join(tmpdir(), 'dataflow-status-'));
    const lines = Array.from({ length: 10_000 }, (_, n) => JSON.stringify({ n }));
    await writeFile(join(folder, 'numbers.ndjson'), `${lines.join('\n')}\n`);
    await writeFile(join(folder, 'pipelines.yaml'), PIPELINES);
  });

  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const run = (port: string): Started =>
    startCommand(['run', '--keep-serving', 'pipelines.yaml'], {
      cwd: folder,
      env: { DATAFLOW_STATUS_PAGE_PORT: port },
    });

  test('is lost with a killed server, says so, and comes back with the next one', async () => {
    let started = run('0');
    try {
      const [, url = ''] = await started.saw(/status page at (http:\S+?)[;\s]/);
      const { page, shifts, violations, picture } = await openPage(browser);
      await page.goto(`${url}#/pipelines/numbers`);
      await page.getByText('Live', { exact: true }).waitFor();
      await page.locator('.pipeline-head .badge', { hasText: 'running' }).waitFor();

      started.child.kill('SIGKILL');
      await started.finished;
      await page.getByRole('status').getByText('Connection lost.').waitFor();
      await picture('connection-lost');
      expect(await violations()).toEqual([]);

      started = run(new URL(url).port);
      await started.saw(/status page at/);
      await page.getByRole('status').getByText('Connected again.').waitFor();
      await picture('connection-back');
      await page.getByText('Connection lost').waitFor({ state: 'detached' });
      await page.getByText('Live', { exact: true }).waitFor();

      // What is shown is the new process's: it can be steered.
      await page.getByRole('button', { name: 'Stop', exact: true }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Stop', exact: true }).click();
      await page.locator('.pipeline-head .badge', { hasText: 'stopped' }).waitFor();
      expect(await shifts()).toEqual([]);
      await page.context().close();
    } finally {
      started.child.kill('SIGKILL');
      await started.finished;
    }
  });

  test('asks for a token, for another when it is wrong, and keeps it for the tab', async () => {
    const token = 'correct-horse-battery-staple';
    await using platform = await startPlatform({
      env: {},
      configFile: false,
      journal: { kind: 'memory' },
      metrics: { prometheus: { host: '127.0.0.1', port: 0 } },
      statusPage: { port: 0, token },
    });
    const { page, violations, picture } = await openPage(browser);
    await page.goto(platform.statusUrl ?? '');
    const dialog = page.getByRole('dialog', { name: 'This server asks for a token' });
    await dialog.waitFor();
    await picture('token');
    expect(await violations()).toEqual([]);
    const answer = page.waitForResponse((response) => response.status() === 401);
    await dialog.getByLabel('Token').fill('wrong');
    await dialog.getByRole('button').click();
    await answer;
    await dialog.waitFor();
    await dialog.getByLabel('Token').fill(token);
    await dialog.getByRole('button').click();
    await page.getByText('Live', { exact: true }).waitFor();
    await page.reload();
    await page.getByText('Live', { exact: true }).waitFor();
    expect(await dialog.count()).toBe(0);
    await page.context().close();
  });
});
