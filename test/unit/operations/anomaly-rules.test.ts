import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { stringify } from 'yaml';
import { isAlert, isRecording, PROMETHEUS, type RuleTest, readYaml, rulesOf } from '../../support/prometheus-rules.ts';
import { missing } from '../../support/prometheus-server.ts';

const RULES = 'rules/dataflow-anomalies.yml';
const TESTS = 'tests/dataflow-anomalies.test.yml';
const rules = rulesOf('dataflow-anomalies.yml');
const { tests, ...settings }: { readonly tests: readonly RuleTest[] } = readYaml(TESTS);

test('they are evaluated as often as their tests do, and look back in whole evaluations', () => {
  const { groups } = readYaml(RULES);
  expect(groups.map(({ interval }: { interval: string }) => interval)).toEqual(['1m']);
  expect(settings).toMatchObject({ evaluation_interval: '1m' });
  const windows = new Set(rules.flatMap(({ expr }) => [...expr.matchAll(/\[([^\]]*)\]/g)].map(([, range]) => range)));
  expect([...windows].sort()).toEqual(['10m', '10m:1m', '1h']);
});

test('one alert, for information, on what both methods say', () => {
  const alerts = rules.filter(isAlert);
  expect(alerts.map(({ alert, for: duration, labels }) => [alert, duration, labels])).toEqual([
    ['PipelineAnomaly', '10m', { severity: 'info' }],
  ]);
  expect(tests.every(({ alert_rule_test: asked = [] }) => asked.length > 1)).toBe(true);
});

test('the number of series that the file speaks of is asked for, and so is each record', () => {
  const text = readFileSync(join(PROMETHEUS, RULES), 'utf8');
  const asked = tests.flatMap(({ promql_expr_test: queries = [] }) => queries);
  const all = asked.find(({ expr }) => expr.startsWith('count ({__name__'));
  expect(all?.exp_samples).toEqual([{ labels: '{}', value: Number(/(\d+) series a pipeline/.exec(text)?.[1]) }]);
  const taught = ['pipeline:dataflow_signal:learned', 'pipeline:dataflow_signal:deviation'];
  const records = rules.filter(isRecording).map(({ record }) => record);
  expect(records.filter((name) => !taught.includes(name) && !asked.some(({ expr }) => expr.includes(name)))).toEqual(
    [],
  );
});

/** What the rules would be without one of their parts, and the beginning of the name of the test that misses it. */
const parts: readonly (readonly [part: string, found: RegExp, instead: string, situation: string])[] = [
  ['the wait after a restart', /\n +unless on \(job, instance, pipeline_id\) resets.*/, '', 'the process restarts'],
  ['the wait after the start', /\n +and on .* sum_over_time.*/, '', 'steady'],
  ['the wait after a pause', /\n +and on .* sum_over_time.*/, '', 'paused'],
  ['the state', /\n +and on .*state="running"\}\) == 1/, '', 'paused'],
  ['the warm-up', />= 20/, '>= 0', 'just started'],
  ['the exclusion of anomalies', /(pipeline:dataflow_signal:value)\n +unless on[\s\S]*?\n {12}\)/, '$1', 'a spike'],
  ['the exception for idleness', /(signal="throughput"\}) > 0/, '$1', 'idle'],
  ['the least width', /0\.25 \* /, '0 * ', 'steady'],
  ['the standard deviation', /3 \* stddev/, '0 * stddev', 'an uneven pipeline'],
  ['the median deviation', /3\.5 \* 1\.4826/, '0', 'an uneven pipeline'],
  ['the one direction of durations', /value\{signal="throughput"\}\n/, 'value\n', 'batches become faster'],
  ['the agreement with the robust method', /\s+and ignoring \(method\).*/g, '', 'idle'],
  ['the agreement with the adaptive method', /\S+"adaptive"\} == 1\s+and ignoring \(method\) /g, '', 'busy'],
  ['the ten minutes', /for: 10m/, 'for: 1m', 'the throughput drops'],
];

const noPromtool = missing('promtool');
const because = noPromtool === undefined ? '' : `: skipped, ${noPromtool}`;

(noPromtool === undefined ? test : test.skip).each(parts)(
  `a test fails without %s${because}`,
  (_part, found, instead, situation) => {
    const folder = mkdtempSync(join(tmpdir(), 'dataflow-anomalies-'));
    try {
      cpSync(PROMETHEUS, folder, { recursive: true });
      const whole = readFileSync(join(folder, RULES), 'utf8');
      const named = tests.filter(({ name }) => name.startsWith(situation));
      expect([whole.match(found), named.length]).toEqual([expect.anything(), 1]);
      writeFileSync(join(folder, TESTS), stringify({ ...settings, tests: named }));
      const play = () => spawnSync('promtool', ['test', 'rules', join(folder, TESTS)], { encoding: 'utf8' });
      expect(play().stdout).toContain('SUCCESS');
      writeFileSync(join(folder, RULES), whole.replace(found, instead));
      const { status, stdout, stderr } = play();
      expect([status, stdout + stderr]).toEqual([1, expect.stringContaining('exp:')]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
