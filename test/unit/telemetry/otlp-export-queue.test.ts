import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import type { PushMetricExporter, ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { Clock } from '../../../src/runtime/clock.ts';
import { ExportQueue } from '../../../src/telemetry/otlp/export-queue.ts';

/** A backend that answers when the test says so. */
class Backend implements PushMetricExporter {
  readonly sent: ResourceMetrics[] = [];
  #answer: ((error?: Error) => void) | undefined;

  export(metrics: ResourceMetrics, done: Parameters<PushMetricExporter['export']>[1]): void {
    this.sent.push(metrics);
    this.#answer = (error) => done(error === undefined ? { code: 0 } : { code: 1, error });
  }

  async answer(error?: Error): Promise<void> {
    while (this.#answer === undefined) await new Promise((resolve) => setImmediate(resolve));
    const answer = this.#answer;
    this.#answer = undefined;
    answer(error);
    await new Promise((resolve) => setImmediate(resolve));
  }

  async forceFlush(): Promise<void> {}
  async shutdown(): Promise<void> {}
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
    scopeMetrics: [{ metrics: [{ dataPoints: { length: points } }] }],
  } as unknown as ResourceMetrics;
}

let backend: Backend;
let warn: jest.SpiedFunction<typeof process.emitWarning>;

function queue(holdsChanges: boolean): ExportQueue {
  return new ExportQueue({ open: async () => backend, target: 'http://backend', holdsChanges, clock });
}

beforeEach(() => {
  backend = new Backend();
  waits.length = 0;
  warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
});
afterEach(() => {
  jest.restoreAllMocks();
});

test('one at a time and in order; a failure is sent again after waits that double up to half a minute (R1, R3, R4)', async () => {
  const exports = queue(false);
  const [first, second] = [metricsOf(1), metricsOf(1)];
  exports.add(first);
  exports.add(second);
  const delays: number[] = [];
  for (let failure = 0; failure < 8; failure++) {
    await backend.answer(new Error('down'));
    const [wait] = waits.splice(0);
    expect(wait?.unref).toBe(true);
    delays.push(wait?.delayMs ?? 0);
    wait?.callback();
  }
  for (const [index, most] of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000].entries()) {
    expect(delays[index]).toBeGreaterThanOrEqual(most * 0.75);
    expect(delays[index]).toBeLessThanOrEqual(most);
  }
  await backend.answer();
  await backend.answer();
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
  await backend.answer();
  await backend.answer();
  expect(backend.sent).toEqual([many[0], big]);
  expect(backend.sent[1]).toBe(big);
});

test('changes: nothing is pushed out, the queue says that it is full (R2)', async () => {
  const exports = queue(true);
  for (let index = 0; index < 32; index++) exports.add(metricsOf(1));
  expect([exports.size, exports.isFull]).toEqual([32, true]);
  await backend.answer();
  expect([exports.size, exports.isFull]).toEqual([31, false]);
  exports.add(metricsOf(200_001));
  expect(exports.isFull).toBe(true);
});

test.each([
  ['400', true],
  ['500', true],
  ['3', true],
  ['16', true],
  ['14', false],
  ['4', false],
  ['CONNECTION_ECONNREFUSED', false],
])('an error of code %s is final: %p (R3)', async (text, isFinal) => {
  const exports = queue(true);
  exports.add(metricsOf(1));
  const code = /^\d+$/.test(text) ? Number(text) : text;
  await backend.answer(Object.assign(new Error('no'), { code }));
  expect(exports.size).toBe(isFinal ? 0 : 1);
});

test('closing ends a wait, sends once more, and gives up at the first failure (R4)', async () => {
  const exports = queue(true);
  exports.add(metricsOf(1));
  await backend.answer(new Error('down'));
  expect(waits).toHaveLength(1);
  exports.beginClosing(100);
  const closing = exports.close(100);
  await backend.answer(new Error('Bearer abcdefgh12345678 is down'));
  await closing;
  expect(backend.sent).toHaveLength(2);
  expect(exports.size).toBe(0);
  expect(String(warn.mock.calls.at(-1)?.[0])).toContain('1 exports of metrics did not reach http://backend');
  expect(JSON.stringify(warn.mock.calls)).not.toContain('abcdefgh12345678');
});

test('closing does not wait longer than it may for a backend that is silent (R4)', async () => {
  const exports = queue(true);
  exports.add(metricsOf(1));
  exports.beginClosing(100);
  const closing = exports.close(100);
  await new Promise((resolve) => setImmediate(resolve));
  waits.find(({ delayMs }) => delayMs === 100)?.callback();
  await closing;
});
