/**
 * The rules and the dashboards on a real Prometheus and a real Alertmanager: a fleet of processes in which everything goes
 * wrong that an alert knows, and one in which nothing does.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type RunningAlertmanager, runAlertmanager } from '../support/alertmanager.ts';
import { panelQueries, withValues } from '../support/dashboards.ts';
import { fasterRules } from '../support/faster-rules.ts';
import { folderWith } from '../support/folder.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { missing, type QueryResult, type RunningPrometheus, runPrometheus } from '../support/prometheus-server.ts';

const CONFIG = new URL('../../config/prometheus/', import.meta.url);
const CHILD = new URL('operations-child.mjs', import.meta.url).pathname;

/** Twenty minutes pass in one. */
const FACTOR = 20;

const ROLES = ['healthy', 'faulty', 'saturated', 'overflowing', 'fat', 'gone', 'sharing'] as const;

/** Room for the alert on the heap; a process is large where the machine's memory is what the test says it is. */
const FLAGS: Readonly<Record<string, readonly string[]>> = {
  fat: ['--max-old-space-size=600', '--max-semi-space-size=1'],
};
const LARGE_PROCESS = 1e9 / totalmem();

/** Everything that must fire: alert, role, pipeline. */
const EXPECTED = [
  'PipelineFailed faulty failed',
  'HighBatchFailureRate faulty refused',
  'HighRetryRate faulty refused',
  'PipelineStuck faulty stuck',
  'HighBatchFailureRate faulty stuck',
  'HighRetryRate faulty stuck',
  'PipelineStuck faulty slow',
  'HighBatchFailureRate faulty slow',
  'HighRetryRate faulty slow',
  'BatchTimeoutSpike faulty slow',
  'CheckpointStalled faulty withheld',
  'DeadLettersGrowing faulty dirty',
  'EventLoopSaturated saturated',
  'SeriesOverflow overflowing',
  'HighMemoryUsage fat',
  'MemoryPressure fat',
  'TargetDown gone',
].sort();

/** The path of the rules as they are used here. */
function writeRules(folder: string, name: string): string {
  const text = fasterRules(readFileSync(new URL(`rules/${name}.yml`, CONFIG), 'utf8'), FACTOR, {
    // The age stands for a poll interval of an hour, which no pipeline here has.
    [`> ${3900 / FACTOR}`]: '> 45',
    'instance:process_memory_usage:ratio > 0.8': `instance:process_memory_usage:ratio > ${LARGE_PROCESS}`,
  });
  const path = join(folder, `${name}.yml`);
  writeFileSync(path, text);
  return path;
}

const lacking = missing('prometheus') ?? missing('prometheus-alertmanager');
const withPrometheus = lacking === undefined ? describe : describe.skip;

withPrometheus(`a fleet with every fault${lacking === undefined ? '' : `: skipped, ${lacking}`}`, () => {
  const children: ChildProcess[] = [];
  const roleOf = new Map<string, string>();
  let alertmanager: RunningAlertmanager;
  let database: PostgresServer;
  let prometheus: RunningPrometheus;

  /** Resolves with the address of its metrics. */
  async function startRole(role: string): Promise<string> {
    const child = spawn(process.execPath, [...(FLAGS[role] ?? []), CHILD, role], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, DATABASE_URL: database.url() },
    });
    children.push(child);
    const [address] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
    roleOf.set(address, role);
    return address;
  }

  beforeAll(async () => {
    database = await startPostgres();
    alertmanager = await runAlertmanager(readFileSync(new URL('alertmanager.yml', CONFIG), 'utf8'));
    const folder = await folderWith();
    const targets = await Promise.all(ROLES.map(startRole));
    prometheus = await runPrometheus(targets, {
      scrapeInterval: '2s',
      rules: ['dataflow-recordings', 'dataflow-alerts'].map((name) => writeRules(folder, name)),
      alertmanager: alertmanager.address,
    });
    await prometheus.waitFor(`sum(up) == ${ROLES.length}`);
    const gone = children[ROLES.indexOf('gone')];
    gone?.kill('SIGKILL');
  });

  afterAll(async () => {
    await prometheus?.stop();
    await alertmanager?.stop();
    await Promise.all(
      children.map((child) => {
        child.stdin?.end();
        return child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
      }),
    );
    await database?.stop();
  });

  const named = ({ alertname = '', instance = '', pipeline_id }: Readonly<Record<string, string>>): string =>
    [alertname, roleOf.get(instance) ?? instance, ...(pipeline_id === undefined ? [] : [pipeline_id])].join(' ');
  const firing = (result: readonly QueryResult[]): string[] => result.map(({ metric }) => named(metric)).sort();

  test('every alert fires where it should, and no other does', async () => {
    const query = 'ALERTS{alertstate="firing"}';
    await prometheus
      .waitFor(query, (result) => EXPECTED.every((alert) => firing(result).includes(alert)), 300_000)
      // The difference says more than that it took too long.
      .catch(() => undefined);
    expect(firing(await prometheus.query(query))).toEqual(EXPECTED);
  }, 400_000);

  test('Alertmanager tells the receiver of its severity', async () => {
    await prometheus.waitFor('vector(1)', () =>
      EXPECTED.every((alert) => alertmanager.notified.some(({ labels }) => named(labels) === alert)),
    );
    for (const { labels, annotations, receiver } of alertmanager.notified) {
      expect(EXPECTED).toContain(named(labels));
      expect(receiver).toBe(`/${labels.severity}`);
      expect(annotations.summary).not.toMatch(/\{\{|<no value>/);
      expect(annotations.description).not.toMatch(/\{\{|<no value>|NaN/);
      expect(annotations.description).toContain(labels.pipeline_id ?? labels.instance);
      expect(annotations.runbook_url).toBe(`docs/runbooks.md#${labels.alertname?.toLowerCase()}`);
    }
  });

  test.each(panelQueries.map(({ where, target }) => [where, target] as const))(
    '%s has data',
    async (_where, target) => {
      // Those with a shared series for what is beyond their limit have one without labels.
      const instance = [...roleOf].flatMap(([address, role]) => (role === 'overflowing' ? [] : [address])).join('|');
      const query = withValues(target.expr, { __rate_interval: '20s', __range: '2m', instance });
      const result = await prometheus.waitFor(query, ({ length }) => length > 0, 30_000);
      for (const { value, metric } of result) {
        expect(Number(value[1])).not.toBeNaN();
        for (const [, label = ''] of (target.legendFormat ?? '').matchAll(/\{\{\s*(\w+)\s*\}\}/g)) {
          expect(Object.keys(metric)).toContain(label);
        }
      }
    },
  );

  test('what is healthy had no alert at any time', async () => {
    const ever = firing(await prometheus.query('max_over_time(ALERTS{alertstate="firing"}[1h])'));
    expect(ever.filter((alert) => !EXPECTED.includes(alert))).toEqual([]);
  });
});
