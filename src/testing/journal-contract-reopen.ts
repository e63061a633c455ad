import assert from 'node:assert/strict';
import {
  assertRejects,
  assertSame,
  event,
  events,
  type ReopenCase,
  readAll,
  readGlobal,
  stored,
} from './journal-contract-case.ts';

/** What a journal still knows when it was closed and opened again. */
export const REOPEN_CASES: readonly ReopenCase[] = [
  {
    name: 'has everything when it is opened again',
    async run(journal, reopen) {
      await journal.append('größe 🚀', 0, [{ ...event(1, ['b', 'a', 'b']), metadata: { trace: 1 } }, event(2, [])]);
      await journal.append('a', 0, events(1, 700));
      await journal.saveSnapshot('a', { sequence: 500, state: { total: 500 }, timestamp: 5 });
      await journal.saveProjectionOffset('totals', 17);
      const before = await readGlobal(journal);
      const again = await reopen(journal);
      assertSame(await readGlobal(again), before);
      assertSame(await readAll(again, 'a'), stored(1, 700));
      assertSame(await again.keys(), ['größe 🚀', 'a']);
      assertSame(await again.latestSnapshot('a'), { sequence: 500, state: { total: 500 }, timestamp: 5 });
      assert.equal(await again.projectionOffset('totals'), 17);
      await again.append('a', 700, events(701, 701));
      const [last] = await readGlobal(again, { after: before.at(-1)!.offset });
      assert.equal(last!.sequence, 701);
    },
  },
  {
    name: 'still knows the highest sequence number and offset of what was deleted when it is opened again',
    async run(journal, reopen) {
      await journal.append('cut', 0, events(1, 10));
      await journal.append('gone', 0, events(1, 3));
      const highest = (await readGlobal(journal)).at(-1)!.offset;
      await journal.deleteEvents('cut', 4);
      await journal.deleteEvents('gone', 3);
      const again = await reopen(journal);
      assertSame(await readAll(again, 'cut'), stored(5, 10));
      assertSame([await again.highestSequence('cut'), await again.highestSequence('gone')], [10, 3]);
      assertSame(await again.keys(), ['cut', 'gone']);
      await assertRejects(again.append('gone', 0, events(1, 1)), 'DATAFLOW_ERR_JOURNAL_CONFLICT');
      await again.append('gone', 3, events(4, 4));
      assertSame(await readAll(again, 'gone'), stored(4, 4));
      assert.ok((await readGlobal(again)).at(-1)!.offset > highest);
    },
  },
  {
    name: 'settles an append of unknown outcome by the same append after it was opened again',
    async run(journal, reopen) {
      const appends = events(1, 20).map((item, index) => journal.append('key', index, [item]));
      const outcomes = Promise.allSettled(appends);
      const again = await reopen(journal);
      await outcomes;
      await again.append('key', 0, events(1, 20));
      await again.append('key', 20, events(21, 22));
      assertSame(await readAll(again, 'key'), stored(1, 22));
      await assertRejects(again.append('key', 21, [event(9)]), 'DATAFLOW_ERR_JOURNAL_CONFLICT');
    },
  },
];
