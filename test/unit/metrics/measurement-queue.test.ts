import { beforeEach, expect, test } from '@jest/globals';
import { type Measured, MeasurementQueue, NOTHING_WAITS } from '../../../src/metrics/measurement-queue.ts';

let taken: [string, ...number[]][];
let mayWait: boolean;
let queue: MeasurementQueue;

function measuring(width: Measured['width'], prefix = ''): Measured {
  return { width, take: (name, values, at) => taken.push([prefix + name, ...values.slice(at, at + width)]) };
}
const measured = measuring(5);

beforeEach(() => {
  taken = [];
  mayWait = true;
  queue = new MeasurementQueue(() => mayWait);
});

test('what waits is recorded once, in its order (R1)', () => {
  queue.add(measured, 'a', 1, 2, 3, 4, 5);
  queue.add(measuring(1, 'one '), 'b', 2);
  queue.add(measured, 'b', 2, 3);
  queue.add(measured, '', 3);
  expect(taken).toEqual([]);
  queue.drain();
  queue.drain();
  expect(taken).toEqual([
    ['a', 1, 2, 3, 4, 5],
    ['one b', 2],
    ['b', 2, 3, 0, 0, 0],
    ['', 3, 0, 0, 0, 0],
  ]);
});

test('it holds no more than a thousand or so, and loses none of them', () => {
  for (let number = 0; number < 10_000; number++) {
    queue.add(measured, `n${number}`, number, number / 2);
    expect(number + 1 - taken.length).toBeLessThanOrEqual(1024);
  }
  queue.drain();
  expect(taken).toEqual(Array.from({ length: 10_000 }, (_, number) => [`n${number}`, number, number / 2, 0, 0, 0]));
});

test('what may not wait comes behind what waits (R1)', () => {
  queue.add(measured, 'a', 1);
  mayWait = false;
  queue.add(measured, 'b', 2, 3);
  expect(taken).toEqual([
    ['a', 1, 0, 0, 0, 0],
    ['b', 2, 3, 0, 0, 0],
  ]);
  NOTHING_WAITS.add(measured, 'c', 4);
  expect(taken.at(-1)).toEqual(['c', 4, 0, 0, 0, 0]);
});

test('to drain while it is drained records nothing twice', () => {
  const again: Measured = {
    width: 5,
    take: (name, values, at) => {
      measured.take(name, values, at);
      queue.drain();
    },
  };
  queue.add(again, 'a', 1);
  queue.add(measured, 'b', 2);
  queue.drain();
  expect(taken.map(([name]) => name)).toEqual(['a', 'b']);
});
