import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { readExposition, type TextFormat } from '../../../src/doctor/exposition.ts';
import { ROOT } from '../../support/command-line.ts';
import { parseOpenMetrics } from '../../support/openmetrics-parser.ts';
import { parsePrometheus } from '../../support/prometheus-parser.ts';

const read = (text: string, format: TextFormat = 'classic') => readExposition(Buffer.from(text), format);
const golden = (format: string): string =>
  readFileSync(join(ROOT, `test/unit/server/prometheus-text.${format}.golden.txt`), 'utf8');

describe('what the server writes', () => {
  test('in the classic format is read as an independent reader does', () => {
    const { families, malformed, duplicates } = read(golden('classic'));
    expect({ malformed, duplicates }).toEqual({ malformed: undefined, duplicates: [] });
    const expected = parsePrometheus(golden('classic'));
    expect([...families.keys()]).toEqual([...expected.keys()]);
    for (const [name, { type, samples }] of expected) expect(families.get(name)).toEqual({ name, type, samples });
  });

  test('as OpenMetrics has the names of the classic format', () => {
    const { families, malformed, duplicates } = read(golden('openmetrics'), 'openmetrics');
    expect({ malformed, duplicates }).toEqual({ malformed: undefined, duplicates: [] });
    expect([...families.keys()]).toEqual([...read(golden('classic')).families.keys()]);
    const count = [...parseOpenMetrics(golden('openmetrics')).values()].flatMap(({ samples }) => samples).length;
    expect([...families.values()].flatMap(({ samples }) => samples)).toHaveLength(count);
  });
});

test('what the classic format allows is read', () => {
  const text = [
    '',
    '# a comment',
    '#TYPE is one without its blank',
    '# HELP a  text with "quotes"',
    '#  TYPE  a\tgauge ',
    'a 1',
    'a { x = "1" , y="2", } 2 1700000000000',
    'a{x="\\\\ \\" \\n ü }"}\t+Inf  ',
    '# TYPE s summary',
    's{quantile="0.5"} NaN',
    's_sum -1.5e+3',
    's_count 3',
    'loose .5',
    '',
  ].join('\n');
  const { families, malformed } = read(text);
  expect(malformed).toBeUndefined();
  expect(families.get('a')).toEqual({
    name: 'a',
    type: 'gauge',
    samples: [
      { name: 'a', labels: {}, value: 1 },
      { name: 'a', labels: { x: '1', y: '2' }, value: 2, timestamp: 1_700_000_000_000 },
      { name: 'a', labels: { x: '\\ " \n ü }' }, value: Number.POSITIVE_INFINITY },
    ],
  });
  expect(families.get('s')!.samples.map(({ value }) => value)).toEqual([Number.NaN, -1500, 3]);
  expect(families.get('loose')).toMatchObject({ type: 'untyped', samples: [{ value: 0.5 }] });
});

test.each([
  ['a', 'expected a value'],
  ['1a 1', 'expected the name of a metric'],
  ['{x="1"} 1', 'expected the name of a metric'],
  ['a one', 'the value is no number'],
  ['a 0x10', 'the value is no number'],
  ['a 1 2 3', 'there is something after the value'],
  ['a 1 soon', 'the timestamp is no number'],
  ['a 1 1.5', 'the timestamp is no number'],
  ['a{x=1} 1', 'the labels are malformed'],
  ['a{x="1" y="2"} 1', 'the labels are malformed'],
  ['a{x="1"', 'the labels are malformed'],
  ['a{x="\\t"} 1', 'the labels are malformed'],
  ['a{x="1",x="2"} 1', 'the label x is there twice'],
  ['# TYPE a counter gauge', '"counter gauge" is no type of this format'],
  ['# TYPE b gauge\n# TYPE b gauge', 'a second type for b'],
  ['# TYPE b-c gauge', 'b-c cannot be the name of a metric'],
])('%j is malformed: %s', (line, problem) => {
  const { malformed, families } = read(`before 1\n${line}\nafter 1\n`);
  expect(malformed).toEqual({ line: 1 + line.split('\n').length, text: line.split('\n').at(-1), problem });
  expect([...families.keys()][0]).toBe('before');
  expect(families.has('after')).toBe(false);
});

test.each([
  ['# EOF\na 1\n', 'there is something after # EOF'],
  ['a 1\n', 'no # EOF at the end: the text is cut off'],
  ['\n# EOF\n', 'a blank line is not allowed'],
  ['# hello\n# EOF\n', 'a comment is not allowed'],
  ['# TYPE a untyped\n# EOF\n', '"untyped" is no type of this format'],
  ['a 1 # {x="1"}\n# EOF\n', 'the exemplar is malformed'],
  ['a 1 # nothing\n# EOF\n', 'the exemplar is malformed'],
])('%j is no OpenMetrics: %s', (text, problem) => {
  expect(read(text, 'openmetrics').malformed?.problem).toBe(problem);
});

test('a text that is cut off or not UTF-8 is malformed', () => {
  expect(read('a 1\nb 1').malformed).toMatchObject({ line: 2, problem: expect.stringContaining('cut off') });
  expect(readExposition(Buffer.from([0x61, 0xff, 0x0a]), 'classic').malformed?.problem).toContain('UTF-8');
});

test('a series that is there twice is found whatever the order of its labels', () => {
  expect(read('a{x="1",y="2"} 1\na{y="2",x="1"} 1\na{x="1"} 1\n').duplicates).toEqual(['a{x="1",y="2"}']);
});
