import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { Clock } from '../../../src/runtime/clock.ts';
import { countPoints } from '../../../src/telemetry/otlp/export-parts.ts';
import { ExportQueue } from '../../../src/telemetry/otlp/export-queue.ts';
import type { Delivery, OtlpSender } from '../../../src/telemetry/otlp/otlp-sender.ts';
import { exportOf } from '../../support/export-of.ts';

const TAKEN: Delivery = { status: 'taken' };
const FAILED: Delivery = { status: 'failed', reason: 'down' };

/** A backend that answers when the test says so. */
class Backend implements OtlpSender {
  readonly sent: ResourceMetrics[] = [];
  readonly timeouts: number[] = [];
  closed = 0;
  #answer: ((delivery: Delivery) => void) | undefined;

  send(metrics: ResourceMetrics, timeoutMs: number): Promise<Delivery> {
    this.sent.push(metrics);
    this.timeouts.push(timeoutMs);
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  async answer(delivery: Delivery): Promise<void> {
    while (this.#answer === undefined) await new Promise((resolve) => setImmediate(resolve));
    const answer = this.#answer;
    this.#answer = undefined;
    answer(delivery);
    await new Promise((resolve) => setImmediate(resolve));
  }

  close(): void {
    this.closed += 1;
  }
}

const waits: { callback: () => void; delayMs: number; unref: boolean }[] = [];
const clock: Clock = {
  now: () => 0,
  monotonic: () => 0,
  setTimeout(callback, delayMs, options) {
    const wait = { callback, delayMs, unref: options?.unref === true };
    waits.push(wait);
    return { cancel: () => void waits.splice(waits.indexOf(wait), waits.includes(wait) ? 1 : 0) };
  },
};

function metricsOf(points: number): ResourceMetrics {
  return {
    resource: {},
    scopeMetrics: [{ metrics: [{ dataPoints: new Array(points).fill({}) }] }],
  } as unknown as ResourceMetrics;
}

let backend: Backend;
let warn: jest.SpiedFunction<typeof process.emitWarning>;

function queue(holdsChanges: boolean): ExportQueue {
  return new ExportQueue({
    open: async () => backend,
    timeoutMs: 10_000,
    target: 'http://backend',
    holdsChanges,
    clock,
  });
}

beforeEach(() => {
  backend = new Backend();
  waits.length = 0;
  warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
});
afterEach(() => {
  jest.restoreAllMocks();
});

test('one at a time and in order; a failure is sent again after waits that double up to half a minute (R1, R3, R5)', async () => {
  const exports = queue(false);
  const [first, second] = [metricsOf(1), metricsOf(1)];
  exports.add(first);
  exports.add(second);
  const delays: number[] = [];
  for (let failure = 0; failure < 8; failure++) {
    await backend.answer(FAILED);
    const [wait] = waits.splice(0);
    expect(wait?.unref).toBe(true);
    delays.push(wait?.delayMs ?? 0);
    wait?.callback();
  }
  for (const [index, most] of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000].entries()) {
    expect(delays[index]).toBeGreaterThanOrEqual(most * 0.75);
    expect(delays[index]).toBeLessThanOrEqual(most);
  }
  await backend.answer(TAKEN);
  await backend.answer(TAKEN);
  expect(backend.sent).toHaveLength(10);
  expect(backend.sent.slice(0, 9).every((sent) => sent === first)).toBe(true);
  expect(backend.sent[9]).toBe(second);
  expect(exports.size).toBe(0);
  expect(warn).toHaveBeenCalledTimes(1);
});

test('cumulative: the newest stay when there are too many exports or points (R2)', async () => {
  const exports = queue(false);
  const many = Array.from({ length: 100 }, () => metricsOf(1));
  for (const one of many) exports.add(one);
  expect([exports.size, exports.isFull]).toEqual([32, false]);
  const big = metricsOf(500_000);
  exports.add(big);
  expect(exports.size).toBe(1);
  for (let part = 0; part < 64; part++) await backend.answer(TAKEN);
  expect(backend.sent[0]).toBe(many[0]);
  const sent = backend.sent.slice(1).map(countPoints);
  expect([sent.reduce((sum, points) => sum + points, 0), Math.max(...sent), exports.size]).toEqual([500_000, 8000, 0]);
});

test('changes: nothing is pushed out, the queue says that it is full (R2)', async () => {
  const exports = queue(true);
  for (let index = 0; index < 32; index++) exports.add(metricsOf(1));
  expect([exports.size, exports.isFull]).toEqual([32, true]);
  await backend.answer(TAKEN);
  expect([exports.size, exports.isFull]).toEqual([31, false]);
  exports.add(metricsOf(200_001));
  expect(exports.isFull).toBe(true);
});

test('a refusal is final, and the next export goes out (R3)', async () => {
  const exports = queue(true);
  const [bad, good] = [metricsOf(1), metricsOf(1)];
  exports.add(bad);
  exports.add(good);
  await backend.answer({ status: 'refused', reason: 'HTTP 400' });
  await backend.answer(TAKEN);
  expect([backend.sent[0] === bad, backend.sent[1] === good, backend.sent.length]).toEqual([true, true, 2]);
  expect([exports.size, waits.length]).toEqual([0, 0]);
  expect(String(warn.mock.calls[0]?.[0])).toContain('HTTP 400');
});

test('what was taken in part is not sent again, and said once (R3)', async () => {
  const exports = queue(true);
  for (let index = 0; index < 2; index++) exports.add(metricsOf(1));
  const partial = '3 data points were rejected: too old, password=hunter2';
  await backend.answer({ status: 'taken', partial });
  await backend.answer({ status: 'taken', partial });
  expect([backend.sent.length, exports.size]).toEqual([2, 0]);
  expect(warn).toHaveBeenCalledTimes(1);
  expect(String(warn.mock.calls[0]?.[0])).toContain('3 data points were rejected: too old');
  expect(String(warn.mock.calls[0]?.[0])).not.toContain('hunter2');
});

test.each([
  ['seconds', 7000, 7000],
  ['more than the longest wait of its own', 120_000, 120_000],
  ['days', 1e9, 600_000],
])('the pause that the backend asks for is kept: %s (R3)', async (_name, retryAfterMs, expected) => {
  const exports = queue(true);
  exports.add(metricsOf(1));
  await backend.answer({ ...FAILED, retryAfterMs });
  expect(waits.map(({ delayMs, unref }) => [delayMs, unref])).toEqual([[expected, true]]);
});

test('a backend that asks for no pause gets a short one all the same (R3)', async () => {
  const exports = queue(true);
  exports.add(metricsOf(1));
  await backend.answer({ ...FAILED, retryAfterMs: 0 });
  expect(waits[0]?.delayMs).toBeGreaterThanOrEqual(750);
});

test('a sender that cannot be opened is opened again, a secret in the reason stays hidden (R3)', async () => {
  let opened = 0;
  const open = async (): Promise<OtlpSender> => {
    opened += 1;
    if (opened === 1) throw new Error('no such file, token=abcdefgh12345678');
    return backend;
  };
  const exports = new ExportQueue({ open, timeoutMs: 10_000, target: 'http://backend', holdsChanges: true, clock });
  exports.add(metricsOf(1));
  while (waits.length === 0) await new Promise((resolve) => setImmediate(resolve));
  waits.splice(0)[0]?.callback();
  await backend.answer(TAKEN);
  expect([opened, exports.size]).toEqual([2, 0]);
  expect(String(warn.mock.calls[0]?.[0])).toMatch(/no such file/);
  expect(JSON.stringify(warn.mock.calls)).not.toContain('abcdefgh12345678');
});

test('closing ends a wait, sends once more, and gives up at the first failure (R5)', async () => {
  const exports = queue(true);
  exports.add(metricsOf(1));
  await backend.answer(FAILED);
  expect(waits).toHaveLength(1);
  exports.beginClosing(100);
  const closing = exports.close(100);
  await backend.answer({ status: 'failed', reason: 'Bearer abcdefgh12345678 is down' });
  await closing;
  expect(backend.sent).toHaveLength(2);
  expect(backend.timeouts).toEqual([10_000, 100]);
  expect([exports.size, backend.closed]).toEqual([0, 1]);
  expect(String(warn.mock.calls.at(-1)?.[0])).toContain('1 export of metrics did not reach http://backend');
  expect(JSON.stringify(warn.mock.calls)).not.toContain('abcdefgh12345678');
});

test('closing does not wait longer than it may for a backend that is silent (R5)', async () => {
  const exports = queue(true);
  exports.add(metricsOf(1));
  exports.beginClosing(100);
  const closing = exports.close(100);
  await new Promise((resolve) => setImmediate(resolve));
  waits.find(({ delayMs }) => delayMs === 100)?.callback();
  await closing;
  expect(backend.closed).toBe(1);
  const said = warn.mock.calls.length;
  // What ends with the closed connection is no outage that anyone must hear of.
  await backend.answer(FAILED);
  expect(warn).toHaveBeenCalledTimes(said);
});

test('what comes after the end is not sent (R5)', async () => {
  const exports = queue(true);
  exports.beginClosing(100);
  await exports.close(100);
  exports.add(metricsOf(1));
  await new Promise((resolve) => setImmediate(resolve));
  expect([exports.size, backend.sent.length]).toEqual([0, 0]);
});

test('refusals do not lengthen the wait after a failure (R4)', async () => {
  const exports = queue(true);
  for (let index = 0; index < 9; index++) exports.add(metricsOf(1));
  for (let index = 0; index < 8; index++) await backend.answer({ status: 'refused', reason: 'HTTP 400' });
  await backend.answer(FAILED);
  expect(waits[0]?.delayMs).toBeLessThanOrEqual(1000);
});

test('each kind of trouble is said once until an export is taken, and not without end (R4)', async () => {
  const exports = queue(true);
  const fail = async (...reasons: string[]): Promise<void> => {
    for (const reason of reasons) {
      await backend.answer({ status: 'failed', reason });
      waits.splice(0)[0]?.callback();
    }
  };
  for (let index = 0; index < 4; index++) exports.add(metricsOf(1));
  await fail('HTTP 503 a', 'HTTP 503 b', 'connection refused');
  await backend.answer({ status: 'refused', reason: 'HTTP 401' });
  await backend.answer({ status: 'refused', reason: 'HTTP 401' });
  expect(warn).toHaveBeenCalledTimes(3);
  expect(String(warn.mock.calls[2]?.[0])).toContain('HTTP 401. The backend refuses them');
  await fail(...Array.from({ length: 100 }, (_, index) => `HTTP ${500 + index}`));
  expect(warn).toHaveBeenCalledTimes(5);
  await backend.answer(TAKEN);
  await fail('HTTP 503');
  expect(warn).toHaveBeenCalledTimes(6);
});

test('each part of an export is tried again or given up for itself, and none is sent twice (R3)', async () => {
  const exports = queue(true);
  exports.add(exportOf(20_000));
  const ids = (index: number): unknown[] =>
    backend.sent[index]!.scopeMetrics.flatMap(({ metrics }) =>
      metrics.flatMap(({ dataPoints }) => dataPoints.map(({ attributes }) => attributes.id)),
    );
  await backend.answer(TAKEN);
  await backend.answer(FAILED);
  waits.splice(0)[0]?.callback();
  await backend.answer({ status: 'large', reason: 'HTTP 413' });
  await backend.answer({ status: 'refused', reason: 'HTTP 400' });
  await backend.answer(TAKEN);
  await backend.answer(TAKEN);
  expect(backend.sent.map(countPoints)).toEqual([8000, 8000, 8000, 4000, 4000, 4000]);
  expect([...ids(0), ...ids(3), ...ids(4), ...ids(5)]).toEqual(
    Array.from({ length: 20_000 }, (_, index) => String(index)),
  );
  expect([exports.size, exports.isFull]).toEqual([0, false]);
  exports.add(metricsOf(200_001));
  expect(exports.isFull).toBe(true);
  await backend.answer(TAKEN);
  expect(exports.isFull).toBe(false);
});
