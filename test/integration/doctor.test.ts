import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Platform, startPlatform } from '../../src/index.ts';
import { examined, withStatus } from '../support/doctor.ts';
import { closedPort } from '../support/odd-server.ts';
import { missing, runPrometheus } from '../support/prometheus-server.ts';
import { readReadme } from '../support/readme.ts';

async function start(prometheus: object = {}): Promise<Platform> {
  const platform = await startPlatform({
    env: {},
    configFile: false,
    journal: { kind: 'memory' },
    statusPage: { enabled: false },
    metrics: { prometheus: { host: '127.0.0.1', port: 0, ...prometheus } },
  });
  const pipeline = await platform.spawnPipeline({ id: 'one', name: 'one', sink: { write: () => {} } });
  await pipeline.start();
  await pipeline.ingest({ batchId: 'b', records: [{ n: 1 }], sourceOffset: 0 });
  return platform;
}

let platform: Platform;
let url: string;

beforeAll(async () => {
  platform = await start();
  url = platform.metricsUrl!;
});

afterAll(() => platform.shutdown());

test('a platform that runs is in order, empty or at work', async () => {
  const checks = await examined(url, { pauseMs: 1000 });
  expect(withStatus(checks, 'failed', 'skipped')).toEqual([]);
  // How busy this machine is just now is no matter here.
  expect(withStatus(checks, 'warning').filter((name) => name !== 'process')).toEqual([]);
  expect(checks.get('parses')!.seen).toMatch(/as OpenMetrics and the Prometheus text format/);
});

test('a platform without a pipeline is in order', async () => {
  const empty = await startPlatform({
    env: {},
    configFile: false,
    journal: { kind: 'memory' },
    statusPage: { enabled: false },
    metrics: { prometheus: { host: '127.0.0.1', port: 0 } },
  });
  try {
    expect(withStatus(await examined(empty.metricsUrl!, { pauseMs: 1000 }), 'failed', 'skipped')).toEqual([]);
  } finally {
    await empty.shutdown();
  }
});

test('a platform that asks for credentials', async () => {
  const guarded = await start({ auth: { bearer: { token: 't0ken-of-tests' } } });
  try {
    const denied = await examined(guarded.metricsUrl!, { token: 'wrong-token' });
    expect(withStatus(denied, 'failed')).toEqual(['reachable']);
    expect(denied.get('reachable')!.seen).toMatch(/answered 401: Metrics are given/);
    const admitted = await examined(guarded.metricsUrl!, { token: 't0ken-of-tests', pauseMs: 1000 });
    expect(withStatus(admitted, 'failed')).toEqual([]);
    expect(JSON.stringify([...denied.values(), ...admitted.values()])).not.toMatch(/t0ken-of-tests|wrong-token/);
  } finally {
    await guarded.shutdown();
  }
});

const noPrometheus = missing('prometheus');
const withPrometheus = noPrometheus === undefined ? describe : describe.skip;

withPrometheus(`a real Prometheus${noPrometheus === undefined ? '' : `: skipped, ${noPrometheus}`}`, () => {
  /** What the doctor finds once the target is up, or down. */
  async function examinedBy(target: string, up: '0' | '1', { interval = '1s', scrape = {}, metricsUrl = url } = {}) {
    const prometheus = await runPrometheus([target], { scrapeInterval: interval, scrape });
    try {
      await prometheus.waitFor('up', ([sample]) => sample?.value[1] === up);
      return await examined(metricsUrl, { prometheus: prometheus.url, pauseMs: 1000 });
    } finally {
      await prometheus.stop();
    }
  }

  test('a healthy target, known as localhost here and as 127.0.0.1 there', async () => {
    const metricsUrl = url.replace('127.0.0.1', 'localhost');
    const checks = await examinedBy(new URL(url).host, '1', { interval: '5s', metricsUrl });
    expect(withStatus(checks, 'failed', 'skipped')).toEqual([]);
    // None of them is configured here.
    const open = ['prometheus-rules', 'prometheus-alertmanager', 'process'];
    expect(withStatus(checks, 'warning').filter((name) => !open.includes(name))).toEqual([]);
    expect(checks.get('prometheus-target')!.seen).toMatch(/^job dataflow-platform scrapes http:\/\/127/);
    expect(checks.get('prometheus-series')!.seen).toMatch(/^\d{2,} samples a scrape are stored$/);
  });

  test('a target that is down', async () => {
    const target = `127.0.0.1:${await closedPort()}`;
    const checks = await examinedBy(target, '0', { metricsUrl: `http://${target}/metrics` });
    expect(withStatus(checks, 'failed')).toEqual(['reachable', 'prometheus-health']);
    expect(checks.get('prometheus-health')).toMatchObject({
      seen: expect.stringMatching(/^down: .*connection refused/),
      remedy: expect.stringMatching(/start the platform/),
    });
  });

  test('the wrong port in its configuration', async () => {
    const checks = await examinedBy(`127.0.0.1:${await closedPort()}`, '0');
    expect(withStatus(checks, 'failed')).toEqual(['prometheus-target', 'prometheus-health']);
    const { status, check, seen, remedy } = checks.get('prometheus-target')!;
    expect(remedy).toContain(`targets: ['${new URL(url).host}']`);
    // The README shows it.
    const words = (text: string): string =>
      text.replaceAll(/(?:localhost|127\.0\.0\.1):\d+/g, 'HOST').replaceAll(/ +/g, ' ');
    const [, shown] = /^(failed +prometheus-target[\s\S]*?)^```$/m.exec(readReadme())!;
    expect(words(`${status} ${check} ${seen}\n → ${remedy}\n`)).toBe(words(shown!));
  });

  test('a sample limit and a rule that drops', async () => {
    const limited = await examinedBy(new URL(url).host, '0', { scrape: { sample_limit: 5 } });
    expect(limited.get('prometheus-health')).toMatchObject({
      seen: expect.stringMatching(/sample limit/),
      remedy: expect.stringMatching(/raise sample_limit/),
    });
    const drop = { source_labels: ['__name__'], regex: 'dataflow_batches.*', action: 'drop' };
    const dropping = await examinedBy(new URL(url).host, '1', { scrape: { metric_relabel_configs: [drop] } });
    expect(dropping.get('prometheus-series')).toMatchObject({
      status: 'failed',
      seen: expect.stringMatching(/drops \d+ of \d+ samples, among them dataflow_batches/),
    });
  });

  test('credentials that the job lacks', async () => {
    const guarded = await start({ auth: { bearer: { token: 't0ken-of-tests' } } });
    try {
      const checks = await examinedBy(new URL(guarded.metricsUrl!).host, '0', { metricsUrl: guarded.metricsUrl! });
      expect(checks.get('prometheus-health')).toMatchObject({
        seen: expect.stringMatching(/HTTP status 401/),
        remedy: expect.stringMatching(/basic_auth, or authorization/),
      });
    } finally {
      await guarded.shutdown();
    }
  });
});
