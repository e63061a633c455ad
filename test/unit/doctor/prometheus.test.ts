import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Check } from '../../../src/doctor/check.ts';
import { readExposition } from '../../../src/doctor/exposition.ts';
import { PrometheusApi } from '../../../src/doctor/prometheus/api.ts';
import { examinePrometheus } from '../../../src/doctor/prometheus/examine.ts';
import { durationMs } from '../../../src/doctor/prometheus/scrapes.ts';
import { withStatus } from '../../support/doctor.ts';
import { closedPort, serve } from '../../support/odd-server.ts';

const ENDPOINT = 'http://localhost:9095/metrics';
const EXPOSED = '# TYPE dataflow_pipelines_running gauge\ndataflow_pipelines_running 1\n';

type Answers = Record<string, unknown>;

function target(changes: object = {}) {
  return {
    labels: { job: 'dataflow-platform', instance: 'localhost:9095' },
    discoveredLabels: { __address__: 'localhost:9095' },
    scrapePool: 'dataflow-platform',
    scrapeUrl: ENDPOINT,
    health: 'up',
    lastError: '',
    lastScrape: new Date().toISOString(),
    lastScrapeDuration: 0.01,
    scrapeInterval: '15s',
    scrapeTimeout: '10s',
    ...changes,
  };
}

const vector = (...values: string[]) => ({
  resultType: 'vector',
  result: values.map((v) => ({ metric: {}, value: [1, v] })),
});
const targets = (...activeTargets: object[]) => ({ activeTargets, droppedTargets: [] });
const rule = (changes: object = {}) => ({
  name: 'PipelineFailed',
  query: 'dataflow_pipelines_failed > 0',
  type: 'alerting',
  state: 'inactive',
  health: 'ok',
  ...changes,
});
const rules = (...list: object[]) => ({ groups: [{ name: 'any', rules: list }] });

/** What a Prometheus answers with which all is well, by path and query. */
let well: Answers;

beforeEach(() => {
  well = {
    'status/buildinfo': { version: '2.42.0' },
    'time()': () => ({ resultType: 'scalar', result: [Date.now() / 1000, '0'] }),
    targets: targets(target()),
    up: vector('1'),
    scrape_samples_scraped: vector('10'),
    scrape_samples_post_metric_relabeling: vector('10'),
    'label/__name__/values': ['dataflow_pipelines_running'],
    labels: ['__name__', 'instance', 'job'],
    rules: rules(rule()),
    alertmanagers: { activeAlertmanagers: [{ url: 'http://localhost:9093/api/v2/alerts' }] },
  };
});

