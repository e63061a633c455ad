import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { PipelineDefinition } from '../../../src/domain/spec.ts';
import { parsePipelineSpec, validateBatch, validateError, validateOffset } from '../../../src/domain/validate.ts';

const minimal = {
  id: 'orders',
  source: { type: 'file', connectionString: './orders.ndjson' },
  sink: { type: 'file', connectionString: './out.ndjson' },
};

function definitionOf(input: unknown): PipelineDefinition {
  const parsed = parsePipelineSpec(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.definition;
}

function problemsOf(input: unknown) {
  const parsed = parsePipelineSpec(input);
  return parsed.ok ? [] : parsed.problems;
}

function pathsOf(input: unknown): string[] {
  return problemsOf(input).map((problem) => problem.path);
}

/** `minimal` with the value at a dotted path replaced. */
function withValue(path: string, value: unknown): unknown {
  const spec: Record<string, unknown> = structuredClone(minimal);
  const keys = path.split('.');
  const last = keys.pop() as string;
  let target = spec;
  for (const key of keys) {
    target[key] ??= {};
    target = target[key] as Record<string, unknown>;
  }
  target[last] = value;
  return spec;
}

describe('a specification', () => {
  test('gets every default', () => {
    expect(definitionOf(minimal)).toEqual({
      id: 'orders',
      name: 'orders',
      description: '',
      config: {
        source: {
          type: 'file',
          connectionString: './orders.ndjson',
          batchSize: 500,
          pollIntervalMs: 0,
          options: {},
        },
        transforms: [],
        sink: { type: 'file', connectionString: './out.ndjson', batchSize: 500, options: {} },
        retry: { maxRetries: 5, initialMs: 1000, maxMs: 30_000, jitter: 0.2 },
        batchTimeoutMs: 300_000,
        operationTimeoutMs: 30_000,
        onInterrupt: 'finish',
      },
    });
  });

  test('is copied and frozen', () => {
    const input = { ...minimal, transforms: [{ type: 'drop', config: { fields: ['a'] } }] };
    const definition = definitionOf(input);
    input.transforms[0]!.config.fields.push('b');
    expect(definition.config.transforms[0]!.config).toEqual({ fields: ['a'] });
    expect(Object.isFrozen(definition.config.transforms[0]!.config.fields)).toBe(true);
  });

  test('of a push source needs no connection string', () => {
    expect(definitionOf({ ...minimal, source: { type: 'push' } }).config.source.connectionString).toBe('push');
    expect(pathsOf({ ...minimal, source: { type: 'push', connectionString: '' } })).toEqual([
      'source.connectionString',
    ]);
  });

  test('takes the default maxMs up to a longer initialMs', () => {
    expect(definitionOf({ ...minimal, retry: { initialMs: 60_000 } }).config.retry.maxMs).toBe(60_000);
  });

  test.each<[string, unknown]>([
    ['id', 'a'.repeat(100)],
    ['name', 'abc'],
    ['name', 'x'.repeat(100)],
    ['description', 'd'.repeat(500)],
    ['source.batchSize', 1],
    ['source.batchSize', 1_000_000],
    ['source.pollIntervalMs', 3_600_000],
    ['sink.batchSize', 10_000],
    ['batchTimeoutMs', 2_147_483_647],
    ['operationTimeoutMs', 1],
    ['retry.maxRetries', 0],
    ['retry.maxMs', 2_147_483_647],
    ['retry.jitter', 0],
    ['retry.jitter', 1],
    ['onInterrupt', 'abort'],
    ['deadLetter', undefined],
    ['source.options', { deep: [{ a: null }, 1.5, true, 'x'] }],
  ])('accepts %s = %p', (path, value) => {
    expect(pathsOf(withValue(path, value))).toEqual([]);
  });

  test.each<[string, unknown]>([
    ['id', ''],
    ['id', 'a'.repeat(101)],
    ['id', 'über'],
    ['id', 'a\n'],
    ['id', 7],
    ['name', 'ab'],
    ['name', 'a b c'],
    ['name', 'x'.repeat(101)],
    ['description', 'd'.repeat(501)],
    ['description', null],
    ['source', null],
    ['source', []],
    ['source.type', ''],
    ['source.connectionString', ' '],
    ['source.batchSize', 0],
    ['source.batchSize', 1.5],
    ['source.batchSize', '500'],
    ['source.pollIntervalMs', -1],
    ['source.pollIntervalMs', 3_600_001],
    ['source.options', []],
    ['sink', 'file'],
    ['sink.batchSize', 10_001],
    ['sink.batchSize', Number.NaN],
    ['deadLetter', false],
    ['transforms', {}],
    ['batchTimeoutMs', 2_147_483_648],
    ['batchTimeoutMs', 0],
    ['operationTimeoutMs', Number.POSITIVE_INFINITY],
    ['retry', 5],
    ['retry.maxRetries', -1],
    ['retry.jitter', 1.01],
    ['retry.jitter', null],
    ['retry.maxMs', 10],
    ['onInterrupt', 'explode'],
  ])('refuses %s = %p', (path, value) => {
    expect(pathsOf(withValue(path, value))).toEqual([path]);
  });

  test('needs id, source and sink', () => {
    expect(pathsOf({})).toEqual(['id', 'source', 'sink']);
    expect(pathsOf({ ...minimal, id: 'ab' })).toEqual(['name']);
  });

  test('reports every problem at once, each with path, expected and got', () => {
    expect(
      problemsOf({ ...minimal, id: '', sink: { ...minimal.sink, batchSize: 0, opitons: {} }, transforms: [{}, 3] }),
    ).toEqual([
      { path: 'id', expected: '1 to 100 letters, digits, - or _', got: 'an empty string' },
      { path: 'transforms.0.type', expected: 'a non-empty type name', got: 'nothing' },
      { path: 'transforms.1', expected: 'a mapping with type, config', got: '3' },
      { path: 'sink.opitons', expected: 'a known key; did you mean options?', got: 'the unknown key "opitons"' },
      { path: 'sink.batchSize', expected: 'an integer from 1 to 10000', got: '0' },
    ]);
  });

  test.each([
    ['batchsize', 'batchSize'],
    ['batch_size', 'batchSize'],
    ['conectionString', 'connectionString'],
    ['polIntervallMs', 'pollIntervalMs'],
  ])('suggests for the unknown key %s the key %s', (key, meant) => {
    expect(problemsOf(withValue(`source.${key}`, 1))[0]!.expected).toContain(`did you mean ${meant}?`);
  });

  test('lists the keys when none is close', () => {
    expect(problemsOf(withValue('sink.zebra', 1))[0]!.expected).toBe(
      'one of the keys type, connectionString, batchSize, options',
    );
  });
});

describe('values that are no JSON', () => {
  const cycle: Record<string, unknown> = {};
  cycle.again = cycle;
  const deep = Array.from({ length: 100 }).reduce<unknown>((inner) => [inner], 1);

  test.each<[string, unknown]>([
    ['not a number', Number.NaN],
    ['infinite', Number.POSITIVE_INFINITY],
    ['a date', new Date(0)],
    ['a map', new Map()],
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['a big integer', 1n],
    ['a hole', new Array(1)],
    ['a cycle', cycle],
    ['too deep', deep],
    ['a prototype', JSON.parse('{"__proto__": {"polluted": true}}')],
  ])('%s are refused under options', (_name, value) => {
    const problems = problemsOf(withValue('source.options', { value }));
    expect(problems).toHaveLength(1);
    expect(problems[0]!.path).toMatch(/^source\.options\.value/);
  });

  test('a minus zero becomes the zero that the journal gives back', () => {
    const { options } = definitionOf(withValue('source.options', { value: -0 })).config.source;
    expect(Object.is(options.value, 0)).toBe(true);
  });

  test('inherited properties are not the specification', () => {
    expect(pathsOf(Object.create(minimal))).toEqual(['']);
    expect(pathsOf({ ...minimal, constructor: 1 })).toEqual(['constructor']);
  });

  test('an object that throws when it is read is one problem', () => {
    const hostile = {
      get id(): string {
        throw new Error('no');
      },
    };
    expect(pathsOf(hostile)).toContain('');
  });
});

describe('secrets', () => {
  test.each<[string, unknown]>([
    ['sink.options.password', 7_654_321n],
    ['sink.options.apiKey', 7_654_321n],
    ['sink.options.auth_token', 7_654_321n],
    ['sink.options.credentials.user', 7_654_321n],
    ['source.connectionString', 7_654_321],
    ['description', `postgres://me:7654321@db/${'x'.repeat(500)}`],
    ['name', 'Bearer 7654321-7654321'],
  ])('at %s do not show in the problem', (path, value) => {
    const problems = problemsOf(withValue(path, value));
    expect(problems).toHaveLength(1);
    expect(JSON.stringify(problems)).not.toContain('7654321');
  });
});

describe('properties', () => {
  test('junk gives problems and never throws', () => {
    const junk = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withSparseArray: true,
    });
    fc.assert(
      fc.property(
        junk,
        fc.constantFrom('', 'source', 'sink', 'sink.options.x', 'transforms', 'retry', 'deadLetter'),
        (value, path) => {
          const input = path === '' ? value : withValue(path, value);
          const parsed = parsePipelineSpec(input);
          if (parsed.ok) return JSON.stringify(parsed.definition).length > 0;
          return parsed.problems.length > 0 && parsed.problems.every((problem) => problem.got.length < 200);
        },
      ),
    );
  });

  test('a good specification comes back as it is, also through JSON', () => {
    const word = (min: number) => fc.stringMatching(new RegExp(`^[a-zA-Z0-9_-]{${min},100}$`));
    const filled = fc.string({ minLength: 1 }).filter((text) => text.trim() !== '');
    const options = fc.dictionary(
      fc.string().filter((key) => key !== '__proto__'),
      fc
        .jsonValue({ maxDepth: 3 })
        .map((value): unknown => JSON.parse(JSON.stringify(value).replaceAll('"__proto__"', '"p"'))),
    );
    const sink = fc.record({
      type: filled,
      connectionString: filled,
      batchSize: fc.integer({ min: 1, max: 10_000 }),
      options,
    });
    const spec = fc.record(
      {
        id: word(1),
        name: word(3),
        description: fc.string({ maxLength: 500 }),
        source: fc.record({
          type: filled,
          connectionString: filled,
          batchSize: fc.integer({ min: 1 }),
          pollIntervalMs: fc.integer({ min: 0, max: 3_600_000 }),
          options,
        }),
        transforms: fc.array(fc.record({ type: filled, config: options }), { maxLength: 3 }),
        sink,
        deadLetter: sink,
        retry: fc.record({
          maxRetries: fc.nat(1000),
          initialMs: fc.nat(1000),
          maxMs: fc.integer({ min: 1000, max: 2_147_483_647 }),
          jitter: fc.double({ min: 0, max: 1, noNaN: true }).map((jitter) => jitter + 0),
        }),
        batchTimeoutMs: fc.integer({ min: 1, max: 2_147_483_647 }),
        operationTimeoutMs: fc.integer({ min: 1, max: 2_147_483_647 }),
        onInterrupt: fc.constantFrom('finish', 'abort'),
        slo: fc.record({ success: fc.record({ target: fc.constantFrom(0.9, 0.999) }), window: fc.constant('30d') }),
      },
      {
        requiredKeys: [
          'id',
          'name',
          'description',
          'source',
          'transforms',
          'sink',
          'retry',
          'batchTimeoutMs',
          'operationTimeoutMs',
          'onInterrupt',
        ],
      },
    );
    fc.assert(
      fc.property(spec, (input) => {
        const { id, name, description, config } = definitionOf(input);
        const again = { id, name, description, ...config };
        expect(again).toEqual(JSON.parse(JSON.stringify(input)));
        expect(definitionOf(JSON.parse(JSON.stringify(again)))).toEqual({ id, name, description, config });
      }),
    );
  });
});

