import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { ConfigOptions } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load-config.ts';
import { type DataflowError, describeProblem } from '../../../src/errors.ts';

const fail = (input: Parameters<typeof loadConfig>[0]): Promise<DataflowError> =>
  loadConfig({ env: {}, file: false, ...input }).then(
    () => {
      throw new Error('it loaded');
    },
    (error: DataflowError) => error,
  );

async function problemsOf(metrics: unknown): Promise<string[]> {
  const { problems } = await fail({ options: { metrics } as ConfigOptions });
  return problems.map(describeProblem);
}

describe('each value that is wrong is a problem of its own', () => {
  test('boundaries', async () => {
    const found = await problemsOf({
      buckets: {
        'app.a': [2, 1],
        'app.b': 5,
        'app.c': [],
        'app.d': [Number.NaN, 1, 1, Number.POSITIVE_INFINITY],
        'app.e': ['1', null, 3],
        'app.f': Array.from({ length: 201 }, (_, index) => index),
        'app.g': [0, 1, 2],
        // biome-ignore lint/suspicious/noSparseArray: what a caller may give
        'app.h': [1, , 3],
        'app.i': [-1, 0, 1],
      },
    });
    const list = 'a list of 1 to 200 rising boundaries';
    expect(found).toEqual([
      'metrics.buckets.app.a.1: expected more than 2, got 1',
      `metrics.buckets.app.b: expected ${list}, got 5`,
      `metrics.buckets.app.c: expected ${list}, got an empty list`,
      'metrics.buckets.app.d.0: expected a finite number, got NaN',
      'metrics.buckets.app.d.2: expected more than 1, got 1',
      'metrics.buckets.app.d.3: expected a finite number, since the bucket without an upper bound is always there, got Infinity',
      'metrics.buckets.app.e.0: expected a finite number, got "1"',
      'metrics.buckets.app.e.1: expected a finite number, got null',
      `metrics.buckets.app.f: expected ${list}, got a list of 201`,
      'metrics.buckets.app.h.1: expected a finite number, got nothing',
      'metrics.buckets.app.i.0: expected at least 0, got -1',
    ]);
  });

  test('attributes of the resource', async () => {
    const given = '{ "team": {}, "n": 1, "db.password": ["x"], "": "a", "__proto__": "b" }';
    const text = 'a text, a finite number, true or false';
    expect(await problemsOf({ resource: JSON.parse(given) })).toEqual([
      `metrics.resource.team: expected ${text}, got a mapping`,
      `metrics.resource.db.password: expected ${text}, got a list of 1`,
      'metrics.resource."": expected a non-empty name, got an empty name',
      'metrics.resource.__proto__: expected another name than __proto__, got the name "__proto__"',
    ]);
  });

  test('lists of texts and of choices', async () => {
    const found = await problemsOf({
      filter: { include: ['app.*', 5, ''], exclude: [null] },
      host: { groups: ['system.cpu', 'system.disk', 'system.cpu'] },
    });
    expect(found).toEqual([
      expect.stringMatching(/^metrics\.host\.groups\.1: expected system\.cpu or .*, got "system\.disk"$/),
      'metrics.host.groups.2: expected each at most once, got "system.cpu"',
      'metrics.filter.include.1: expected a non-empty text, got 5',
      'metrics.filter.include.2: expected a non-empty text, got an empty string',
      'metrics.filter.exclude.0: expected a non-empty text, got null',
    ]);
  });

  test('groups of actors', async () => {
    const groups = { a: {}, b: 5, c: { include: ['x', 1], exclud: [] }, d: { include: ['x'], exclude: 'y', z: 1 } };
    expect(await problemsOf({ actors: { groups } })).toEqual([
      'metrics.actors.groups.a.include: expected a list of at least one glob, got nothing',
      'metrics.actors.groups.b: expected a mapping { include: [globs], exclude: [globs] }, got 5',
      'metrics.actors.groups.c.exclud: expected a known key; did you mean exclude?, got the name "exclud"',
      'metrics.actors.groups.c.include.1: expected a non-empty text, got 1',
      'metrics.actors.groups.d.z: expected include or exclude, got the name "z"',
      'metrics.actors.groups.d.exclude: expected a list of globs, got "y"',
    ]);
  });

  test('a value that is no collection at all is refused as a whole', async () => {
    expect(await problemsOf({ buckets: [1], resource: 5, filter: { include: '**' } })).toEqual([
      'metrics.buckets: expected a mapping of instrument names to lists of 1 to 200 rising boundaries, got a list of 1',
      'metrics.filter.include: expected a list of globs of instrument names, got "**"',
      'metrics.resource: expected a mapping of keys to texts, got 5',
    ]);
  });
});

test('headers are named, but nothing that may be a secret is shown', async () => {
  const headers = {
    authorization: 'hunter2\n',
    'bad name': 'hunter2',
    'Bearer hunter2hunter2': 'x',
    'x-list': ['hunter2'],
    good: 'fine',
  };
  const error = await fail({ options: { metrics: { otlp: { headers } } } as unknown as ConfigOptions });
  const name = "a header name of letters, digits and !#$%&'*+.^_`|~-";
  const line = 'a text of one line of ASCII characters';
  expect(error.problems.map(describeProblem)).toEqual([
    `metrics.otlp.headers.authorization: expected ${line}, got something else (hidden)`,
    `metrics.otlp.headers.bad name: expected ${name}, got the name "bad name"`,
    `metrics.otlp.headers."Bearer ***": expected ${name}, got the name "Bearer ***"`,
    `metrics.otlp.headers.x-list: expected ${line}, got something else (hidden)`,
  ]);
  expect(error.message).not.toContain('hunter2');
});

test('in a file each has its line, and a variable is shown by its name', async () => {
  const cwd = await mkdtemp(join(tmpdir(), 'dataflow-collections-'));
  const file = join(cwd, 'dataflow.yaml');
  const lines = [
    'metrics:',
    '  buckets:',
    '    app.latency: [1,',
    `      "\${FIRST}", 0]`,
    '  resource:',
    '    "two\\twords": []',
    `  actors: { groups: { g: { include: ["\${SECOND}"] } } }`,
  ];
  await writeFile(file, lines.join('\n'));
  const { problems } = await fail({ file, env: { FIRST: '2', SECOND: ' ' } });
  expect(problems.map(({ path, got, line, column }) => [path, got, line, column])).toEqual([
    ['metrics.buckets.app.latency.1', `"\${FIRST}"`, 4, 7],
    ['metrics.buckets.app.latency.2', '0', 4, 19],
    ['metrics.actors.groups.g.include.0', `"\${SECOND}"`, 7, 38],
    ['metrics.resource."two\\twords"', 'an empty list', 6, 5],
  ]);
  await rm(cwd, { recursive: true });
});