async function view(answers: Answers = {}, { exposed = EXPOSED, url = ENDPOINT } = {}): Promise<Map<string, Check>> {
  const given = { ...well, ...answers };
  const origin = await serve((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://x');
    const path = pathname.replace('/prefix/api/v1/', '');
    const expression = searchParams.get('query');
    const answer = given[expression === null ? path : expression.replace(/\{.*/, '')];
    const data = typeof answer === 'function' ? answer() : answer;
    response.writeHead(data === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify(data === undefined ? { status: 'error', error: `no ${path}` } : { status: 'success', data }),
    );
  });
  return examine(`${origin}/prefix/`, exposed, url);
}

async function examine(prometheus: string, exposed = EXPOSED, url = ENDPOINT): Promise<Map<string, Check>> {
  const api = new PrometheusApi({ url: new URL(prometheus), secrets: [] }, { timeoutMs: 60_000, maxBytes: 1e6 });
  const checks = new Map<string, Check>();
  const exposition = readExposition(Buffer.from(exposed), 'classic');
  for await (const check of examinePrometheus({
    api,
    url: new URL(url),
    jobs: ['dataflow-platform'],
    exposition,
    lasting: ['dataflow_pipelines_running'],
  })) {
    checks.set(check.check, check);
  }
  return checks;
}

test('all is well', async () => {
  const checks = await view();
  expect(withStatus(checks, 'failed', 'warning', 'skipped')).toEqual([]);
  expect(withStatus(checks, 'ok')).toHaveLength(9);
});

describe('Prometheus does not answer', () => {
  test('nothing listens', async () => {
    const checks = await examine(`http://127.0.0.1:${await closedPort()}`);
    expect(withStatus(checks, 'failed')).toEqual(['prometheus']);
    expect(withStatus(checks, 'skipped')).toHaveLength(8);
    expect(checks.get('prometheus')!.remedy).toMatch(/--prometheus/);
  });

  test.each([
    [401, '', /--prometheus-user or --prometheus-token/],
    [302, '', /the address it leads to/],
    [503, 'Service Unavailable', /starting/],
    [404, '404 page not found', /route-prefix/],
    [200, '<html></html>', /route-prefix/],
    [200, 'null', /route-prefix/],
  ])('it answers %d %s', async (status, body, remedy) => {
    const url = await serve((_request, response) => response.writeHead(status).end(body));
    const checks = await examine(url);
    expect(checks.get('prometheus')).toMatchObject({ status: 'failed', remedy: expect.stringMatching(remedy) });
  });
});

interface Case {
  readonly answers: () => Answers;
  readonly exposed?: string;
  readonly url?: string;
  readonly check: string;
  readonly status: Check['status'];
  readonly seen: RegExp;
  readonly remedy?: RegExp;
}

const down = (lastError: string) => () => ({ targets: targets(target({ health: 'down', lastError })) });
const ago = (seconds: number): string => new Date(Date.now() - seconds * 1000).toISOString();
const at = (host: string, changes: object = {}) => target({ scrapeUrl: `http://${host}/metrics`, ...changes });

const CASES: Readonly<Record<string, Case>> = {
  'the same machine under another name': {
    answers: () => ({ targets: targets(at('127.0.0.1:9095')) }),
    check: 'prometheus-target',
    status: 'ok',
    seen: /scrapes http:\/\/127\.0\.0\.1:9095/,
  },
  'the same port under a foreign name': {
    answers: () => ({ targets: targets(at('platform:9095')) }),
    check: 'prometheus-target',
    status: 'ok',
    seen: /taken for http:\/\/localhost:9095\/metrics under another host name/,
  },
  'the wrong port': {
    answers: () => ({ targets: targets(at('localhost:9999', { health: 'down' })) }),
    check: 'prometheus-target',
    status: 'failed',
    seen: /no target has the address http:\/\/localhost:9095\/metrics; job dataflow-platform scrapes http:\/\/localhost:9999/,
    remedy: /targets: \['localhost:9095'\]/,
  },
  'another port that is up, as with published ports': {
    answers: () => ({ targets: targets(at('platform:80')) }),
    check: 'prometheus-target',
    status: 'warning',
    seen: /http:\/\/platform:80\/metrics \(up\)/,
    remedy: /under another address/,
  },
  'no target at all': {
    answers: () => ({ targets: targets() }),
    check: 'prometheus-target',
    status: 'failed',
    seen: /it has no targets/,
    remedy: /job_name: dataflow-platform.*'localhost:9095'/,
  },
  'another job only': {
    answers: () => ({
      targets: targets(target({ labels: { job: 'node' }, scrapeUrl: 'http://localhost:9100/metrics' })),
    }),
    check: 'prometheus-target',
    status: 'failed',
    seen: /job node scrapes/,
  },
  'dropped by relabeling': {
    answers: () => ({
      targets: { activeTargets: [], droppedTargets: [{ discoveredLabels: { __address__: 'localhost:9095' } }] },
    }),
    check: 'prometheus-target',
    status: 'failed',
    seen: /dropped by relabel_configs/,
    remedy: /service-discovery/,
  },
  'connection refused': {
    answers: down('Get "http://localhost:9095/metrics": dial tcp: connect: connection refused'),
    check: 'prometheus-health',
    status: 'failed',
    seen: /^down: .*refused/,
    remedy: /container/,
  },
  'a scrape that takes too long': {
    answers: down('Get "http://localhost:9095/metrics": context deadline exceeded'),
    check: 'prometheus-health',
    status: 'failed',
    seen: /deadline/,
    remedy: /scrape_timeout/,
  },
  'credentials that are missing': {
    answers: down('server returned HTTP status 401 Unauthorized'),
    check: 'prometheus-health',
    status: 'failed',
    seen: /401/,
    remedy: /basic_auth/,
  },
  'a sample limit': {
    answers: down('sample limit exceeded'),
    check: 'prometheus-health',
    status: 'failed',
    seen: /sample limit/,
    remedy: /sample_limit/,
  },
  'a certificate': {
    answers: down('x509: certificate signed by unknown authority'),
    check: 'prometheus-health',
    status: 'failed',
    seen: /x509/,
    remedy: /ca_file/,
  },
  'something else': {
    answers: down('the moon is full'),
    check: 'prometheus-health',
    status: 'failed',
    seen: /moon/,
    remedy: /log of Prometheus/,
  },
  'not scraped yet': {
    answers: () => ({ targets: targets(target({ health: 'unknown', lastScrape: '0001-01-01T00:00:00Z' })) }),
    check: 'prometheus-health',
    status: 'warning',
    seen: /not scraped yet/,
    remedy: /wait/,
  },
  'a scrape long ago': {
    answers: () => ({ targets: targets(target({ lastScrape: ago(3600) })) }),
    check: 'prometheus-scrape',
    status: 'failed',
    seen: /no scrape for more than two intervals/,
    remedy: /overloaded/,
  },
  'a scrape near its timeout': {
    answers: () => ({ targets: targets(target({ lastScrapeDuration: 9.5 })) }),
    check: 'prometheus-scrape',
    status: 'warning',
    seen: /took 9500 ms of 10s/,
    remedy: /scrape_timeout/,
  },
  'a long interval': {
    answers: () => ({ targets: targets(target({ scrapeInterval: '1m30s' })) }),
    check: 'prometheus-scrape',
    status: 'warning',
    seen: /every 1m30s/,
    remedy: /15s/,
  },
  'up without a value': {
    answers: () => ({ up: vector() }),
    check: 'prometheus-series',
    status: 'warning',
    seen: /^up\{job="dataflow-platform",instance="localhost:9095"\} has no value/,
    remedy: /five minutes/,
  },
  'up is 0': {
    answers: () => ({ up: vector('0') }),
    check: 'prometheus-series',
    status: 'skipped',
    seen: /nothing was stored/,
  },
  'documented metrics that are dropped': {
    answers: () => ({ scrape_samples_post_metric_relabeling: vector('9'), 'label/__name__/values': [] }),
    check: 'prometheus-series',
    status: 'failed',
    seen: /drops 1 of 10 samples, among them dataflow_pipelines_running/,
    remedy: /rules of the job/,
  },
  'documented metrics that are renamed': {
    answers: () => ({ 'label/__name__/values': ['acme_dataflow_pipelines_running'] }),
    check: 'prometheus-series',
    status: 'warning',
    seen: /not stored: dataflow_pipelines_running/,
    remedy: /renames/,
  },
  'a metric that is newer than the last scrape': {
    answers: () => ({}),
    exposed: `${EXPOSED}dataflow_pipelines_failed 0\n`,
    check: 'prometheus-series',
    status: 'ok',
    seen: /^10 samples a scrape are stored$/,
  },
  'other samples that are dropped': {
    answers: () => ({ scrape_samples_post_metric_relabeling: vector('9') }),
    check: 'prometheus-series',
    status: 'warning',
    seen: /drops 1 of 10 samples$/,
    remedy: /metrics\.filter/,
  },
  'labels that clash': {
    answers: () => ({}),
    exposed: EXPOSED.replace('running 1', 'running{instance="here"} 1'),
    check: 'prometheus-labels',
    status: 'warning',
    seen: /both set instance/,
    remedy: /honor_labels/,
  },
  'labels that were renamed': {
    answers: () => ({ labels: ['job', 'exported_instance'] }),
    check: 'prometheus-labels',
    status: 'warning',
    seen: /exported_instance/,
    remedy: /honor_labels/,
  },
  'no rules': {
    answers: () => ({ rules: rules(rule({ query: 'up == 0' })) }),
    check: 'prometheus-rules',
    status: 'warning',
    seen: /no rule/,
    remedy: /rule_files/,
  },
  'recording rules only': {
    answers: () => ({ rules: rules(rule({ type: 'recording' })) }),
    check: 'prometheus-rules',
    status: 'warning',
    seen: /1 recording and 0 alerting/,
    remedy: /rule_files/,
  },
  'a rule that cannot be evaluated': {
    answers: () => ({ rules: rules(rule(), rule({ name: 'bad', health: 'err', lastError: 'many-to-many' })) }),
    check: 'prometheus-rules',
    status: 'failed',
    seen: /bad \(many-to-many\)/,
    remedy: /promtool/,
  },
  'an alert that fires': {
    answers: () => ({ rules: rules(rule({ state: 'firing' })) }),
    check: 'prometheus-rules',
    status: 'warning',
    seen: /firing: PipelineFailed/,
    remedy: /runbook_url/,
  },
  'no Alertmanager': {
    answers: () => ({ alertmanagers: { activeAlertmanagers: [] } }),
    check: 'prometheus-alertmanager',
    status: 'warning',
    seen: /nobody is told/,
    remedy: /alertmanagers/,
  },
  'a clock that is ahead': {
    answers: () => ({
      'time()': () => ({ result: [Date.now() / 1000 + 3600, ''] }),
      targets: targets(target({ lastScrape: ago(-3600) })),
    }),
    check: 'prometheus-clock',
    status: 'failed',
    seen: /60 min ahead of/,
    remedy: /NTP/,
  },
};

test.each(Object.entries(CASES))('%s', async (_what, { answers, exposed, url, check, status, seen, remedy }) => {
  const checks = await view(answers(), {
    ...(exposed !== undefined && { exposed }),
    ...(url !== undefined && { url }),
  });
  const found = checks.get(check)!;
  expect(found).toMatchObject({ status, seen: expect.stringMatching(seen) });
  if (status === 'ok' || status === 'skipped') expect(found.remedy).toBeUndefined();
  else expect(found.remedy).toMatch(remedy ?? /./);
});

test.each([
  ['15s', 15_000],
  ['1m30s', 90_000],
  ['1h', 3_600_000],
  ['500ms', 500],
  ['', undefined],
  ['15', undefined],
  [undefined, undefined],
])('the duration %j is %p ms', (text, ms) => {
  expect(durationMs(text)).toBe(ms);
});
