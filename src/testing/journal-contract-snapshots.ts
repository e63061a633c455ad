import assert from 'node:assert/strict';
import type { Snapshot } from '../runtime/journal.ts';
import { assertRejects, assertSame, type ContractCase } from './journal-contract-case.ts';

function snapshot(sequence: number, text = 'state'): Snapshot {
  return { sequence, state: { text, sequence, list: [null, true, 1.5] }, timestamp: 1000 + sequence };
}

export const SNAPSHOT_CASES: readonly ContractCase[] = [
  {
    name: 'finds the newest snapshot, at most at a sequence number',
    async run(journal) {
      assert.equal(await journal.latestSnapshot('key'), undefined);
      for (const sequence of [200, 100, 300]) await journal.saveSnapshot('key', snapshot(sequence));
      await journal.saveSnapshot('other', snapshot(999));
      assertSame(await journal.latestSnapshot('key'), snapshot(300));
      assertSame(await journal.latestSnapshot('key', { maxSequence: 300 }), snapshot(300));
      assertSame(await journal.latestSnapshot('key', { maxSequence: 299 }), snapshot(200));
      assert.equal(await journal.latestSnapshot('key', { maxSequence: 99 }), undefined);
    },
  },
  {
    name: 'overwrites a snapshot of the same sequence number',
    async run(journal) {
      await journal.saveSnapshot('key', snapshot(100, 'old'));
      await journal.saveSnapshot('key', snapshot(100, 'new'));
      assertSame(await journal.latestSnapshot('key'), snapshot(100, 'new'));
      await journal.pruneSnapshots('key', 1);
      assertSame(await journal.latestSnapshot('key'), snapshot(100, 'new'));
    },
  },
  {
    name: 'prunes all but the newest snapshots of one key',
    async run(journal) {
      for (const sequence of [100, 200, 300, 400]) await journal.saveSnapshot('key', snapshot(sequence));
      await journal.saveSnapshot('other', snapshot(50));
      await journal.pruneSnapshots('key', 2);
      assertSame(await journal.latestSnapshot('key'), snapshot(400));
      assertSame(await journal.latestSnapshot('key', { maxSequence: 399 }), snapshot(300));
      assert.equal(await journal.latestSnapshot('key', { maxSequence: 299 }), undefined);
      await journal.pruneSnapshots('key', 0);
      assert.equal(await journal.latestSnapshot('key'), undefined);
      assertSame(await journal.latestSnapshot('other'), snapshot(50));
    },
  },
  {
    name: 'keeps a snapshot as it was when it was saved',
    async run(journal) {
      const state = { list: [1] };
      const saved = journal.saveSnapshot('key', { sequence: 1, state, timestamp: 1 });
      state.list.push(2);
      await saved;
      assertSame((await journal.latestSnapshot('key'))?.state, { list: [1] });
    },
  },
  {
    name: 'refuses a snapshot that it could not give back',
    async run(journal) {
      const code = 'DATAFLOW_ERR_JOURNAL_INPUT_INVALID';
      for (const bad of [
        { sequence: -1 },
        { sequence: 1.5 },
        { timestamp: Number.NaN },
        { state: 1n },
        { state: undefined },
      ]) {
        await assertRejects(journal.saveSnapshot('key', { ...snapshot(1), ...bad } as never), code);
      }
      await assertRejects(journal.saveSnapshot('', snapshot(1)), code);
      await assertRejects(journal.pruneSnapshots('key', -1), code);
    },
  },
];
