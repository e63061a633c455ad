import { describe, expect, test } from '@jest/globals';
import { Guard, type GuardedRequest, type GuardOptions, isLoopback } from '../../../../src/server/status/guard.ts';

const TOKEN = 'correct-horse-battery';
// biome-ignore lint/suspicious/noTemplateCurlyInString: a reference as it is written in a file.
const REFERENCE = '${MY_TOKEN}';
function guardOf(options: Partial<GuardOptions> = {}): Guard {
  const guard = new Guard({ host: '127.0.0.1', publicRead: false, env: {}, ...options });
  guard.port = 5266;
  return guard;
}
const asked = (headers: GuardedRequest['headers'], method = 'GET', isApi = true): GuardedRequest => ({
  method,
  isApi,
  headers: { host: '127.0.0.1:5266', ...headers },
});
function codeOf(guard: Guard, request: GuardedRequest): string | undefined {
  try {
    guard.check(request);
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
}
const FORBIDDEN = 'DATAFLOW_ERR_API_FORBIDDEN';
const UNAUTHORIZED = 'DATAFLOW_ERR_API_UNAUTHORIZED';

test.each([
  ['127.0.0.1', true],
  ['127.8.9.1', true],
  ['localhost', true],
  ['::1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['192.168.0.4', false],
  ['127.0.0.1.example.com', false],
  ['localhost.example.com', false],
])('%s is loopback: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});

describe('on loopback (R1)', () => {
  test.each(['127.0.0.1:5266', 'localhost:5266', 'LOCALHOST:5266', '[::1]:5266'])('%s is an own name', (host) => {
    expect(codeOf(guardOf(), asked({ host }))).toBeUndefined();
    expect(codeOf(guardOf(), asked({ host }, 'POST'))).toBeUndefined();
  });

  test.each([
    'evil.example:5266',
    'localhost.evil.example:5266',
    '127.0.0.1.nip.io:5266',
    'localhost',
    'localhost:80',
    'localhost:5266:5266',
    'localhost:5266@evil.example',
    'user@localhost:5266',
    '',
    '127.1:5266',
    '[::1]',
  ])('%j is a foreign name, for reads, writes and the page', (host) => {
    for (const request of [asked({ host }), asked({ host }, 'POST'), asked({ host }, 'GET', false)])
      expect(codeOf(guardOf(), request)).toBe(FORBIDDEN);
  });

  test('the configured name is an own one', () => {
    const guard = guardOf({ host: '127.0.0.7' });
    expect(codeOf(guard, asked({ host: '127.0.0.7:5266' }))).toBeUndefined();
    expect(codeOf(guard, asked({ host: '127.0.0.8:5266' }))).toBe(FORBIDDEN);
  });
});

describe('another site (R2)', () => {
  test.each([
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { origin: 'http://127.0.0.1:5267' },
    { origin: 'http://localhost:5266' },
    { origin: 'http://127.0.0.1:5266.evil.example' },
    { origin: '' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'http://127.0.0.1:5266', 'sec-fetch-site': 'cross-site' },
  ])('cannot write: %j', (headers) => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'])
      expect(codeOf(guardOf(), asked(headers, method))).toBe(FORBIDDEN);
  });

  test('cannot make a browser read the API either', () => {
    expect(codeOf(guardOf(), asked({ 'sec-fetch-site': 'cross-site' }))).toBe(FORBIDDEN);
    expect(codeOf(guardOf(), asked({ 'sec-fetch-site': 'cross-site' }, 'GET', false))).toBeUndefined();
  });

  test('the page itself can', () => {
    const headers = { origin: 'http://127.0.0.1:5266', 'sec-fetch-site': 'same-origin' };
    expect(codeOf(guardOf(), asked(headers, 'POST'))).toBeUndefined();
    expect(codeOf(guardOf(), asked({ 'sec-fetch-site': 'none' }))).toBeUndefined();
  });
});

describe('a token (R3)', () => {
  const open = { host: '0.0.0.0', token: TOKEN };

  test('has to be there beyond loopback', () => {
    expect(() => guardOf({ host: '0.0.0.0' })).toThrow(
      expect.objectContaining({
        code: 'DATAFLOW_ERR_CONFIG_INVALID',
        message: expect.stringMatching(/0\.0\.0\.0.*statusPage\.token.*statusPage\.host/),
        problems: [expect.objectContaining({ path: 'statusPage.token' })],
      }),
    );
  });

  test('may be a variable, which must have a value', () => {
    const guard = guardOf({ host: '::', token: REFERENCE, env: { MY_TOKEN: TOKEN } });
    expect(codeOf(guard, asked({ authorization: `Bearer ${TOKEN}` }))).toBeUndefined();
    expect(() => guardOf({ host: '::', token: REFERENCE, env: {} })).toThrow(
      expect.objectContaining({
        code: 'DATAFLOW_ERR_CONFIG_INVALID',
        problems: [expect.objectContaining({ path: 'statusPage.token' })],
      }),
    );
  });

  test.each(['two words', 'bröt', `${TOKEN}\n`])('that no client can present is refused: %j', (token) => {
    expect(() => guardOf({ host: '::', token: REFERENCE, env: { MY_TOKEN: token } })).toThrow(
      expect.objectContaining({
        code: 'DATAFLOW_ERR_CONFIG_INVALID',
        message: expect.stringMatching(/^statusPage\.token is (?!.*(?:words|bröt|horse))/),
        problems: [expect.objectContaining({ path: 'statusPage.token' })],
      }),
    );
  });

  test.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer wrong',
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(1)}`,
    `Basic ${TOKEN}`,
    TOKEN,
    `Bearer  ${TOKEN} ${TOKEN}`,
  ])('%j does not open', (authorization) => {
    const guard = guardOf(open);
    for (const method of ['GET', 'POST'])
      expect(codeOf(guard, asked(authorization === undefined ? {} : { authorization }, method))).toBe(UNAUTHORIZED);
  });

  test('opens reads and writes, under any name', () => {
    const guard = guardOf(open);
    for (const method of ['GET', 'POST'])
      expect(
        codeOf(guard, asked({ host: 'status.example:80', authorization: `bearer ${TOKEN}` }, method)),
      ).toBeUndefined();
  });

  test('is not wanted for the page, which has to ask for it', () => {
    expect(codeOf(guardOf(open), asked({}, 'GET', false))).toBeUndefined();
  });

  test('is not wanted for reads that are public', () => {
    const guard = guardOf({ ...open, publicRead: true });
    expect(codeOf(guard, asked({}))).toBeUndefined();
    expect(codeOf(guard, asked({}, 'POST'))).toBe(UNAUTHORIZED);
  });

  test('that is configured is wanted on loopback too', () => {
    const guard = guardOf({ token: TOKEN });
    expect(codeOf(guard, asked({}))).toBe(UNAUTHORIZED);
    expect(codeOf(guard, asked({ authorization: `Bearer ${TOKEN}`, host: 'evil.example:5266' }))).toBe(FORBIDDEN);
  });

  test('is in no message', () => {
    try {
      guardOf(open).check(asked({ authorization: 'Bearer guessed-secret' }));
      throw new Error('it opened');
    } catch (error) {
      expect(String(error)).not.toMatch(/correct-horse|guessed-secret/);
    }
  });
});
