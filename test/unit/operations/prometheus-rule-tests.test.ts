import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse, stringify } from 'yaml';
import {
  type AlertRule,
  isAlert,
  isRecording,
  PROMETHEUS,
  readYaml,
  ruleFiles,
  rulesOf,
  ruleTests,
  testFiles,
} from '../../support/prometheus-rules.ts';
import { missing } from '../../support/prometheus-server.ts';

const ALERTS_FILE = 'rules/dataflow-alerts.yml';
const alerts = rulesOf('dataflow-alerts.yml').filter(isAlert);
const recordings = rulesOf('dataflow-recordings.yml').filter(isRecording);
const names = alerts.map(({ alert }) => alert);

/** What the tests of a situation expect of an alert: the instances on which it fires, at each moment. */
function expected(alert: string, situation: string): readonly (readonly string[])[] {
  return ruleTests
    .filter(({ name }) => name === situation)
    .flatMap((given) => given.alert_rule_test ?? [])
    .filter(({ alertname }) => alertname === alert)
    .map(({ exp_alerts }) => exp_alerts.map(({ exp_labels }) => exp_labels.instance!));
}

describe.each(names)('%s is tested', (alert) => {
  test('to fire, though not at once', () => {
    const moments = expected(alert, 'fires');
    expect(moments.some((instances) => instances.length > 0)).toBe(true);
    if (alert !== 'SeriesOverflow') expect(moments.some((instances) => instances.length === 0)).toBe(true);
  });

  test.each(['healthy', 'idle', 'just started'])('to be silent when %s', (situation) => {
    const moments = expected(alert, situation);
    expect(moments.length).toBeGreaterThan(2);
    expect(moments.flat()).toEqual([]);
  });

  test('to fire for one of two instances', () => {
    expect(new Set(expected(alert, 'two instances').flat())).toEqual(new Set([alert === 'TargetDown' ? 'gone' : 'a']));
  });

  test('to leave a healthy instance alone when it restarts', () => {
    const moments = expected(alert, 'restarted');
    expect(moments.length).toBeGreaterThan(0);
    expect(moments.flat()).not.toContain('a');
  });

  test('to resolve when the pipeline is removed', () => {
    const moments = expected(alert, 'removed');
    expect([moments[0]?.length, moments.at(-1)?.length]).toEqual([expect.any(Number), 0]);
    expect(moments[0]?.length).toBeGreaterThan(0);
  });
});

const SITUATIONS = ['healthy', 'idle', 'just started', 'restarted', 'two instances', 'removed'];

test.each(recordings.map(({ record }) => record))('%s is tested in every situation', (record) => {
  const samples = (situation: string) =>
    ruleTests
      .filter(({ name }) => name === situation)
      .flatMap((given) => given.promql_expr_test ?? [])
      .filter(({ expr }) => expr.includes(record))
      .map(({ exp_samples }) => exp_samples.length);
  expect(SITUATIONS.filter((situation) => samples(situation).length === 0)).toEqual([]);
  expect(Math.min(...samples('healthy'))).toBeGreaterThan(0);
  expect(samples('two instances')).toEqual([2]);
  expect(samples('removed')).toEqual([0]);
});

test('the configuration is the documented one', () => {
  const { global, rule_files, scrape_configs, alerting } = readYaml('prometheus.yml');
  expect([global.scrape_interval, rule_files]).toEqual(['15s', ['rules/*.yml']]);
  const [job, pushed] = scrape_configs;
  expect([scrape_configs.length, job.job_name, job.scrape_interval]).toEqual([2, 'dataflow-platform', '15s']);
  expect(pushed.file_sd_configs).toEqual([{ files: ['targets/otel-collector.yml'] }]);
  expect(readYaml('targets/otel-collector.yml')).toEqual([]);
  expect(job.file_sd_configs).toEqual([{ files: ['targets/dataflow.yml'] }]);
  expect(alerting.alertmanagers).toEqual([{ file_sd_configs: [{ files: ['targets/alertmanager.yml'] }] }]);
  expect(readYaml('targets/dataflow.yml')).toEqual([
    { targets: ['localhost:9095'], labels: { environment: 'production', service: 'dataflow' } },
  ]);
  expect(readYaml('targets/alertmanager.yml')).toEqual([{ targets: ['localhost:9093'] }]);
});

function run(program: string, args: readonly string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

const path = (name: string): string => join(PROMETHEUS, name);

const noPromtool = missing('promtool');
describe(`promtool${noPromtool === undefined ? '' : `: skipped, ${noPromtool}`}`, () => {
  const withPromtool = noPromtool === undefined ? test : test.skip;

  withPromtool('takes the configuration with its targets and rules', () => {
    const { status, output } = run('promtool', ['check', 'config', path('prometheus.yml')]);
    expect([status, output]).toEqual([0, expect.stringContaining(`SUCCESS: ${ruleFiles.length} rule files found`)]);
    expect(run('promtool', ['check', 'rules', ...ruleFiles.map((name) => path(`rules/${name}`))]).status).toBe(0);
  });

  withPromtool.each(testFiles)('%s succeeds', (file) => {
    const { status, output } = run('promtool', ['test', 'rules', path(`tests/${file}`)]);
    expect([status, output]).toEqual([0, expect.stringContaining('SUCCESS')]);
  });

  /** Plays a situation through with other conditions; gives the alerts that its tests complain of. */
  function complaints(file: string, expr: string): readonly string[] {
    const folder = mkdtempSync(join(tmpdir(), 'dataflow-rules-'));
    try {
      cpSync(PROMETHEUS, folder, { recursive: true });
      const content = parse(readFileSync(join(folder, ALERTS_FILE), 'utf8'));
      const rules: AlertRule[] = content.groups[0].rules;
      content.groups[0].rules = rules.map((rule) => ({ ...rule, expr }));
      writeFileSync(join(folder, ALERTS_FILE), stringify(content));
      const { output } = run('promtool', ['test', 'rules', join(folder, 'tests', file)]);
      return [...new Set([...output.matchAll(/alertname: (\w+)/g)].map(([, name]) => name!))].sort();
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  withPromtool('finds each alert that would never fire', () => {
    expect(complaints('fires.yml', 'vector(0) > 1')).toEqual([...names].sort());
  });

  withPromtool.each(['healthy.yml', 'idle.yml', 'just-started.yml'])('finds in %s each that always would', (file) => {
    expect(complaints(file, 'vector(1)')).toEqual([...names].sort());
  });
});

const noAmtool = missing('amtool');
describe(`amtool${noAmtool === undefined ? '' : `: skipped, ${noAmtool}`}`, () => {
  const withAmtool = noAmtool === undefined ? test : test.skip;

  withAmtool('takes the configuration', () => {
    const { status, output } = run('amtool', ['check-config', path('alertmanager.yml')]);
    expect([status, output]).toEqual([0, expect.stringContaining('SUCCESS')]);
  });

  withAmtool.each(['critical', 'warning', 'info'])('%s has a way of its own', (severity) => {
    const config = `--config.file=${path('alertmanager.yml')}`;
    const { stdout } = spawnSync('amtool', ['config', 'routes', 'test', config, `severity=${severity}`]);
    expect(String(stdout).trim()).toBe(severity);
  });
});
