import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ROOT } from './command-line.ts';

export const PROMETHEUS = join(ROOT, 'config/prometheus');

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface RecordingRule {
  readonly record: string;
  readonly expr: string;
}

interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly (AlertRule | RecordingRule)[] }[];
}

/** One situation that promtool plays through. */
export interface RuleTest {
  readonly name: string;
  readonly alert_rule_test?: readonly {
    readonly eval_time: string;
    readonly alertname: string;
    readonly exp_alerts: readonly { readonly exp_labels: Readonly<Record<string, string>> }[];
  }[];
  readonly promql_expr_test?: readonly { readonly expr: string; readonly exp_samples: readonly unknown[] }[];
}

const yamlFiles = (folder: string): readonly string[] =>
  readdirSync(join(PROMETHEUS, folder))
    .filter((name) => name.endsWith('.yml'))
    .sort();

export const readYaml = (path: string) => parse(readFileSync(join(PROMETHEUS, path), 'utf8'));

export const ruleFiles: readonly string[] = yamlFiles('rules');
export const testFiles: readonly string[] = yamlFiles('tests');

export function rulesOf(file: string): readonly (AlertRule | RecordingRule)[] {
  return (readYaml(`rules/${file}`) as RuleFile).groups.flatMap(({ rules }) => rules);
}

export const isAlert = (rule: AlertRule | RecordingRule): rule is AlertRule => 'alert' in rule;
export const isRecording = (rule: AlertRule | RecordingRule): rule is RecordingRule => 'record' in rule;

const rules = ruleFiles.flatMap(rulesOf);
export const alerts: readonly AlertRule[] = rules.filter(isAlert);
export const recordings: readonly RecordingRule[] = rules.filter(isRecording);

export const ruleTests: readonly RuleTest[] = testFiles.flatMap(
  (file) => (readYaml(`tests/${file}`) as { tests: readonly RuleTest[] }).tests,
);
