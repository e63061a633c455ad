import assert from 'node:assert/strict';
import {
  assertRejects,
  assertRejectsWith,
  assertSame,
  type ContractCase,
  countTurns,
  event,
  events,
  places,
  readGlobal,
} from './journal-contract-case.ts';

function assertAscending(offsets: readonly number[]): void {
  for (const [index, offset] of offsets.entries()) {
    assert.ok(Number.isSafeInteger(offset) && offset > (offsets[index - 1] ?? 0), `offset ${offset} at ${index}`);
  }
}

/** All events in one order: what projections read. */
export const ALL_CASES: readonly ContractCase[] = [
  {
    name: 'reads the events of all keys in the order of their appends',
    async run(journal) {
      assertSame(await readGlobal(journal), []);
      const metadata = { cause: 'test' };
      await journal.append('b', 0, [{ ...event(1, ['x', 'y']), metadata }, event(2)]);
      await journal.append('größe 🚀', 0, events(1, 1));
      await journal.append('b', 2, events(3, 3));
      await journal.append('b', 1, events(2, 3));
      const all = await readGlobal(journal);
      assertAscending(all.map(({ offset }) => offset));
      const expected = [
        { ...event(1, ['x', 'y']), metadata, key: 'b', sequence: 1 },
        { ...event(2), key: 'b', sequence: 2 },
        { ...event(1), key: 'größe 🚀', sequence: 1 },
        { ...event(3), key: 'b', sequence: 3 },
      ];
      assertSame(
        all.map(({ writer: _writer, ...item }) => item),
        expected.map((item, index) => ({ ...item, offset: all[index]!.offset })),
      );
      for (const [index, { offset }] of all.entries()) {
        assertSame(places(await readGlobal(journal, { after: offset })), places(all).slice(index + 1));
      }
      assertSame(await readGlobal(journal, { after: Number.MAX_SAFE_INTEGER }), []);
    },
  },
  {
    name: 'reads the events of a tag, however rare it is',
    async run(journal) {
      const tagged = (number: number) =>
        event(number, ['all', number % 2 ? 'odd' : 'even', ...(number % 1900 === 7 ? ['rare', 'größe'] : [])]);
      for (let after = 0; after < 4000; after += 500) {
        const batch = Array.from({ length: 500 }, (_, index) => tagged(after + index + 1));
        await journal.append('key', after, batch);
      }
      await journal.append('last', 0, [event(1, ['rare', 'rare', 'only'])]);
      const of = async (tag: string, after = 0) => places(await readGlobal(journal, { tag, after }));
      assertSame(await of('rare'), ['key:7', 'key:1907', 'key:3807', 'last:1']);
      assertSame(await of('größe'), ['key:7', 'key:1907', 'key:3807']);
      assertSame(await of('only'), ['last:1']);
      for (const none of ['rar', 'rare2', 'Rare', 'r%', 'contract']) assertSame(await of(none), []);
      const odd = await readGlobal(journal, { tag: 'odd' });
      assert.equal(odd.length, 2000);
      assertAscending(odd.map(({ offset }) => offset));
      assert.equal((await of('all')).length, 4000);
      assertSame(await of('odd', odd[1995]!.offset), ['key:3993', 'key:3995', 'key:3997', 'key:3999']);
    },
  },
  {
    name: 'reads long journals in bounded chunks, with turns of the event loop between them',
    async run(journal) {
      for (let key = 0; key < 10; key++) await journal.append(`key-${key}`, 0, events(1, 500));
      for (const tag of [undefined, 'contract']) {
        const sizes: number[] = [];
        const turns = await countTurns(async () => {
          for await (const { length } of journal.readAll(tag === undefined ? {} : { tag })) sizes.push(length);
        });
        assert.equal(
          sizes.reduce((sum, size) => sum + size, 0),
          5000,
        );
        assert.ok(Math.max(...sizes) <= 1000, `a chunk of ${Math.max(...sizes)} events`);
        assert.ok(turns >= sizes.length - 1, `${turns} turns for ${sizes.length} chunks`);
      }
    },
  },
  {
    name: 'ends where the journal ended when the reading began',
    async run(journal) {
      await journal.append('key', 0, events(1, 1500));
      let seen = 0;
      let appended = 1500;
      for await (const chunk of journal.readAll()) {
        await journal.append('key', appended, [event(++appended)]);
        seen += chunk.length;
      }
      assert.equal(seen, 1500);
      assert.equal((await readGlobal(journal)).length, appended);
    },
  },
  {
    name: 'gives a reader that follows the journal every event once, while 50 keys append',
    async run(journal) {
      const seen: string[] = [];
      let after = 0;
      const follow = async (): Promise<void> => {
        for await (const chunk of journal.readAll({ after, tag: 'contract' })) {
          seen.push(...places(chunk));
          after = chunk.at(-1)!.offset;
        }
      };
      let appending = true;
      const writers = Array.from({ length: 50 }, async (_, key) => {
        for (let number = 1; number <= 20; number++) await journal.append(`key-${key}`, number - 1, [event(number)]);
      });
      const appended = Promise.all(writers).finally(() => {
        appending = false;
      });
      while (appending) await follow();
      await appended;
      // What an append in progress elsewhere has hidden comes with a later call.
      while (seen.length < 1000) await follow();
      assert.equal(new Set(seen).size, 1000);
      assert.equal(seen.length, 1000);
      for (let key = 0; key < 50; key++) {
        const own = seen.filter((place) => place.startsWith(`key-${key}:`));
        assertSame(
          own,
          Array.from({ length: 20 }, (_, index) => `key-${key}:${index + 1}`),
        );
      }
    },
  },
  {
    name: 'leaves out what was deleted or refused, and gives no offset twice',
    async run(journal) {
      await journal.append('a', 0, events(1, 3));
      await journal.append('b', 0, events(1, 2));
      const before = await readGlobal(journal);
      await assertRejects(journal.append('a', 5, events(6, 6)), 'DATAFLOW_ERR_JOURNAL_CONFLICT');
      await assertRejects(journal.append('b', 1, events(7, 9)), 'DATAFLOW_ERR_JOURNAL_CONFLICT');
      await journal.deleteEvents('a', 2);
      const left = await readGlobal(journal);
      assertSame(left, before.slice(2));
      assertSame(await readGlobal(journal, { tag: 'contract' }), left);
      await journal.deleteEvents('a', 3);
      await journal.deleteEvents('b', 2);
      assertSame(await readGlobal(journal), []);
      await journal.append('b', 2, events(3, 3));
      const [last] = await readGlobal(journal);
      assert.ok(last!.offset > before.at(-1)!.offset, `offset ${last!.offset} was given before`);
    },
  },
  {
    name: 'stops a reading of all events by its signal, and lets a reader leave early',
    async run(journal) {
      await journal.append('key', 0, events(1, 3000));
      const reason = new Error('enough');
      await assertRejectsWith(readGlobal(journal, { signal: AbortSignal.abort(reason) }), reason);
      const controller = new AbortController();
      const reading = async () => {
        for await (const _ of journal.readAll({ signal: controller.signal })) controller.abort(reason);
      };
      await assertRejectsWith(reading(), reason);
      for await (const [first] of journal.readAll()) {
        (first!.data as Record<string, unknown>).number = 'changed';
        break;
      }
      assert.equal((await readGlobal(journal))[0]!.data.number, 1);
      for (const bad of [{ after: -1 }, { after: 0.5 }, { tag: '' }, { tag: '\ud800' }]) {
        await assertRejects(readGlobal(journal, bad), 'DATAFLOW_ERR_JOURNAL_INPUT_INVALID');
      }
    },
  },
  {
    name: 'calls back after appends until it is told to stop',
    async run(journal) {
      let stoppedCalls = 0;
      const stop = journal.onAppend(() => {
        stoppedCalls++;
      });
      const next = () =>
        new Promise<void>((resolve) => {
          const end = journal.onAppend(() => {
            end();
            resolve();
          });
        });
      const first = next();
      await journal.append('key', 0, events(1, 2));
      await first;
      assert.ok(stoppedCalls > 0);
      stop();
      stop();
      const callsBefore = stoppedCalls;
      const second = next();
      await journal.append('key', 2, events(3, 3));
      await second;
      assert.equal(stoppedCalls, callsBefore);
    },
  },
  {
    name: 'keeps how far each projection has come',
    async run(journal) {
      await journal.append('key', 0, events(1, 5));
      const names = ['totals', 'Totals', 'größe 🚀', 'o\'r"d;--'];
      for (const name of names) assert.equal(await journal.projectionOffset(name), 0);
      await Promise.all(names.map((name, index) => journal.saveProjectionOffset(name, index + 1)));
      await journal.deleteEvents('key', 5);
      for (const [index, name] of names.entries()) assert.equal(await journal.projectionOffset(name), index + 1);
      await journal.saveProjectionOffset('totals', Number.MAX_SAFE_INTEGER);
      assert.equal(await journal.projectionOffset('totals'), Number.MAX_SAFE_INTEGER);
      await journal.saveProjectionOffset('totals', 0);
      assert.equal(await journal.projectionOffset('totals'), 0);
      const code = 'DATAFLOW_ERR_JOURNAL_INPUT_INVALID';
      for (const name of ['', 'a\0b', '\ud800']) await assertRejects(journal.saveProjectionOffset(name, 1), code);
      for (const offset of [-1, 0.5, Number.NaN]) await assertRejects(journal.saveProjectionOffset('a', offset), code);
      await assertRejects(journal.projectionOffset(''), code);
    },
  },
];
