import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Environment } from '../connectors/environment.ts';
import {
  deepFreeze,
  describeGot,
  isMapping,
  joinPath,
  type Mapping,
  own,
  ProblemCollector,
} from '../domain/problem-collector.ts';
import { HIDDEN, isReference } from '../domain/secrets.ts';
import { codeOf, DataflowError, describeProblem, type Problem } from '../errors.ts';
import type { TelemetryConfig, TelemetryOverrides } from '../telemetry/telemetry-config.ts';
import { telemetryConfigFromEnvironment } from '../telemetry/telemetry-environment.ts';
import type { Config, ConfigOptions } from './config.ts';
import { leavesAny } from './instrument-names.ts';
import { Place } from './place.ts';
import { nameService } from './service-name.ts';
import { duration } from './setting-kinds.ts';
import { SETTINGS, type Setting, type SettingRow, settingRows } from './settings.ts';
import { expandTemplates } from './template.ts';
import { readYamlFile, type YamlFile } from './yaml-file.ts';

export interface LoadConfigInput {
  /** Strongest. The same keys as in the file. */
  readonly options?: ConfigOptions | undefined;
  /** Default: process.env. */
  readonly env?: Environment;
  /** Must exist. Default: DATAFLOW_CONFIG, then config/dataflow.yaml, then dataflow.yaml if there is one. False: none. */
  readonly file?: string | false | undefined;
  /** Where relative file names start. Default: process.cwd(). */
  readonly cwd?: string;
  /** In what the caller was given beside the settings. */
  readonly found?: Found;
}

/** Problems that are listed with those of the settings. */
export interface Found {
  readonly problems: readonly Problem[];
  readonly cause?: unknown;
}

const NOTHING_FOUND: Found = { problems: [] };

const DEFAULT_FILES = ['config/dataflow.yaml', 'dataflow.yaml'];

/**
 * Options over environment over file over defaults. DATAFLOW_ERR_CONFIG_INVALID lists every unknown key and bad value
 * of all of them; DATAFLOW_ERR_CONFIG_SYNTAX and DATAFLOW_ERR_CONFIG_UNREADABLE speak of the file.
 */
export async function loadConfig(input: LoadConfigInput = {}): Promise<Config> {
  return (await resolveConfig(input)).config;
}

/** Where the value in force comes from. */
export type SettingSource = 'default' | 'file' | 'environment' | 'code';

/** The same, and where each setting comes from. */
export async function resolveConfig(
  input: LoadConfigInput = {},
): Promise<{ readonly config: Config; readonly sourceOf: (key: string) => SettingSource }> {
  const env = input.env ?? process.env;
  const named = input.file ?? (env.DATAFLOW_CONFIG || undefined);
  const path = named === false ? undefined : await findFile(named, input.cwd ?? process.cwd());
  const file = path === undefined ? undefined : await readYamlFile(path);
  const { found = NOTHING_FOUND } = input;
  const problems: Problem[] = [...found.problems];
  const fromFile = file === undefined ? new Map<string, unknown>() : readFile(file, env, problems);
  const options = new ProblemCollector();
  const fromOptions = readTree(input.options, options);
  problems.push(...options.problems);
  const fromEnvironment = readEnvironment(env, problems);
  const config = complete(build(path ?? null, [fromFile, fromEnvironment, fromOptions]), { ...found, problems });
  const levels = [
    ['code', fromOptions],
    ['environment', fromEnvironment],
    ['file', fromFile],
  ] as const;
  const sourceOf = (key: string): SettingSource => levels.find(([, values]) => values.has(key))?.[0] ?? 'default';
  return { config, sourceOf };
}

/**
 * The settings of the metrics alone, without a file: what a reporter on its own is given. DATAFLOW_ERR_CONFIG_INVALID lists
 * every unknown key and bad value of the options and of the variables, and what the caller found.
 */
export function metricsConfigOf(options: unknown, env: Environment, found: Found = NOTHING_FOUND): TelemetryConfig {
  const check = new ProblemCollector();
  const fromOptions = readTree({ metrics: options }, check);
  const metrics = telemetryConfigFromEnvironment(env);
  const problems = [...found.problems, ...check.problems, ...(metrics.problems ?? [])];
  return complete(build(null, [metricsValues(metrics.overrides), fromOptions]), { ...found, problems }).metrics;
}

