import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Answer, ask, NULL, type StatusTest, startStatusTest } from '../support/status-page.ts';

const RUNS = 150;

let status: StatusTest;
let asked = 0;

beforeAll(async () => {
  status = await startStatusTest();
  const good = await status.platform.spawnPipeline({ id: 'good', sink: NULL });
  await good.start();
  await good.ingest({ batchId: '1', records: [1, 2], sourceOffset: 0 });
});
afterAll(() => status.close());

/** Each request from an address of its own loopback net, so that none is refused for the number of those before it. */
function nextAddress(): string {
  asked += 1;
  return `127.1.${(asked >> 4) & 255}.${1 + (asked & 15)}`;
}

async function send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const { platform } = status;
  return ask(platform.statusUrl!, path, { method, body, headers, from: nextAddress() });
}

/** Never a fault of the server, and always one shape. */
function check(answer: Answer, expected: readonly number[]): void {
  expect(expected).toContain(answer.status);
  if (answer.status < 400) return;
  expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
  expect(answer.body).toEqual({
    error: expect.stringMatching(/^[A-Z]/),
    code: expect.stringMatching(/^DATAFLOW_ERR_[A-Z_]+$/),
    message: expect.stringMatching(/.{10}/),
    details: answer.body.details === null ? null : expect.any(Array),
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
  });
  expect(answer.text).not.toMatch(/ at .*\.js:\d+|node_modules/);
}

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '..',
    '../..',
    '../../../etc/passwd',
    '..\\..\\boot.ini',
    '.',
    '\0',
    'good\0',
    'x'.repeat(101),
    'x'.repeat(3000),
    '%00',
    '%2e%2e%2f',
    '<script>alert(1)</script>',
    "' OR 1=1 --",
    '\u202egood',
    '\ud800',
    'GOOD',
    'good ',
  ),
);
const id = fc.oneof({ weight: 1, arbitrary: fc.constant('good') }, { weight: 1, arbitrary: text });
/** A part of a path as a careful client writes it, or as it comes. */
const segment = fc.oneof(
  { weight: 3, arbitrary: id.map((one) => encodeURIComponent(Buffer.from(one).toString())) },
  { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom(...'abz09.%/;:@&=+$,~!*()[]|^`{}\\"<>#?-_') }) },
);
const value = fc.oneof(
  text.map((one) => encodeURIComponent(Buffer.from(one).toString())),
  fc.integer().map(String),
  fc.double().map(String),
  fc.constantFrom(
    '1e9',
    '-1',
    '0',
    'NaN',
    'Infinity',
    '9007199254740993',
    'asc',
    'desc',
    'null',
    '[]',
    '(',
    '(a+)+$',
    'a=b',
    '=',
    '%',
    '%ff',
  ),
);
const key = fc.oneof(
  fc.constantFrom(
    'from',
    'limit',
    'order',
    'status',
    'offset',
    'name',
    'label',
    'regex',
    '__proto__',
    'label[]',
    'label[a]',
  ),
  text.map((one) => encodeURIComponent(Buffer.from(one).toString())),
);
const joined = (pairs: readonly (readonly [string, string])[]): string =>
  pairs.length === 0 ? '' : `?${pairs.map((pair) => pair.join('=')).join('&')}`;
const query = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.array(fc.tuple(key, value), { maxLength: 4 }).map(joined) },
);
/** The names that a route knows, with any values. */
const queryOf = (path: string) => {
  const known = path.endsWith('/events')
    ? ['from', 'limit', 'order']
    : path.endsWith('/metrics')
      ? ['name', 'regex', 'label', 'limit']
      : [];
  if (known.length === 0) return query;
  return fc.oneof(query, fc.array(fc.tuple(fc.constantFrom(...known), value), { maxLength: 3 }).map(joined));
};

