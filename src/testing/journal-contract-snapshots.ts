import assert from 'node:assert/strict';
import type { Snapshot } from '../runtime/journal.ts';
import { assertRejects, assertSame, type ContractCase, events, readAll, stored } from './journal-contract-case.ts';

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
    name: 'finds the newest snapshot of those up to a time',
    async run(journal) {
      for (const sequence of [100, 200, 300]) await journal.saveSnapshot('key', snapshot(sequence));
      // Saved late by a clock that was set back: the sequence number decides which is newer.
      await journal.saveSnapshot('key', { ...snapshot(400), timestamp: 1150 });
      const at = async (maxTimestamp: number, maxSequence?: number) =>
        (await journal.latestSnapshot('key', { maxTimestamp, ...(maxSequence !== undefined && { maxSequence }) }))
          ?.sequence;
      assertSame([await at(1200), await at(1150), await at(1149), await at(1100)], [400, 400, 100, 100]);
      assertSame([await at(1299, 399), await at(1300, 399), await at(1150, 399)], [200, 300, 100]);
      assert.equal(await at(1099), undefined);
      assert.equal(await at(1300, 99), undefined);
      assert.equal(await at(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY), 400);
    },
  },
  {
    name: 'deletes the snapshots that are selected by sequence number and time, of one key',
    async run(journal) {
      for (const sequence of [100, 200, 300, 400]) await journal.saveSnapshot('key', snapshot(sequence));
      await journal.saveSnapshot('other', snapshot(100));
      await journal.append('key', 0, events(1, 2));
      await journal.deleteSnapshots('key', { maxSequence: 99 });
      await journal.deleteSnapshots('key', { maxSequence: 400, maxTimestamp: 1100 });
      assert.equal(await journal.latestSnapshot('key', { maxSequence: 199 }), undefined);
      assertSame(await journal.latestSnapshot('key', { maxSequence: 299 }), snapshot(200));
      await journal.deleteSnapshots('key', { maxTimestamp: 1300 });
      assert.equal(await journal.latestSnapshot('key', { maxSequence: 399 }), undefined);
      assertSame(await journal.latestSnapshot('key'), snapshot(400));
      await journal.deleteSnapshots('key');
      await journal.deleteSnapshots('none');
      assert.equal(await journal.latestSnapshot('key'), undefined);
      assertSame(await journal.latestSnapshot('other'), snapshot(100));
      assertSame(await readAll(journal, 'key'), stored(1, 2));
    },
  },
  {
    name: 'stores a snapshot of 5 MB',
    async run(journal) {
      const text = 'größe🚀'.repeat(500_000);
      await journal.saveSnapshot('key', { sequence: 1, state: { text }, timestamp: 1 });
      const { state } = (await journal.latestSnapshot('key'))!;
      assert.ok((state as { text: string }).text === text, 'another text came back');
    },
  },
  {
    name: 'takes concurrent snapshots and keeps those of each key apart',
    async run(journal) {
      const keys = Array.from({ length: 50 }, (_, index) => `größe-${index}`);
      await Promise.all(
        keys.flatMap((key) => [300, 100, 200].map((sequence) => journal.saveSnapshot(key, snapshot(sequence, key)))),
      );
      await Promise.all(keys.map((key) => journal.pruneSnapshots(key, 2)));
      for (const key of keys) {
        assertSame(await journal.latestSnapshot(key), snapshot(300, key));
        assert.equal(await journal.latestSnapshot(key, { maxSequence: 199 }), undefined);
      }
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
      await assertRejects(journal.latestSnapshot('key', { maxSequence: Number.NaN }), code);
      await assertRejects(journal.deleteSnapshots('key', { maxTimestamp: Number.NaN }), code);
    },
  },
];
