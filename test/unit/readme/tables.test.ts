import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { EXIT } from '../../../src/cli/failure.ts';
import { ConnectorRegistry, createDefaultRegistry } from '../../../src/connectors/registry.ts';
import { RETRIED_CODES } from '../../../src/domain/retry.ts';
import { ERRORS } from '../../../src/errors.ts';
import { ROOT } from '../../support/command-line.ts';
import {
  expectedTables,
  readReadme,
  rowsOf,
  tableNamed,
  tableNames,
  tableUnder,
  updateTables,
} from '../../support/readme.ts';

const NAMES = [
  'commands',
  'options',
  'metrics-documented',
  'metrics-added',
  'metrics-cluster',
  'metrics-actor',
  'metrics-runtime',
  'configuration',
  'errors',
];

let readme: string;
let expected: ReadonlyMap<string, string>;

beforeAll(async () => {
  expected = await expectedTables();
  if (process.env.UPDATE_README === '1') updateTables(expected);
  readme = readReadme();
});

test('the README has each generated table once', () => {
  expect([...expected.keys()].sort()).toEqual([...NAMES].sort());
  expect([...tableNames(readme)].sort()).toEqual([...NAMES].sort());
});

test.each(NAMES)('the table %s is what the code says (UPDATE_README=1 writes it anew)', (name) => {
  expect(rowsOf(expected.get(name)!.trim()).length).toBeGreaterThan(3);
  expect(tableNamed(readme, name)).toBe(expected.get(name));
});

test('the exit codes are those of the command line', () => {
  const [, section = ''] = readme.split('## Command line');
  const [, table = ''] = /(\| exit code [\s\S]*?)\n\n/.exec(section) ?? [];
  expect(rowsOf(table).map(([code]) => Number(code))).toEqual(Object.values(EXIT));
});

test('the dependencies are those of the package, each with its reason', () => {
  const { dependencies, engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const rows = tableUnder(readme, '## Dependencies');
  const names = rows.map(([cell]) => /^\[(.+)\]\(https:\/\/www\.npmjs\.com\/package\/\1\)$/.exec(cell!)?.[1]);
  expect(names).toEqual(Object.keys(dependencies).sort());
  for (const [, reason] of rows) expect(reason!.length).toBeGreaterThan(15);
  const oldest = [...engines.node.matchAll(/(\d+\.\d+)\.0/g)].map(([, version]) => `${version}+`);
  expect(/Node\.js (.*) are supported/.exec(readme)?.[1]).toBe(oldest.join(' and '));
});

test('the connector types are those that are registered', () => {
  const rows = tableUnder(readme, '## Connectors');
  const typesOf = (part: string): string[] =>
    rows
      .find(([cell]) => cell === part)![1]!
      .split(', ')
      .map((cell) => cell.replaceAll('`', ''));
  const registry = createDefaultRegistry();
  expect(registry).toBeInstanceOf(ConnectorRegistry);
  const base = { connectionString: './x.csv', batchSize: 1, options: {} };
  const config = {
    retry: { maxRetries: 0, initialMs: 0, maxMs: 0, jitter: 0 },
    batchTimeoutMs: 1,
    operationTimeoutMs: 1,
    onInterrupt: 'finish' as const,
  };
  const unknownList = registry
    .validate({
      ...config,
      source: { ...base, type: 'nope', pollIntervalMs: 0 },
      transforms: [{ type: 'nope', config: {} }],
      sink: { ...base, type: 'nope' },
    })
    .map(({ expected: known }) => known);
  expect(unknownList.length).toBe(3);
  for (const [index, part] of ['source', 'transform', 'sink, dead letter'].entries()) {
    for (const type of typesOf(part)) expect(unknownList[index]).toContain(type);
    const listed = unknownList[index]!.replace(/^.*: /, '').split(/, | or /);
    expect(typesOf(part).length).toBe(listed.length);
  }
});

describe('every name that the text uses exists', () => {
  test('error codes', () => {
    const named = [...readme.matchAll(/DATAFLOW_ERR_\w*[A-Z]/g)].map(([code]) => code);
    expect(named.length).toBeGreaterThan(Object.keys(ERRORS).length);
    expect(named.filter((code) => !Object.hasOwn(ERRORS, code))).toEqual([]);
  });

  test('retried codes', () => {
    const [, section = ''] = readme.split('### Retries');
    const [, list = ''] = /tried again: ([\s\S]*?), and what/.exec(section) ?? [];
    expect(list.split(/,\s+/).map((code) => code.replaceAll('`', ''))).toEqual([...RETRIED_CODES]);
  });

  test('settings', () => {
    const keys = rowsOf(expected.get('configuration')!.trim()).map(([cell]) => cell!.replaceAll('`', ''));
    const groups = ['journal', 'metrics', 'runtime', 'statusPage', 'cluster'];
    const pattern = new RegExp(`\`((?:${groups.join('|')})(?:\\.\\w+)+)(?:: \\w+)?\``, 'g');
    // The one name of that form that is a file's.
    const named = [...readme.matchAll(pattern)].map(([, key]) => key!).filter((key) => key !== 'journal.db');
    expect(named.length).toBeGreaterThan(keys.length);
    expect(named.filter((key) => !keys.some((known) => known === key || known.startsWith(`${key}.`)))).toEqual([]);
  });
});