const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const anything = fc.jsonValue({ maxDepth: 4 });
const part = fc.oneof(
  anything,
  fc.record(
    {
      type: fc.oneof(fc.constantFrom('null', 'push', 'file ', 'code', 'toString', '__proto__'), anything),
      connectionString: anything,
      batchSize: anything,
      options: anything,
    },
    { requiredKeys: [] },
  ),
);
const body = fc.oneof(
  fc.constant({}),
  fc.record({ reason: text }),
  fc.record({ id: fc.stringMatching(/^[\w-]{2,101}$/), sink: fc.constantFrom(NULL, { ...NULL, batchSize: 0 }) }),
  anything,
  fc.record(
    {
      id: fc.oneof(id, anything),
      name: anything,
      description: anything,
      source: part,
      sink: part,
      deadLetter: part,
      transforms: fc.oneof(anything, fc.array(part, { maxLength: 3 })),
      retry: anything,
      batchTimeoutMs: anything,
      operationTimeoutMs: anything,
      onInterrupt: anything,
      reason: anything,
    },
    { requiredKeys: [] },
  ),
  fc.constantFrom(
    '{',
    '',
    'null',
    '"x"',
    '[]',
    '{"a":1,}',
    "{'a':1}",
    '{"__proto__":{"admin":true}}',
    '{"constructor":{"prototype":{"admin":true}}}',
    '{"sink":{"__proto__":{"type":"null"}}}',
    '\ufeff{}',
    '{"reason":"\\ud800"}',
    '{"reason":1e999}',
    nested(5000),
    nested(100_000),
    `{"id":"${'y'.repeat(270_000)}"}`,
    '\0\0\0\0',
  ),
);
const type = fc.oneof(
  { weight: 15, arbitrary: fc.constant('application/json') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'application/json; charset=utf-16',
      'text/plain',
      'application/jsonx',
      'json',
      'application/json, text/plain',
    ),
  },
);

const READS = [
  ['/api/v1/pipelines', ''],
  ['/api/v1/pipelines/', ''],
  ['/api/v1/pipelines/', '/metrics'],
  ['/api/v1/pipelines/', '/history'],
  ['/api/v1/pipelines/', '/events'],
  ['/api/v1/pipelines/', '/health'],
  ['/api/v1/metrics', ''],
  ['/api/v1/history', ''],
  ['/api/v1/cluster', ''],
  ['/api/v1/openapi.json', ''],
  ['/status/settings', ''],
  ['/status/modules', ''],
  ['/status/metrics', ''],
  ['/status/instrumentation', ''],
  ['/health', ''],
  ['/', ''],
  ['/assets/', ''],
] as const;
const ACTIONS = ['start', 'stop', 'pause', 'resume', 'reset'];
const REFUSED = [400, 404, 405, 413, 414, 415, 431];

describe('whatever is asked, the API answers, or refuses in one shape', () => {
  test.each(READS)('GET %s…%s', async (before, after) => {
    await fc.assert(
      fc.asyncProperty(segment, queryOf(`${before}${after}`), async (middle, search) => {
        const path = `${before}${before.endsWith('/') ? middle : ''}${after}${search}`.replaceAll(/[^\x21-\x7e]/g, '');
        check(await send('GET', path), [200, ...REFUSED]);
      }),
      { numRuns: RUNS },
    );
  });

  test.each([
    ['POST', '/api/v1/pipelines', [200, 201, 409]],
    ['PUT', '/api/v1/pipelines/', [200, 409]],
    ...ACTIONS.map((action) => ['POST', `/api/v1/pipelines/:/${action}`, [200, 409]] as const),
    ['DELETE', '/api/v1/pipelines/', [204]],
  ] as const)('%s %s', async (method, template, accepted) => {
    await fc.assert(
      fc.asyncProperty(segment, body, type, query, async (middle, sent, contentType, search) => {
        const base = template.includes(':')
          ? template.replace(':', () => middle)
          : `${template}${template.endsWith('/') ? middle : ''}`;
        const path = `${base}${search}`.replaceAll(/[^\x21-\x7e]/g, '');
        const answer = await send(method, path, typeof sent === 'string' ? sent : JSON.stringify(sent), {
          'content-type': contentType,
        });
        check(answer, [...accepted, ...REFUSED]);
      }),
      { numRuns: RUNS },
    );
  });

  test('methods and paths that nobody thought of', async () => {
    const method = fc.constantFrom(
      'GET',
      'HEAD',
      'POST',
      'PUT',
      'PATCH',
      'DELETE',
      'OPTIONS',
      'TRACE',
      'PROPFIND',
      'M-SEARCH',
    );
    await fc.assert(
      fc.asyncProperty(method, fc.array(segment, { maxLength: 5 }), body, async (verb, segments, sent) => {
        const path = `/${segments.join('/')}`.replaceAll(/[^\x21-\x7e]/g, '');
        const answer = await send(verb, path, verb === 'GET' || verb === 'HEAD' ? undefined : sent);
        if (verb === 'HEAD') expect([200, ...REFUSED]).toContain(answer.status);
        else check(answer, [200, ...REFUSED]);
      }),
      { numRuns: RUNS },
    );
  });
});

test('after all of that it serves as before, and nothing was left on any prototype', async () => {
  const spec = { id: 'afterwards', sink: NULL };
  expect((await send('POST', '/api/v1/pipelines', spec)).status).toBe(201);
  expect((await send('GET', '/health')).body.version).toEqual(expect.any(String));
  expect(({} as { admin?: boolean }).admin).toBeUndefined();
  expect(status.warnings.filter((warning) => warning.startsWith('the status page could not answer'))).toEqual([]);
});
