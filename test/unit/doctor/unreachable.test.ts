import type { RequestListener } from 'node:http';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { examined, withStatus } from '../../support/doctor.ts';
import { closedPort, serve, serveSockets } from '../../support/odd-server.ts';

const TEXT = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' };

async function reachable(url: string, options = {}) {
  const checks = await examined(url, options);
  expect(withStatus(checks, 'ok', 'warning')).toEqual([]);
  expect(withStatus(checks, 'failed')).toEqual(['reachable']);
  expect(withStatus(checks, 'skipped')).toEqual(expect.arrayContaining(['health', 'parses', 'names', 'process']));
  const { seen, remedy } = checks.get('reachable')!;
  return { seen, remedy };
}

describe('no answer', () => {
  test('nothing listens', async () => {
    const { seen, remedy } = await reachable(`http://127.0.0.1:${await closedPort()}/metrics`);
    expect(seen).toMatch(/^nothing listens at 127\.0\.0\.1:\d+ \(ECONNREFUSED/);
    expect(remedy).toMatch(/start the platform.*--url/);
  });

  test('an unknown host', async () => {
    const { seen, remedy } = await reachable('http://no-such-host.invalid:9095/metrics');
    expect(seen).toMatch(/no-such-host\.invalid cannot be resolved \((?:ENOTFOUND|EAI_AGAIN)/);
    expect(remedy).toMatch(/spelling/);
  });

  test('no answer within the timeout', async () => {
    const url = await serve(() => {});
    const { seen, remedy } = await reachable(`${url}/metrics`, { timeoutMs: 200 });
    expect(seen).toMatch(/did not answer completely: nothing within 0\.2 s/);
    expect(remedy).toMatch(/stuck.*firewall.*--timeout/);
  });

  test('a body that never ends', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, TEXT).write('a 1\n');
    });
    expect((await reachable(`${url}/metrics`, { timeoutMs: 200 })).seen).toMatch(/nothing within/);
  });

  test('a connection that is closed at once', async () => {
    const port = await serveSockets((socket) => socket.once('data', () => socket.destroy()));
    const { seen, remedy } = await reachable(`http://127.0.0.1:${port}/metrics`);
    expect(seen).toMatch(/closed the connection/);
    expect(remedy).toMatch(/https:\/\//);
  });

  test('a body that is cut off', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { ...TEXT, 'content-length': 100 }).write('a 1\n', () => response.destroy());
    });
    expect((await reachable(`${url}/metrics`)).seen).toMatch(/closed the connection/);
  });

  test('not HTTP', async () => {
    const port = await serveSockets((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    const { seen, remedy } = await reachable(`http://127.0.0.1:${port}/metrics`);
    expect(seen).toMatch(/does not answer in HTTP \(HPE_/);
    expect(remedy).toMatch(/check the port/);
  });

  test('gzip that is none', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { ...TEXT, 'content-encoding': 'gzip' }).end('plain');
    });
    expect((await reachable(`${url}/metrics`)).seen).toMatch(/\(Z_DATA_ERROR/);
  });

  test('HTTPS asked of what serves HTTP', async () => {
    const url = (await serve((_request, response) => response.end())).replace('http:', 'https:');
    const { seen, remedy } = await reachable(`${url}/metrics`);
    expect(seen).toMatch(/the TLS connection to .* failed/);
    expect(remedy).toMatch(/write http:\/\//);
  });

  test('more than the limit, packed or not', async () => {
    const body = Buffer.from('a 1\n'.repeat(10_000));
    const url = await serve((request, response) => {
      const isPacked = request.url === '/packed';
      response.writeHead(200, isPacked ? { ...TEXT, 'content-encoding': 'gzip' } : TEXT);
      response.end(isPacked ? gzipSync(body) : body);
    });
    for (const path of ['/plain', '/packed']) {
      const { seen, remedy } = await reachable(url + path, { maxBytes: 10_000 });
      expect(seen).toMatch(/too large to be read \(more than 10000 bytes\)/);
      expect(remedy).toMatch(/metrics\.filter/);
    }
  });
});

const answer =
  (status: number, body = '', headers: Record<string, string> = TEXT): RequestListener =>
  (_request, response) => {
    response.writeHead(status, headers).end(body);
  };

describe('another answer', () => {
  test.each([
    [
      '301',
      answer(301, '', { location: 'https://example.test/metrics' }),
      /redirects to https:\/\/example\.test\/metrics/,
      /the address it leads to/,
    ],
    ['401', answer(401, 'no\n'), /answered 401: no/, /--token or --user/],
    ['403', answer(403), /answered 403/, /--token or --user/],
    ['404', answer(404, 'Not found.'), /answered 404: Not found/, /under \/metrics/],
    ['429', answer(429), /answered 429/, /check that the address/],
    ['500', answer(500, '<html><body>boom</body></html>'), /answered 500$/, /log says why/],
    [
      '503',
      answer(503, 'The metrics could not be collected: it took longer\nmore'),
      /503: The metrics could not be collected: it took longer$/,
      /log say why/,
    ],
    ['a page', answer(200, '<!DOCTYPE html><html></html>'), /answers with a web page/, /check port and path/],
    [
      'a page by its type',
      answer(200, 'hello', { 'content-type': 'text/html' }),
      /answers with a web page/,
      /port 9095/,
    ],
    ['JSON', answer(200, '{"status":"ok"}', { 'content-type': 'application/json' }), /answers with JSON/, /port 9095/],
    ['nothing', answer(200), /answers with nothing/, /port 9095/],
  ] as const)('%s', async (_what, handler, seen, remedy) => {
    const found = await reachable(`${await serve(handler)}/metrics`);
    expect(found.seen).toMatch(seen);
    expect(found.remedy).toMatch(remedy);
  });

  test('credentials that are refused, and they are not shown', async () => {
    const url = await serve((request, response) => {
      response.writeHead(401, TEXT).end(`not welcome: ${request.headers.authorization}`);
    });
    const { seen, remedy } = await reachable(`${url}/metrics`, { token: 's3cr3t' });
    expect(remedy).toMatch(/compare them/);
    expect(seen).toMatch(/not welcome: .*\*\*\*/);
    expect(seen).not.toContain('s3cr3t');
  });

  test('what a terminal would obey is not shown', async () => {
    const url = await serve(answer(503, '\u001b[2Jgone\u0007'));
    expect((await reachable(`${url}/metrics`)).seen).toMatch(/503: {1,2}\[2Jgone$/);
  });
});
