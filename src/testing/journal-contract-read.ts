import assert from 'node:assert/strict';
import {
  assertRejects,
  assertRejectsWith,
  assertSame,
  type ContractCase,
  countTurns,
  event,
  events,
  readAll,
  stored,
} from './journal-contract-case.ts';

export const READ_CASES: readonly ContractCase[] = [
  {
    name: 'reads nothing of a key without events',
    async run(journal) {
      assertSame(await readAll(journal, 'key'), []);
      assert.equal(await journal.highestSequence('key'), 0);
      await journal.deleteEvents('key', 10);
      assert.equal(await journal.highestSequence('key'), 0);
    },
  },
  {
    name: 'reads between bounds, both inclusive',
    async run(journal) {
      await journal.append('key', 0, events(1, 10));
      assertSame(await readAll(journal, 'key', { from: 4 }), stored(4, 10));
      assertSame(await readAll(journal, 'key', { to: 4 }), stored(1, 4));
      assertSame(await readAll(journal, 'key', { from: 4, to: 6 }), stored(4, 6));
      assertSame(await readAll(journal, 'key', { from: 10, to: 10 }), stored(10, 10));
      assertSame(await readAll(journal, 'key', { from: -5, to: Number.POSITIVE_INFINITY }), stored(1, 10));
      assertSame(await readAll(journal, 'key', { from: 11 }), []);
      assertSame(await readAll(journal, 'key', { from: 6, to: 5 }), []);
      assertSame(await readAll(journal, 'key', { to: 0 }), []);
    },
  },
  {
    name: 'reads long streams in bounded chunks, contiguous, with turns of the event loop between them',
    async run(journal) {
      await journal.append('key', 0, events(1, 2500));
      const sizes: number[] = [];
      let next = 1;
      const turns = await countTurns(async () => {
        for await (const chunk of journal.read('key')) {
          sizes.push(chunk.length);
          for (const { sequence } of chunk) assert.equal(sequence, next++);
        }
      });
      assert.equal(next, 2501);
      assert.ok(Math.max(...sizes) <= 1000, `a chunk of ${Math.max(...sizes)} events`);
      assert.ok(turns >= sizes.length - 1, `${turns} turns for ${sizes.length} chunks`);
    },
  },
  {
    name: 'sees every append that was resolved before',
    async run(journal) {
      for (let number = 1; number <= 20; number++) {
        await journal.append('key', number - 1, events(number, number));
        assert.equal(await journal.highestSequence('key'), number);
        assert.equal((await readAll(journal, 'key')).length, number);
      }
    },
  },
  {
    name: 'ends a read where the stream ended when it began',
    async run(journal) {
      await journal.append('key', 0, events(1, 1500));
      let seen = 0;
      for await (const chunk of journal.read('key')) {
        const highest = await journal.highestSequence('key');
        await journal.append('key', highest, [event(highest + 1)]);
        seen += chunk.length;
      }
      assert.equal(seen, 1500);
    },
  },
  {
    name: 'stops a read by its signal, before and between chunks',
    async run(journal) {
      await journal.append('key', 0, events(1, 3000));
      const reason = new Error('enough');
      await assertRejectsWith(readAll(journal, 'key', { signal: AbortSignal.abort(reason) }), reason);
      const controller = new AbortController();
      let chunks = 0;
      const reading = async () => {
        for await (const _ of journal.read('key', { signal: controller.signal })) {
          chunks++;
          controller.abort(reason);
        }
      };
      await assertRejectsWith(reading(), reason);
      assert.equal(chunks, 1);
      assert.equal((await readAll(journal, 'key')).length, 3000);
    },
  },
  {
    name: 'lets a reader leave early and change what it got',
    async run(journal) {
      await journal.append('key', 0, events(1, 3000));
      for await (const chunk of journal.read('key')) {
        for (const { data, tags } of chunk) {
          (data as Record<string, unknown>).number = 'changed';
          (tags as string[]).push('changed');
        }
        break;
      }
      assertSame(await readAll(journal, 'key', { to: 2 }), stored(1, 2));
    },
  },
  {
    name: 'does not lower the highest sequence number by deletion',
    async run(journal) {
      await journal.append('key', 0, events(1, 10));
      await journal.deleteEvents('key', 4);
      assertSame(await readAll(journal, 'key'), stored(5, 10));
      await journal.deleteEvents('key', 2);
      assertSame(await readAll(journal, 'key'), stored(5, 10));
      await journal.deleteEvents('key', 100);
      assertSame(await readAll(journal, 'key'), []);
      assert.equal(await journal.highestSequence('key'), 10);
      assertSame(await journal.keys(), ['key']);
      await assertRejects(journal.append('key', 0, events(1, 1)), 'DATAFLOW_ERR_JOURNAL_CONFLICT');
      await assertRejects(journal.append('key', 100, events(101, 101)), 'DATAFLOW_ERR_JOURNAL_CONFLICT');
      await journal.append('key', 10, events(11, 11));
      assertSame(await readAll(journal, 'key'), stored(11, 11));
    },
  },
  {
    name: 'goes on as before after many reads that were stopped',
    async run(journal) {
      await journal.append('key', 0, events(1, 2000));
      const reason = new Error('enough');
      const stopped = Array.from({ length: 100 }, async (_, index) => {
        const controller = new AbortController();
        for await (const _ of journal.read('key', { from: index + 1, signal: controller.signal })) {
          if (index % 2 === 0) break;
          controller.abort(reason);
        }
      });
      const outcomes = await Promise.allSettled(stopped);
      assertSame(
        outcomes.map(({ status }) => status),
        outcomes.map((_, index) => (index % 2 === 0 ? 'fulfilled' : 'rejected')),
      );
      await journal.append('key', 2000, events(2001, 2001));
      assert.equal((await readAll(journal, 'key')).length, 2001);
    },
  },
  {
    name: 'deletes the first events while others are appended and read',
    async run(journal) {
      await journal.append('key', 0, events(1, 1000));
      await Promise.all([
        journal.deleteEvents('key', 300),
        journal.append('key', 1000, events(1001, 1002)),
        readAll(journal, 'key', { from: 301, to: 400 }).then((found) => assertSame(found, stored(301, 400))),
        journal.deleteEvents('key', 200),
        journal.append('other', 0, events(1, 2)),
      ]);
      assertSame(await readAll(journal, 'key'), stored(301, 1002));
      assertSame(await readAll(journal, 'other'), stored(1, 2));
    },
  },
  {
    name: 'deletes a long stream',
    async run(journal) {
      await journal.append('key', 0, events(1, 25_000));
      await journal.deleteEvents('key', 24_999);
      assertSame(await readAll(journal, 'key'), stored(25_000, 25_000));
    },
  },
  {
    name: 'lists keys in the order of their first append',
    async run(journal) {
      await journal.saveSnapshot('snapshot-only', { sequence: 0, state: null, timestamp: 1 });
      for (const key of ['b', 'a', 'c']) await journal.append(key, 0, events(1, 1));
      await journal.append('b', 1, events(2, 2));
      assertSame(await journal.keys(), ['b', 'a', 'c']);
    },
  },
];
