import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { EventStreamParser } from '../../../page/api/event-stream.ts';
import { reconnectDelayMs } from '../../../page/live/backoff.ts';
import { append, EMPTY_TABLE, pushed, statisticsOf, tableOf } from '../../../page/live/history.ts';
import { sparklinePath } from '../../../page/parts/sparkline-path.ts';

describe('an event stream', () => {
  const STREAM = ': beat\n\nevent: tick\ndata: {"a":1}\r\n\r\ndata: one\ndata: two\nid: 7\n\nevent: empty\n\n';
  const MESSAGES = [
    { event: 'tick', data: '{"a":1}' },
    { event: 'message', data: 'one\ntwo' },
  ];

  test('is cut into messages, comments left out', () => {
    expect(new EventStreamParser().push(STREAM)).toEqual(MESSAGES);
  });

  test('is the same however it is cut in pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: STREAM.length }), { maxLength: 12 }), (cuts) => {
        const parser = new EventStreamParser();
        const edges = [0, ...cuts.sort((a, b) => a - b), STREAM.length];
        const messages = edges.slice(1).flatMap((end, index) => parser.push(STREAM.slice(edges[index], end)));
        expect(messages).toEqual(MESSAGES);
      }),
    );
  });
});

describe('history', () => {
  const table = (times: readonly number[], a: readonly (number | null)[], weight = 1) => ({
    times,
    columns: { a },
    slotSeconds: 10,
    weight,
  });

  test('comes from the columns of the answer', () => {
    expect(tableOf({ intervalSeconds: 10, times: [1], a: [2] })).toEqual(table([1], [2]));
    expect(tableOf({ intervalSeconds: 10, times: [], a: [] })).toEqual(table([], [], 0));
  });

  test('takes one more point', () => {
    expect(append(table([1], [10]), { time: 12, a: 11 })).toEqual(table([1, 12], [10, 11]));
    expect(append(EMPTY_TABLE, { time: 2, a: 11 })).toEqual(table([2], [11]));
  });

  test('is the mean of the points of a slot', () => {
    const first = append(table([1, 12], [10, 20]), { time: 13, a: 40 });
    expect(first).toEqual(table([1, 13], [10, 30], 2));
    expect(append(first, { time: 19, a: 0 })).toEqual(table([1, 19], [10, 20], 3));
    expect(append(first, { time: 19, a: null })).toEqual(table([1, 19], [10, 30], 3));
  });

  test('drops a point that comes late', () => {
    expect(append(table([1, 12], [10, 11]), { time: 11, a: 12 })).toEqual(table([1, 12], [10, 11]));
  });

  test('fills what was not there before and what is not there any more', () => {
    expect(append(table([1], [10]), { time: 12, b: 5 }).columns).toEqual({ a: [10, null], b: [null, 5] });
  });

  test('is an hour long, its columns as long as its times', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 900 }), { maxLength: 60 }), (steps) => {
        let [grown, time] = [EMPTY_TABLE, 0];
        for (const step of steps) {
          time += step;
          grown = append(grown, { time, a: step });
        }
        const { times, columns } = grown;
        expect(columns.a?.length ?? 0).toBe(times.length);
        expect(new Set(times.map((at) => Math.floor(at / 10))).size).toBe(times.length);
        expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeLessThanOrEqual(3600);
        if (steps.length > 0) expect(times.at(-1)).toBe(time);
      }),
    );
  });

  test('has statistics that leave out what is not known', () => {
    expect(statisticsOf([null, 1, 5, null])).toEqual({ last: null, minimum: 1, maximum: 5, mean: 3 });
    expect(statisticsOf([])).toEqual({ last: null, minimum: null, maximum: null, mean: null });
  });

  test('keeps the newest values', () => {
    expect(pushed([1, 2, 3], 4, 3)).toEqual([2, 3, 4]);
    expect(pushed([], null, 3)).toEqual([null]);
  });
});

test('a sparkline leaves gaps and stays inside its box', () => {
  expect(sparklinePath([0, 10, null, 5], 30, 13)).toBe('M0 11.5L10 1.5M30 6.5');
  expect(sparklinePath([], 30, 13)).toBe('');
  expect(sparklinePath([0, 0], 30, 13)).toBe('M0 11.5L30 11.5');
});

test('attempts to connect get rarer up to ten seconds', () => {
  const delays = [0, 1, 2, 3, 4, 5, 100].map((attempt) => reconnectDelayMs(attempt, () => 0.5));
  expect(delays).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  expect(reconnectDelayMs(0, () => 0)).toBe(400);
});
