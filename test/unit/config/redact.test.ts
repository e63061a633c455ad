import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { hasSecret, redact } from '../../../src/config/redact.ts';

describe('redact', () => {
  test.each([
    'password',
    'Password',
    'dbPassword',
    'DB_PASSWORD',
    'passwd',
    'pwd',
    'pass',
    'passphrase',
    'secret',
    'clientSecret',
    'token',
    'access_token',
    'apiKey',
    'api-key',
    'APIKEY',
    'privateKey',
    'accessKey',
    'credentials',
    'authorization',
    'Proxy-Authorization',
    'cookie',
  ])('hides what stands under %s', (key) => {
    expect(redact({ [key]: 'hunter2', beside: 'stays' })).toEqual({ [key]: '***', beside: 'stays' });
    expect(redact({ [key]: { deep: ['hunter2', 7] } })).toEqual({ [key]: { deep: ['***', '***'] } });
    expect(hasSecret({ [key]: 'hunter2' })).toBe(true);
  });

  test.each(['key', 'path', 'pattern', 'author', 'monkey', 'compass', 'type', 'primaryKey', 'batchSize'])(
    'leaves %s alone',
    (key) => {
      expect(redact({ [key]: 'value' })).toEqual({ [key]: 'value' });
      expect(hasSecret({ [key]: 'value' })).toBe(false);
    },
  );

  test.each([
    ['postgres://me:hunter2@db:5432/x?y=1', 'postgres://me:***@db:5432/x?y=1'],
    ['postgres://me:hunter2/hunter2?#@db/x', 'postgres://me:***@db/x'],
    ['postgres://me:hunter2@hunter2@db/x', 'postgres://me:***@db/x'],
    ['password=hunter2***hunter2', 'password=***'],
    ['see amqp://u:hunter2@h and redis://:hunter2@h', 'see amqp://u:***@h and redis://:***@h'],
    ['https://hunter2hunter2hunter2@github.com/a', 'https://***@github.com/a'],
    ['https://h/p?user=me&password=hunter2&x=1', 'https://h/p?user=me&password=***&x=1'],
    ['host=db user=me password=hunter2 port=1', 'host=db user=me password=*** port=1'],
    ["password='hunter2 with blanks' x=1", 'password=*** x=1'],
    [`password=\${DB_PASSWORD:-hunter2} x`, 'password=***} x'],
    ['{"apiKey":"hunter2","a":1}', '{"apiKey":***,"a":1}'],
    ['Authorization: Bearer hunter2hunter2', 'Authorization: ***'],
    ['sent Bearer hunter2.hunter2 to it', 'sent Bearer *** to it'],
    ['key AKIAIOSFODNN7EXAMPLE end', 'key *** end'],
    ['ghp_hunter2hunter2hunter2hunter2hunter2', '***'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.hunter2', '***'],
    ['-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----', '***'],
    ['-----BEGIN PRIVATE KEY-----\nhunter2 cut off', '***'],
  ])('finds the secret in the text %j', (text, shown) => {
    expect(redact(text)).toBe(shown);
    expect(hasSecret([{ text }])).toBe(true);
    expect(redact(redact(text))).toBe(shown);
  });

  test.each([
    './flights.csv',
    'https://example.org/a@b',
    'http://localhost:9095/a@b',
    'postgres://me@db/x',
    'mail me@example.org',
    'Basic transformation of orders',
    `postgres://me:\${DB_PASSWORD}@db/x`,
    `postgres://\${DB_USER}@db/x`,
    `host=db password=\${DB_PASSWORD}`,
    "record.token_count > 5 && record.token == 'x'",
    '2001/01/01 01:10',
  ])('leaves %j as it is', (text) => {
    expect(redact(text)).toBe(text);
    expect(hasSecret(text)).toBe(false);
  });

  test('keeps a reference under a secret key, but not its default', () => {
    const value = { password: `\${DB_PASSWORD}`, token: `\${TOKEN:-hunter2}` };
    expect(redact(value)).toEqual({ password: `\${DB_PASSWORD}`, token: '***' });
    expect(hasSecret({ password: `\${DB_PASSWORD}` })).toBe(false);
    expect(hasSecret(value)).toBe(true);
  });

  test('keeps booleans and null, which say nothing', () => {
    const value = { password: null, token: true, secret: '' };
    expect(redact(value)).toEqual(value);
    expect(hasSecret(value)).toBe(false);
  });

  test('copies and never changes its input', () => {
    const value = { list: [{ password: 'hunter2' }] };
    redact(value);
    expect(value).toEqual({ list: [{ password: 'hunter2' }] });
  });

  test('knows errors, maps, sets, bytes, dates and cycles', () => {
    const cycle: Record<string, unknown> = { name: 'x' };
    cycle.self = cycle;
    const error = Object.assign(new Error('at redis://:hunter2@h', { cause: new Error('token=hunter2') }), {
      code: 'E',
    });
    const shown = redact({
      cycle,
      error,
      map: new Map([['password', 'hunter2']]),
      set: new Set(['https://u:hunter2@h']),
      bytes: Buffer.from('hunter2'),
      date: new Date(0),
    });
    expect(shown).toEqual({
      cycle: { name: 'x', self: '[circular]' },
      error: { name: 'Error', message: 'at redis://:***@h', code: 'E', cause: { name: 'Error', message: 'token=***' } },
      map: { password: '***' },
      set: { 0: 'https://u:***@h' },
      bytes: '[7 bytes]',
      date: new Date(0),
    });
  });

  test('a key that refuses to become a text does not stop it', () => {
    expect(redact(new Map([[{ toString: 0 }, 1]]))).toEqual({ '[object]': 1 });
  });

  test('any value is shown without a throw, and nothing is left to hide', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true }), (value) => {
        expect(hasSecret(redact({ password: value }))).toBe(hasSecret(redact({ password: redact(value) })));
        redact(value);
      }),
    );
  });

  test('is linear in a long hostile text', () => {
    for (const unit of [
      'a',
      'password',
      'https://',
      '://:',
      'a://b:',
      'a://b:c@',
      'bearer ',
      'eyJ',
      '-----BEGIN ',
      '=" ',
      'token_token-',
    ]) {
      // Quadratic work on a million characters would take hours, and ten million are more than a pattern can walk back.
      for (const length of [1_000_000, 10_000_000]) {
        expect(redact(unit.repeat(Math.ceil(length / unit.length)))).not.toBe('');
      }
    }
  });
});