/** The configuration, unless there is a problem in it; bad values have left no value behind. */
function complete(config: Config, { problems, cause }: Found): Config {
  const isSaid = ({ path }: Problem): boolean => problems.some((problem) => problem.path === path);
  const missing = [...missingHalves(config), ...missingUrl(config), ...shortLease(config), ...emptyFilter(config)];
  const all = [...problems, ...missing.filter((problem) => !isSaid(problem))];
  if (all.length > 0) throw invalid(all, cause);
  return config;
}

/** Settings that mean nothing without each other. */
const PAIRS = [
  ['metrics.prometheus.auth.basic.username', 'metrics.prometheus.auth.basic.password'],
  ['metrics.prometheus.tls.cert', 'metrics.prometheus.tls.key'],
] as const;

function missingHalves(config: Config): Problem[] {
  return PAIRS.flatMap((pair) => {
    const missing = pair.filter((key) => valueAt(config, key) === undefined);
    return missing.length !== 1
      ? []
      : missing.map((key) => ({
          path: key,
          expected: `a value, since ${pair.find((other) => other !== key)} has one`,
          got: 'nothing',
        }));
  });
}

function missingUrl({ journal }: Config): Problem[] {
  if (journal?.kind !== 'postgres' || journal.url !== undefined) return [];
  return [{ path: 'journal.url', expected: 'the URL of a database, since journal.kind is postgres', got: 'nothing' }];
}

/** Renewals and looks are parts of it, and a server answers in milliseconds at best. */
const SHORTEST_LEASE_MS = 1_000;

function shortLease({ cluster }: Config): Problem[] {
  if (cluster === undefined || cluster.leaseTimeMs >= SHORTEST_LEASE_MS) return [];
  return [{ path: 'cluster.leaseTime', expected: 'at least 1s', got: `${cluster.leaseTimeMs} ms` }];
}

function emptyFilter({ metrics }: Config): Problem[] {
  if (!metrics.enabled || leavesAny(metrics.filter)) return [];
  const expected = 'at least one instrument to be left (metrics.enabled: false turns all of them off)';
  return [{ path: 'metrics.filter', expected, got: 'none' }];
}

/** The rows of the documented table, with the value in force when a configuration is given. */
export function describeConfig(config?: Config): (SettingRow & { readonly value?: unknown })[] {
  const settings = new Map(SETTINGS.map((setting) => [setting.key, setting]));
  const rows = settingRows();
  if (config === undefined) return rows;
  return rows.map((row) => {
    const setting = settings.get(row.key);
    const value = valueAt(config, setting === undefined ? row.key : targetOf(setting));
    return { ...row, value: setting?.kind.secret === true ? hidden(value) : value };
  });
}

function hidden(value: unknown): unknown {
  if (typeof value === 'string') return isReference(value) ? value : HIDDEN;
  return isMapping(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, hidden(item)])) : value;
}

function valueAt(tree: unknown, path: string): unknown {
  return path.split('.').reduce((value, key) => (isMapping(value) ? own(value, key) : undefined), tree);
}

async function findFile(explicit: string | undefined, cwd: string): Promise<string | undefined> {
  if (explicit !== undefined) return resolve(cwd, explicit);
  for (const name of DEFAULT_FILES) {
    const path = resolve(cwd, name);
    const code = await access(path).then(() => '', codeOf);
    // Any other obstacle than absence is reported by reading it.
    if (code !== 'ENOENT' && code !== 'ENOTDIR') return path;
  }
  return undefined;
}

function readFile(file: YamlFile, env: Environment, problems: Problem[]): Map<string, unknown> {
  const check = new ProblemCollector();
  const values = readTree(file.value, check, env);
  problems.push(...check.problems.map((problem) => ({ ...problem, file: file.file, ...file.locate(problem.path) })));
  return values;
}

/** Who writes them wants what they protect to be closed: a value that came out undefined must not leave it open. */
const PROTECTING = [
  'metrics.prometheus.auth',
  'metrics.prometheus.auth.basic',
  'metrics.prometheus.auth.bearer',
  'metrics.prometheus.tls',
];

/** The settings that a tree of keys holds. With `env`, `${NAME}` in a text stands for a variable. */
function readTree(tree: unknown, check: ProblemCollector, env?: Environment): Map<string, unknown> {
  const values = new Map<string, unknown>();
  const visit = (node: unknown, path: string) => {
    if (node === undefined) return;
    const known = childrenOf(path);
    const mapping = check.mapping(node, path, known);
    if (mapping === undefined) return;
    if (PROTECTING.includes(path) && known.every((key) => own(mapping, key) === undefined)) {
      check.problems.push({ path, expected: `${known.join(' or ')}: without it nothing is protected`, got: 'nothing' });
    }
    for (const key of known) {
      const at = joinPath(path, key);
      const setting = SETTINGS.find((candidate) => candidate.key === at);
      if (setting === undefined) visit(own(mapping, key), at);
      else readSetting(setting, own(mapping, key), check, values, env);
    }
  };
  visit(tree, '');
  return values;
}

