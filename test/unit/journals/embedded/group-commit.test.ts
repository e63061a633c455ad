import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { GroupCommit } from '../../../../src/journals/embedded/group-commit.ts';
import type { FlatOperations, WriteOutcome } from '../../../../src/journals/embedded/protocol.ts';

const DONE: WriteOutcome = { refused: [], unfinished: [], isSyncBound: true };

/** Commits that end when the test says so. */
function setup(maxQueuedSize = 1000) {
  const commits: {
    operations: FlatOperations;
    end(outcome?: WriteOutcome): Promise<void>;
    fail(error: Error): void;
  }[] = [];
  const group = new GroupCommit(
    (operations) =>
      new Promise((resolve, reject) => {
        const end = async (outcome = DONE) => {
          resolve(outcome);
          await nextTurn();
          await nextTurn();
        };
        commits.push({ operations, end, fail: reject });
      }),
    maxQueuedSize,
  );
  const add = (name: string, events = 1, size = 1) => group.add({ operation: [name], events, size });
  return { commits, group, add };
}

const data = { code: 'DATAFLOW_ERR_JOURNAL_CONFLICT', message: 'taken', details: {}, cause: null } as const;

describe('group commit', () => {
  test('R1, R2: sends what came in one turn together, and what comes meanwhile next, in order', async () => {
    const { commits, add } = setup();
    const first = Promise.all([add('a'), add('b')]);
    await nextTurn();
    const second = Promise.all([add('c'), add('d')]);
    await nextTurn();
    expect(commits.map(({ operations }) => operations)).toEqual([['a', 'b']]);
    await commits[0]!.end();
    await first;
    expect(commits.map(({ operations }) => operations)).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    await commits[1]!.end();
    await second;
  });

  test('R1, R2: halves what comes and has two commits on their way where syncing is the smaller part, in order', async () => {
    const { commits, add } = setup();
    const namesOf = () => commits.map(({ operations }) => operations);
    const many = (from: number) => Array.from({ length: 64 }, (_, index) => String(from + index));
    const settled: string[] = [];
    const addAll = (names: readonly string[]) =>
      Promise.all(names.map((name) => add(name).then(() => settled.push(name))));
    const first = addAll(many(0));
    await nextTurn();
    await commits[0]!.end({ ...DONE, isSyncBound: false });
    await first;
    const second = addAll(many(100));
    await nextTurn();
    expect(namesOf().slice(1)).toEqual([many(100).slice(0, 32), many(100).slice(32)]);
    const third = addAll(many(200));
    await nextTurn();
    expect(commits).toHaveLength(3);
    await commits[1]!.end({ ...DONE, isSyncBound: false });
    expect(settled).toEqual([...many(0), ...many(100).slice(0, 32)]);
    expect(namesOf().slice(3)).toEqual([many(200)]);
    // A checkpoint: it alone changes nothing.
    await commits[2]!.end();
    await second;
    const fourth = addAll(many(300));
    await nextTurn();
    expect(namesOf().slice(4)).toEqual([many(300)]);
    await commits[3]!.end();
    await third;
    const fifth = addAll(many(400));
    await nextTurn();
    // Syncing has become the larger part: one at a time again, and whole.
    expect(commits).toHaveLength(5);
    await commits[4]!.end();
    await fourth;
    expect(namesOf().slice(5)).toEqual([many(400)]);
    await commits[5]!.end();
    await fifth;
    expect(settled).toEqual([0, 100, 200, 300, 400].flatMap(many));
  });

  test('puts at most 5,000 events into a commit, and never splits a write', async () => {
    const { commits, add } = setup();
    const all = Promise.all([add('a', 3000), add('b', 2000), add('c', 1), add('d', 9000), add('e', 1)]);
    for (let index = 0; index < 4; index++) {
      await nextTurn();
      await commits[index]!.end();
    }
    await all;
    expect(commits.map(({ operations }) => operations)).toEqual([['a', 'b'], ['c'], ['d'], ['e']]);
  });

  test('R3: refuses what is beyond its bound until there is room, and takes one write of any size', async () => {
    const { commits, add } = setup(100);
    const large = add('large', 1, 500);
    await expect(add('more')).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED',
      disposition: 'retry',
      details: { queuedBytes: 500, maxQueuedBytes: 100 },
    });
    await nextTurn();
    await commits[0]!.end();
    await large;
    const next = add('next', 1, 100);
    await nextTurn();
    expect(commits[1]!.operations).toEqual(['next']);
    await commits[1]!.end();
    await next;
  });

  test('R4: rejects the refused write alone', async () => {
    const { commits, add } = setup();
    const outcomes = Promise.allSettled([add('a'), add('b'), add('c')]);
    await nextTurn();
    await commits[0]!.end({ ...DONE, refused: [{ index: 1, error: data }] });
    expect(await outcomes).toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected', reason: { code: data.code } },
      { status: 'fulfilled' },
    ]);
  });

  test('rejects all of a commit that fails, and goes on with the next', async () => {
    const { commits, add } = setup(10);
    const failing = Promise.allSettled([add('a', 1, 5), add('b', 1, 5)]);
    await nextTurn();
    const error = new Error('disk');
    commits[0]!.fail(error);
    expect(await failing).toMatchObject([{ reason: error }, { reason: error }]);
    const next = add('c', 1, 10);
    await nextTurn();
    await commits[1]!.end();
    await next;
  });

  test('sends an unfinished write again before it is settled and idle', async () => {
    const { commits, add, group } = setup();
    const settled: string[] = [];
    const deletion = add('delete').then(() => settled.push('delete'));
    const idle = group.idle().then(() => settled.push('idle'));
    await nextTurn();
    await commits[0]!.end({ ...DONE, unfinished: [0] });
    expect(settled).toEqual([]);
    expect(commits[1]!.operations).toEqual(['delete']);
    await commits[1]!.end();
    await Promise.all([deletion, idle]);
    expect(settled).toEqual(['delete', 'idle']);
    await group.idle();
  });
});
