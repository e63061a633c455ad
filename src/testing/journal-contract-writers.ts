import assert from 'node:assert/strict';
import {
  assertRejects,
  assertSame,
  type ContractCase,
  event,
  events,
  places,
  readAll,
  readGlobal,
  stored,
} from './journal-contract-case.ts';

const by = (writer: string, number: number) => ({ ...event(number), data: { writer, number } });

async function writersOf(journal: Parameters<ContractCase['run']>[0], key: string): Promise<unknown[]> {
  return (await readAll(journal, key)).map(({ data }) => data.writer);
}

/**
 * Writers that do not know of one another, and one that does not know what became of its append. Where other journals
 * need a filter that repairs a stream at replay, this one never lets such a stream come to be.
 */
export const WRITER_CASES: readonly ContractCase[] = [
  {
    name: 'settles an append of unknown outcome when it is made again, whatever came after it',
    async run(journal) {
      const twice = [journal.append('key', 0, events(1, 3)), journal.append('key', 0, events(1, 3))];
      await Promise.all(twice);
      await journal.append('key', 3, events(4, 6));
      await journal.append('key', 0, events(1, 3));
      await journal.append('key', 1, events(2, 5));
      assertSame(await readAll(journal, 'key'), stored(1, 6));
      assertSame(places(await readGlobal(journal)), ['key:1', 'key:2', 'key:3', 'key:4', 'key:5', 'key:6']);
    },
  },
  {
    name: 'refuses an old writer that goes on after a new one took over',
    async run(journal) {
      await journal.append('key', 0, [by('old', 1), by('old', 2)]);
      await journal.append('key', 2, [by('new', 3)]);
      const late = [journal.append('key', 2, [by('old', 3), by('old', 4)]), journal.append('key', 4, [by('old', 5)])];
      for (const append of late) await assertRejects(append, 'DATAFLOW_ERR_JOURNAL_CONFLICT');
      await journal.append('key', 3, [by('new', 4)]);
      await assertRejects(journal.append('key', 3, [by('old', 4)]), 'DATAFLOW_ERR_JOURNAL_CONFLICT');
      assertSame(await writersOf(journal, 'key'), ['old', 'old', 'new', 'new']);
    },
  },
  {
    name: 'tells a new writer of the events that an old one got in before it',
    async run(journal) {
      await journal.append('key', 0, [by('old', 1)]);
      const known = await journal.highestSequence('key');
      await journal.append('key', 1, [by('old', 2), by('old', 3)]);
      await assertRejects(journal.append('key', known, [by('new', 2)]), 'DATAFLOW_ERR_JOURNAL_CONFLICT');
      await journal.append('key', await journal.highestSequence('key'), [by('new', 4)]);
      assertSame(await writersOf(journal, 'key'), ['old', 'old', 'old', 'new']);
    },
  },
  {
    name: 'stores the events of one of two writers that append at once, all of them',
    async run(journal) {
      const keys = Array.from({ length: 100 }, (_, index) => `key-${index}`);
      const append = (writer: string, key: string) => journal.append(key, 0, [by(writer, 1), by(writer, 2)]);
      const outcomes = await Promise.allSettled(keys.flatMap((key) => [append('a', key), append('b', key)]));
      for (const [index, key] of keys.entries()) {
        const [a, b] = [outcomes[index * 2]!.status, outcomes[index * 2 + 1]!.status];
        assert.ok((a === 'fulfilled') !== (b === 'fulfilled'), `${key}: ${a}, ${b}`);
        const winner = a === 'fulfilled' ? 'a' : 'b';
        assertSame(await writersOf(journal, key), [winner, winner]);
      }
      assert.equal((await readGlobal(journal)).length, 200);
    },
  },
  {
    name: 'keeps one stream of many writers that recover and try again',
    async run(journal) {
      const writer = async (name: string): Promise<void> => {
        for (let done = 0; done < 10; ) {
          const highest = await journal.highestSequence('key');
          try {
            await journal.append('key', highest, [by(name, done)]);
            done++;
          } catch {
            // Another one was faster.
          }
        }
      };
      await Promise.all(['a', 'b', 'c', 'd'].map(writer));
      const found = await readAll(journal, 'key');
      assertSame(
        found.map(({ sequence }) => sequence),
        Array.from({ length: 40 }, (_, index) => index + 1),
      );
      for (const name of ['a', 'b', 'c', 'd']) {
        const own = found.filter(({ data }) => data.writer === name).map(({ data }) => data.number);
        assertSame(own, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      }
    },
  },
];