function childrenOf(path: string): string[] {
  const prefix = path === '' ? '' : `${path}.`;
  const below = SETTINGS.filter(({ key }) => key.startsWith(prefix)).map(({ key }) => key.slice(prefix.length));
  return [...new Set(below.map((rest) => rest.split('.', 1)[0]!))];
}

function readSetting(
  setting: Setting,
  given: unknown,
  check: ProblemCollector,
  values: Map<string, unknown>,
  env: Environment | undefined,
): void {
  if (given === undefined) return;
  const { value: expanded, faults } = env === undefined ? { value: given, faults: [] } : expandTemplates(given, env);
  for (const fault of faults)
    check.problems.push({ path: setting.key, expected: 'variables that are set', got: fault });
  if (faults.length > 0) return;
  const { kind, key } = setting;
  const place = new Place(check, { path: key, given, isSecret: kind.secret === true });
  const said = check.problems.length;
  const isFromVariable = typeof expanded === 'string' && expanded !== given;
  const read = isFromVariable && kind.fromText ? kind.fromText(expanded) : kind.read(expanded, place);
  // A secret was read to check it; what is kept is the reference.
  const value = kind.secret === true && read !== undefined ? kind.read(given) : read;
  if (value !== undefined) values.set(key, value);
  else if (check.problems.length === said) place.refuse(kind.expected);
}

/** An empty variable counts as one that is not set, as OpenTelemetry has it. */
function readEnvironment(env: Environment, problems: Problem[]): Map<string, unknown> {
  const metrics = telemetryConfigFromEnvironment(env);
  problems.push(...(metrics.problems ?? []));
  const values = metricsValues(metrics.overrides);
  for (const setting of SETTINGS) {
    const value = isOfMetrics(setting) ? undefined : readVariable(setting, env, problems);
    if (value !== undefined) values.set(setting.key, value);
  }
  return values;
}

function metricsValues(metrics: TelemetryOverrides | undefined): Map<string, unknown> {
  const values = SETTINGS.filter(isOfMetrics).map(
    (setting) => [setting.key, valueAt({ metrics }, targetOf(setting))] as const,
  );
  return new Map(values.filter(([, value]) => value !== undefined));
}

function isOfMetrics({ key }: Setting): boolean {
  return key.startsWith('metrics.');
}

function readVariable({ key, env: names, kind }: Setting, env: Environment, problems: Problem[]): unknown {
  const name = names.find((candidate) => env[candidate]?.trim());
  const text = name === undefined ? undefined : env[name];
  if (name === undefined || text === undefined) return undefined;
  const value = kind.fromText?.(text);
  if (value === undefined) {
    problems.push({ path: name, expected: `${kind.expected} (it sets ${key})`, got: describeGot(text, name) });
  }
  return value;
}

/** `levels` from the weakest to the strongest. */
function build(file: string | null, levels: readonly Map<string, unknown>[]): Config {
  nameService(levels);
  const root: Record<string, unknown> = { file };
  for (const setting of SETTINGS) {
    const given = levels.map((level) => level.get(setting.key)).filter((value) => value !== undefined);
    const fallback = setting.fallback === undefined ? undefined : setting.kind.read(setting.fallback);
    const strongest = given.at(-1) ?? fallback;
    if (strongest === undefined) continue;
    const value = setting.kind.merges === true ? Object.assign({}, fallback, ...(given as Mapping[])) : strongest;
    place(root, targetOf(setting).split('.'), value);
  }
  return deepFreeze(root as unknown as Config);
}

/** A duration is a number of ms from here on, and its name says so. */
function targetOf(setting: Setting): string {
  return setting.kind === duration ? `${setting.key}Ms` : setting.key;
}

function place(root: Record<string, unknown>, segments: readonly string[], value: unknown): void {
  const [first = '', ...rest] = segments;
  if (rest.length === 0) {
    root[first] = value;
    return;
  }
  root[first] ??= {};
  place(root[first] as Record<string, unknown>, rest, value);
}

function invalid(problems: readonly Problem[], cause: unknown): DataflowError {
  const lines = problems.map((problem) => `\n  ${describeProblem(problem)}`).join('');
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  return new DataflowError('DATAFLOW_ERR_CONFIG_INVALID', `The configuration has ${count}; correct it:${lines}`, {
    problems,
    cause,
  });
}
