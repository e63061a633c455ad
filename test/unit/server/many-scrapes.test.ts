import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Exposable } from '../../../src/server/exposed-families.ts';
import { type PrometheusServer, startPrometheusServer } from '../../../src/server/prometheus-server.ts';
import type { FamilyPoint, MetricFamily } from '../../../src/telemetry/engine/family.ts';

/** Some chunks of text, which a connection takes at once. */
const SMALL = 5_000;
/** More than the buffers of a connection hold. */
const LARGE = 400_000;

let server: PrometheusServer;
let collect: () => Promise<Exposable>;
let writing: number;
let mostWriting: number;
let clients: Socket[];

beforeEach(async () => {
  writing = 0;
  mostWriting = 0;
  clients = [];
  collect = async () => exposed(SMALL);
  server = await startPrometheusServer({ host: '127.0.0.1', port: 0, collect: () => collect() });
});

afterEach(async () => {
  for (const client of clients) client.destroy();
  await server.close();
});

/** Metrics that know how many texts are being made of them. */
function exposed(size: number): Exposable {
  const attributes = { text: 'x'.repeat(40) };
  const point: FamilyPoint = {
    series: { attributes, cache: undefined },
    startTimeMs: 0,
    value: 1,
    count: 0,
    bucket: () => 0,
    exemplar: () => undefined,
  };
  const family: MetricFamily = {
    scope: { name: 'test' },
    name: 'many',
    description: '',
    unit: '',
    valueType: 0,
    kind: 'gauge',
    hasSum: true,
    hasDistinctLabels: true,
    boundaries: [],
    size,
    *points() {
      writing += 1;
      mostWriting = Math.max(mostWriting, writing);
      for (let index = 0; index < size; index++) yield point;
      writing -= 1;
    },
  };
  return { resource: { attributes: {} }, scopeMetrics: [], families: [family] } as unknown as Exposable;
}

async function send(...requests: string[]): Promise<Socket> {
  const socket = connect(server.port, '127.0.0.1');
  clients.push(socket);
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(requests.join(''));
  return socket;
}

function get(path: string, ...headers: string[]): string {
  return `GET ${path} HTTP/1.1\r\n${['host: x', ...headers].join('\r\n')}\r\n\r\n`;
}

const LAST = 'connection: close';

async function statusesOf(socket: Socket): Promise<string[]> {
  return (await text(socket)).match(/(?<=HTTP\/1\.1 )\d+/g) ?? [];
}

describe('two texts are made at a time (R2)', () => {
  test.each(['gzip', 'identity'])('of many connections: %s', async (encoding) => {
    const sockets = await Promise.all(
      Array.from({ length: 20 }, () => send(get('/metrics', `accept-encoding: ${encoding}`, LAST))),
    );
    const statuses = await Promise.all(sockets.map(statusesOf));
    expect(statuses).toEqual(Array(20).fill(['200']));
    expect(writing).toBe(0);
    expect(mostWriting).toBeLessThanOrEqual(2);
  });

  test.each(['gzip', 'identity'])('of one connection, one: %s', async (encoding) => {
    const asked = get('/metrics', `accept-encoding: ${encoding}`);
    const socket = await send(...Array(10).fill(asked), get('/metrics', `accept-encoding: ${encoding}`, LAST));
    expect(await statusesOf(socket)).toEqual(Array(11).fill('200'));
    expect([writing, mostWriting]).toEqual([0, 1]);
  });

  test('those of clients that take nothing hold up no other', async () => {
    collect = async () => exposed(LARGE);
    await Promise.all(Array.from({ length: 4 }, () => send(get('/metrics'))));
    // Each has a turn, is behind its client, and gives the turn to the next.
    while (mostWriting < 4) await nextTurn();
    collect = async () => exposed(SMALL);
    expect(await statusesOf(await send(get('/metrics', LAST)))).toEqual(['200']);
    expect(writing).toBe(4);
  });

  test('a client that takes its text late gets all of it', async () => {
    collect = async () => exposed(LARGE);
    const late = await send(get('/metrics', LAST));
    while (writing === 0) await nextTurn();
    collect = async () => exposed(SMALL);
    expect(await statusesOf(await send(get('/metrics', LAST)))).toEqual(['200']);
    expect((await text(late)).match(/many\{/g)).toHaveLength(LARGE);
  });

  test('a client that goes away while its answer is being made leaves its turn', async () => {
    collect = async () => exposed(LARGE);
    const gone = await Promise.all([1, 2].map(() => send(get('/metrics', 'accept-encoding: gzip'))));
    while (writing < 2) await nextTurn();
    for (const socket of gone) socket.destroy();
    collect = async () => exposed(SMALL);
    expect(await statusesOf(await send(get('/metrics', LAST)))).toEqual(['200']);
  });
});

describe('too many at a time', () => {
  test('scrapes are 503 with the reason; health is not', async () => {
    let release = (_: Exposable): void => {};
    const collecting = new Promise<Exposable>((resolve) => {
      release = resolve;
    });
    let waiting = 0;
    collect = () => {
      waiting += 1;
      return collecting;
    };
    const first = await Promise.all(Array.from({ length: 500 }, () => send(get('/metrics', LAST))));
    while (waiting < 500) await nextTurn();
    expect(await text(await send(get('/metrics', LAST)))).toMatch(/^HTTP\/1\.1 503 .*\r\n\r\nToo many scrapes: 500 /s);
    expect(await statusesOf(await send(get('/-/healthy', LAST)))).toEqual(['200']);
    first.pop()!.destroy();
    release(exposed(1));
    expect(await Promise.all(first.map(statusesOf))).toEqual(Array(499).fill(['200']));
    expect(await statusesOf(await send(get('/metrics', LAST)))).toEqual(['200']);
  });

  test('requests ahead of the answers on one connection are 503, in their order', async () => {
    collect = async () => {
      // All that came with this request is read by then.
      await nextTurn();
      return exposed(1);
    };
    const ahead = Array(139).fill(get('/-/healthy'));
    const socket = await send(get('/metrics'), ...ahead, get('/-/healthy', LAST));
    const answers = await text(socket);
    expect(answers.match(/(?<=HTTP\/1\.1 )\d+/g)).toEqual(['200', ...Array(100).fill('200'), ...Array(40).fill('503')]);
    expect(answers).toMatch(/Too many requests wait on this connection/);
  });
});
