import { beforeEach, describe, expect, test } from '@jest/globals';
import { type Place, WriteTurns } from '../../../src/server/write-turns.ts';

const LIMIT = 4;
let now: number;
let turns: WriteTurns;
let givenUp: string[];

beforeEach(() => {
  now = 0;
  givenUp = [];
  turns = new WriteTurns(LIMIT, () => now);
});

function enter(name: string): Place | undefined {
  return turns.enter(() => givenUp.push(name));
}

/** What has settled when all that could go on has done so. */
async function settled<T>(promises: readonly Promise<T>[]): Promise<(T | 'waits')[]> {
  const results: (T | 'waits')[] = promises.map(() => 'waits');
  for (const [index, promise] of promises.entries()) {
    void promise.then((result) => {
      results[index] = result;
    });
  }
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  return results;
}

describe('a turn (R1, R2)', () => {
  test('two have it, the others in the order of asking', async () => {
    const places = ['a', 'b', 'c', 'd'].map((name) => enter(name)!);
    const taken = places.map((place) => turns.take(place));
    expect(await settled(taken)).toEqual([true, true, 'waits', 'waits']);
    turns.pass(places[1]!);
    turns.pass(places[1]!);
    expect(await settled(taken)).toEqual([true, true, true, 'waits']);
    const again = turns.take(places[1]!);
    turns.leave(places[0]!);
    expect(await settled([...taken, again])).toEqual([true, true, true, true, 'waits']);
    turns.leave(places[2]!);
    expect(await settled([again])).toEqual([true]);
  });

  test('is not given to an answer that has left', async () => {
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => enter(name)!);
    await Promise.all([turns.take(a!), turns.take(b!)]);
    const waiting = [turns.take(c!), turns.take(d!)];
    turns.leave(c!);
    expect(await settled(waiting)).toEqual([false, 'waits']);
    turns.leave(a!);
    expect(await settled(waiting)).toEqual([false, true]);
    expect(await turns.take(a!)).toBe(false);
  });

  test('shares one slice with the other', async () => {
    const places = ['a', 'b'].map((name) => enter(name)!);
    await Promise.all(places.map((place) => turns.take(place)));
    const order: string[] = [];
    setImmediate(() => order.push('event loop'));
    now += 4;
    await turns.pause();
    order.push('first');
    now += 2;
    await turns.pause();
    order.push('second');
    expect(order).toEqual(['first', 'event loop', 'second']);
  });
});

describe('too many (R3)', () => {
  test('are refused while none has waited long for its client', () => {
    const places = ['a', 'b', 'c', 'd'].map((name) => enter(name)!);
    turns.pass(places[0]!);
    now += 4999;
    expect(enter('e')).toBeUndefined();
    expect(givenUp).toEqual([]);
    turns.leave(places[2]!);
    expect(enter('e')).toBeDefined();
  });

  test('make the one be given up that has waited the longest', async () => {
    const [a, b, c] = ['a', 'b', 'c', 'd'].map((name) => enter(name)!);
    turns.pass(c!);
    now += 1;
    turns.pass(a!);
    turns.pass(b!);
    now += 6000;
    expect(enter('e')).toBeDefined();
    expect(await turns.take(b!)).toBe(true);
    expect(enter('f')).toBeDefined();
    expect(enter('g')).toBeUndefined();
    expect(givenUp).toEqual(['c', 'a']);
    expect(await turns.take(c!)).toBe(false);
  });
});
