import assert from 'node:assert/strict';
import { assertRejects, type ContractCase, event, events, readAll, readGlobal } from './journal-contract-case.ts';

export const LIFE_CASES: readonly ContractCase[] = [
  {
    name: 'settles what is in flight before it closes, and closes once',
    async run(journal) {
      const appends = events(1, 20).map((item, index) => journal.append('key', index, [item]));
      const closing = journal.close();
      const outcomes = await Promise.allSettled(appends);
      assert.ok(outcomes.every(({ status }) => status === 'fulfilled'));
      await closing;
      await journal.close();
    },
  },
  {
    name: 'refuses every use after close',
    async run(journal) {
      await journal.append('key', 0, [event(1)]);
      await journal.close();
      const uses = [
        () => journal.append('key', 1, [event(2)]),
        () => readAll(journal, 'key'),
        () => journal.highestSequence('key'),
        () => journal.deleteEvents('key', 1),
        () => journal.keys(),
        () => journal.saveSnapshot('key', { sequence: 1, state: null, timestamp: 1 }),
        () => journal.latestSnapshot('key'),
        () => journal.pruneSnapshots('key', 1),
        () => journal.deleteSnapshots('key'),
        () => readGlobal(journal),
        () => journal.projectionOffset('projection'),
        () => journal.saveProjectionOffset('projection', 1),
        async () => journal.onAppend(() => {}),
      ];
      for (const use of uses) await assertRejects(use(), 'DATAFLOW_ERR_JOURNAL_CLOSED');
    },
  },
  {
    name: 'ends a read that is under way when it closes',
    async run(journal) {
      await journal.append('key', 0, events(1, 3000));
      const all = journal.readAll()[Symbol.asyncIterator]();
      await all.next();
      await assertRejects(
        (async () => {
          for await (const _ of journal.read('key')) await journal.close();
        })(),
        'DATAFLOW_ERR_JOURNAL_CLOSED',
      );
      const rest = async () => {
        while ((await all.next()).done !== true);
      };
      await assertRejects(rest(), 'DATAFLOW_ERR_JOURNAL_CLOSED');
    },
  },
];
