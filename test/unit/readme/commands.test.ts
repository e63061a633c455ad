import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { INSTRUMENT_LIST } from '../../../src/metrics/names.ts';
import { ROOT } from '../../support/command-line.ts';
import { codeBlocks, readReadme } from '../../support/readme.ts';

const readme = readReadme();
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

test('every npm script that the pages name exists', () => {
  const { scripts } = JSON.parse(read('package.json'));
  const named = ['README.md', 'CONTRIBUTING.md'].flatMap((page) =>
    [...read(page).matchAll(/npm (?:run )?(start|test|(?<=run )[\w:-]+)/g)].map(([, script]) => script!),
  );
  expect(new Set(named).size).toBeGreaterThan(4);
  expect(named.filter((script) => !Object.hasOwn(scripts, script))).toEqual([]);
});

test('every query is one that a real Prometheus answers in the end-to-end test', () => {
  const asked = read('test/e2e/prometheus.test.ts');
  const [block] = codeBlocks(readme, 'promql');
  const queries = block!.code.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect(queries.length).toBe(13);
  expect(queries.filter((query) => !asked.includes(`'${query}'`))).toEqual([]);
});

test('every series that the text names is one of ours', () => {
  const known = INSTRUMENT_LIST.flatMap(({ series, kind }) =>
    kind === 'histogram' ? ['_bucket', '_sum', '_count', ''].map((end) => series + end) : [series],
  );
  const named = [...readme.matchAll(/(?<![\w.])(?:dataflow|jvm)_[a-z]\w*[a-z]\b(?!\*)/g)].map(([name]) => name);
  expect(named.length).toBeGreaterThan(known.length / 2);
  expect([...new Set(named)].filter((name) => !known.includes(name))).toEqual([]);
});

test('every code block has a language that the tests know what to do with', () => {
  const languages = new Set(codeBlocks(readme).map(({ language }) => language));
  expect([...languages].sort()).toEqual(['cjs', 'js', 'json', 'prometheus', 'promql', 'sh', 'text', 'yaml']);
});