describe('a batch', () => {
  const paths = (batchId: unknown, records: unknown, sourceOffset: unknown) =>
    validateBatch({ batchId, records, sourceOffset }).map((problem) => problem.path);

  test('is good with an id, 1 to 10,000 records and an offset', () => {
    expect(paths('b', [1], 0)).toEqual([]);
    expect(paths('b', new Array(10_000).fill(0), 'opaque')).toEqual([]);
  });

  test('is refused with everything that is wrong with it', () => {
    expect(paths('', [], -1)).toEqual(['batchId', 'records', 'sourceOffset']);
    expect(paths(1, new Array(10_001), '')).toEqual(['batchId', 'records', 'sourceOffset']);
    expect(paths('b', 'records', 1.5)).toEqual(['records', 'sourceOffset']);
    expect(paths('b', [1], undefined)).toEqual(['sourceOffset']);
    expect(validateOffset(Number.NaN)).toEqual([
      { path: 'offset', expected: 'an integer of at least 0 or a non-empty text', got: 'NaN' },
    ]);
  });
});

describe('a reported error', () => {
  const paths = (error: unknown) => validateError(error).map((problem) => problem.path);

  test('needs a code and a message', () => {
    expect(paths({ code: 'TIMEOUT', message: 'late' })).toEqual([]);
    expect(paths({ code: '', message: ' ' })).toEqual(['code', 'message']);
    expect(paths(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))).toEqual([]);
    expect(paths('boom')).toEqual(['']);
    expect(paths(null)).toEqual(['']);
  });

  test('has its other fields checked when they are there', () => {
    expect(paths({ code: 'X', message: 'm', errorType: 'sink', retryable: false, stackTrace: '' })).toEqual([]);
    expect(paths({ code: 'X', message: 'm', errorType: 'disk', retryable: 'no', stackTrace: 1 })).toEqual([
      'errorType',
      'retryable',
      'stackTrace',
    ]);
  });
});
