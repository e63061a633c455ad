import assert from 'node:assert/strict';
import type { Json, JsonObject } from '../domain/json.ts';
import {
  assertRejects,
  assertSame,
  type ContractCase,
  event,
  events,
  readAll,
  stored,
} from './journal-contract-case.ts';

export const APPEND_CASES: readonly ContractCase[] = [
  {
    name: 'appends events and gives them back with tags, timestamps and order',
    async run(journal) {
      const first = event(1, ['b', 'a', 'b']);
      await journal.append('key', 0, [first, event(2, [])]);
      assertSame(await readAll(journal, 'key'), [
        { ...first, sequence: 1 },
        { ...event(2, []), sequence: 2 },
      ]);
    },
  },
  {
    name: 'does nothing for an empty append',
    async run(journal) {
      await journal.append('key', 0, []);
      assert.equal(await journal.highestSequence('key'), 0);
      assertSame(await journal.keys(), []);
    },
  },
  {
    name: 'accepts the very same events again',
    async run(journal) {
      await journal.append('key', 0, events(1, 3));
      await journal.append('key', 0, events(1, 3));
      await journal.append('key', 1, events(2, 2));
      assertSame(await readAll(journal, 'key'), stored(1, 3));
    },
  },
  {
    name: 'accepts an append that repeats the end and goes on',
    async run(journal) {
      await journal.append('key', 0, events(1, 3));
      await journal.append('key', 1, events(2, 5));
      assertSame(await readAll(journal, 'key'), stored(1, 5));
    },
  },
  {
    name: 'refuses other data, tags or timestamp under a taken sequence number',
    async run(journal) {
      await journal.append('key', 0, events(1, 2));
      const taken = event(2);
      for (const other of [
        { ...taken, data: { number: 3 } },
        { ...taken, tags: ['x'] },
        { ...taken, timestamp: 1 },
      ]) {
        await assertRejects(journal.append('key', 1, [other]), 'DATAFLOW_ERR_JOURNAL_CONFLICT');
      }
      assertSame(await readAll(journal, 'key'), stored(1, 2));
    },
  },
  {
    name: 'refuses a gap, on a new key as well',
    async run(journal) {
      await journal.append('key', 0, events(1, 2));
      await assertRejects(journal.append('key', 3, [event(4)]), 'DATAFLOW_ERR_JOURNAL_CONFLICT');
      await assertRejects(journal.append('new', 1, [event(2)]), 'DATAFLOW_ERR_JOURNAL_CONFLICT');
      assert.equal(await journal.highestSequence('key'), 2);
      assertSame(await journal.keys(), ['key']);
    },
  },
  {
    name: 'gives metadata back as they came, and none where there were none',
    async run(journal) {
      const metadata = { trace: { id: 'größe', flags: [1, null] }, empty: {} };
      await journal.append('key', 0, [{ ...event(1), metadata }, event(2), { ...event(3), metadata: {} }]);
      const found = await readAll(journal, 'key');
      assertSame(
        found.map((item) => item.metadata ?? 'none'),
        [metadata, 'none', {}],
      );
      assert.ok(!('metadata' in found[1]!), 'metadata of undefined');
      await journal.append('key', 0, [{ ...event(1), metadata }, event(2)]);
      for (const other of [event(1), { ...event(1), metadata: { trace: 'another' } }, { ...event(1), metadata: {} }]) {
        await assertRejects(journal.append('key', 0, [other]), 'DATAFLOW_ERR_JOURNAL_CONFLICT');
      }
      await assertRejects(journal.append('key', 1, [{ ...event(2), metadata: {} }]), 'DATAFLOW_ERR_JOURNAL_CONFLICT');
    },
  },
  {
    name: 'gives every value that JSON has back as it came',
    async run(journal) {
      let deep: Json = 'bottom';
      for (let depth = 0; depth < 200; depth++) deep = depth % 2 === 0 ? [deep] : { deep };
      const data: JsonObject = {
        numbers: [0, -1, 0.1, 1e21, 5e-324, Number.MAX_VALUE, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
        texts: ['', ' ', '"', '\\', '\u2028\n\t\u0001', '\\u0000', "'; --", '🚀'],
        others: [true, false, null, [], {}],
        '': 'empty name',
        'größe 🚀': 'name',
        b: 1,
        a: 2,
        deep,
      };
      await journal.append('key', 0, [{ data, tags: [], timestamp: 1 }]);
      await journal.append('key', 0, [{ data, tags: [], timestamp: 1 }]);
      assertSame(await readAll(journal, 'key'), [{ sequence: 1, data, tags: [], timestamp: 1 }]);
    },
  },
  {
    name: 'stores all events of an append or none',
    async run(journal) {
      await journal.append('key', 0, events(1, 2));
      const second = { ...event(2), data: { number: 'other' } };
      await assertRejects(journal.append('key', 0, [event(1), second, event(3)]), 'DATAFLOW_ERR_JOURNAL_CONFLICT');
      assertSame(await readAll(journal, 'key'), stored(1, 2));
      await journal.append('key', 2, events(3, 3));
      assertSame(await readAll(journal, 'key'), stored(1, 3));
    },
  },
  {
    name: 'lets a refused append take none of its neighbours along',
    async run(journal) {
      await journal.append('a', 0, events(1, 1));
      const outcomes = await Promise.allSettled([
        journal.append('b', 0, events(1, 2)),
        journal.append('a', 0, [event(9)]),
        journal.append('a', 5, [event(6)]),
        journal.append('a', 1, events(2, 3)),
        journal.append('c', 0, events(1, 1)),
      ]);
      assertSame(
        outcomes.map(({ status }) => status),
        ['fulfilled', 'rejected', 'rejected', 'fulfilled', 'fulfilled'],
      );
      assertSame(await readAll(journal, 'a'), stored(1, 3));
      assertSame(await readAll(journal, 'b'), stored(1, 2));
      assertSame(await readAll(journal, 'c'), stored(1, 1));
    },
  },
  {
    name: 'keeps the order of appends that are not awaited',
    async run(journal) {
      await Promise.all(events(1, 50).map((item, index) => journal.append('key', index, [item])));
      assertSame(await readAll(journal, 'key'), stored(1, 50));
    },
  },
  {
    name: 'takes concurrent appends from 1,000 keys',
    async run(journal) {
      const keys = Array.from({ length: 1000 }, (_, index) => `key-${index}`);
      await Promise.all(
        keys.map(async (key) => {
          for (let after = 0; after < 4; after += 2) await journal.append(key, after, events(after + 1, after + 2));
        }),
      );
      assertSame([...(await journal.keys())].sort(), [...keys].sort());
      for (const key of keys) assertSame(await readAll(journal, key), stored(1, 4));
    },
  },
  {
    name: 'is not touched by a later mutation of what was appended',
    async run(journal) {
      const data = { number: 1, nested: { list: [1] } };
      const tags = ['one'];
      const batch = [{ data, tags, timestamp: 5 }];
      const appended = journal.append('key', 0, batch);
      data.number = 2;
      data.nested.list.push(2);
      tags.push('two');
      batch.pop();
      await appended;
      const expected = [{ sequence: 1, data: { number: 1, nested: { list: [1] } }, tags: ['one'], timestamp: 5 }];
      assertSame(await readAll(journal, 'key'), expected);
    },
  },
  {
    name: 'stores an event of 1 MB',
    async run(journal) {
      const large = { data: { text: 'ü'.repeat(500_000) }, tags: [], timestamp: 1 };
      await journal.append('key', 0, [large, large, large]);
      const found = await readAll(journal, 'key');
      assertSame(
        found.map(({ sequence, data }) => [sequence, data.text === large.data.text]),
        [
          [1, true],
          [2, true],
          [3, true],
        ],
      );
    },
  },
  {
    name: 'keeps keys and text of any language apart and unchanged',
    async run(journal) {
      const keys = [
        'orders',
        'Orders',
        'größe',
        'gro\u0308ße',
        '注文',
        '🚀',
        ' orders',
        'o\'r"d;--%_',
        'a/b:c@d',
        'NULL',
        '{a,"b"}',
        'a\\"b\\n',
        'line\nline\ttab\u0001\u007f',
        '\\',
        ',',
      ];
      for (const key of keys) {
        await journal.append(key, 0, [{ data: { key, lone: '\ud800', nul: 'a\0b' }, tags: [key], timestamp: 1 }]);
      }
      assertSame(await journal.keys(), keys);
      for (const key of keys) {
        const expected = { sequence: 1, data: { key, lone: '\ud800', nul: 'a\0b' }, tags: [key], timestamp: 1 };
        assertSame(await readAll(journal, key), [expected]);
      }
    },
  },
  {
    name: 'refuses what it could not give back',
    async run(journal) {
      const code = 'DATAFLOW_ERR_JOURNAL_INPUT_INVALID';
      const cycle: Record<string, unknown> = {};
      cycle.self = cycle;
      for (const key of ['', 'a\0b', '\ud800']) await assertRejects(journal.append(key, 0, [event(1)]), code);
      for (const after of [-1, 0.5, Number.NaN]) await assertRejects(journal.append('key', after, [event(1)]), code);
      const bad: unknown[] = [
        { ...event(1), data: cycle },
        { ...event(1), data: 'text' },
        { ...event(1), data: { big: 1n } },
        { ...event(1), tags: [''] },
        { ...event(1), tags: ['\udc00'] },
        { ...event(1), timestamp: Number.NaN },
        { ...event(1), metadata: [] },
        { ...event(1), metadata: null },
        { ...event(1), metadata: { big: 1n } },
      ];
      for (const item of bad) await assertRejects(journal.append('key', 0, [event(1), item as never]), code);
      assert.equal(await journal.highestSequence('key'), 0);
    },
  },
];
