import { expect, test } from '@jest/globals';
import { exportJournal } from '../../../src/journals/export-journal.ts';
import { importJournal } from '../../../src/journals/import-journal.ts';
import { createMemoryJournal } from '../../../src/journals/memory.ts';
import { splitLines } from '../../../src/journals/ndjson.ts';
import type { Journal, JournalEvent } from '../../../src/runtime/journal.ts';
import { FaultyJournal } from '../../support/faulty-journal.ts';

const event = (number: number, more: Partial<JournalEvent> = {}): JournalEvent => ({
  data: { number, text: 'a\u2028b\r\nc "größe" 🚀 \ud800' },
  tags: ['all'],
  timestamp: number,
  ...more,
});
const events = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => event(from + index));

async function* bytesOf(text: string, size = 7): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function textOf(journal: Journal): Promise<string> {
  let text = '';
  for await (const line of exportJournal(journal)) text += line;
  return text;
}

async function sample(): Promise<Journal> {
  const journal = createMemoryJournal();
  await journal.append('a', 0, events(1, 2500));
  await journal.append('größe 🚀', 0, [event(1, { tags: [], metadata: { trace: 1 } })]);
  await journal.append('cut', 0, events(1, 2500));
  await journal.deleteEvents('cut', 2400);
  await journal.append('gone', 0, events(1, 3));
  await journal.deleteEvents('gone', 3);
  for (const sequence of [100, 2500]) await journal.saveSnapshot('a', { sequence, state: { sequence }, timestamp: 9 });
  return journal;
}

test('an empty journal holds the same afterwards, and a second time changes nothing', async () => {
  const text = await textOf(await sample());
  const target = createMemoryJournal();
  expect(await importJournal(target, bytesOf(text, 4096))).toEqual({
    keys: 4,
    events: 2601,
    eventsBefore: 0,
    snapshots: 2,
  });
  expect(await textOf(target)).toBe(text);
  expect(await target.highestSequence('gone')).toBe(3);
  expect(await importJournal(target, bytesOf(text, 4096))).toEqual({
    keys: 4,
    events: 0,
    eventsBefore: 2601,
    snapshots: 0,
  });
  expect(await textOf(target)).toBe(text);
});

test('an import that was interrupted anywhere is simply made again', async () => {
  const text = await textOf(await sample());
  const target = new FaultyJournal(createMemoryJournal());
  for (let attempt = 1; ; attempt++) {
    target.appends.length = 0;
    target.alwaysOnAppend = () => (target.appends.length > attempt ? { kind: 'reject-after-commit' } : undefined);
    const outcome = await importJournal(target, bytesOf(text, 4096)).catch((error: Error) => error);
    if (!(outcome instanceof Error)) break;
    expect(outcome.message).toBe('injected append fault');
  }
  expect(await textOf(target.inner)).toBe(text);
});

test('what differs is refused with every line of the batch, and what is there stays', async () => {
  const text = await textOf(await sample());
  const target = createMemoryJournal();
  await target.append('a', 0, [...events(1, 9), event(10, { data: { number: 'other' } })]);
  await target.append('größe 🚀', 0, [event(7)]);
  const before = await textOf(target);
  await expect(importJournal(target, bytesOf(text, 4096))).rejects.toMatchObject({
    code: 'DATAFLOW_ERR_JOURNAL_CONFLICT',
    details: { lines: [11] },
    message: expect.stringContaining('line 11: expected event 10 of a as it is in the import, got another event'),
  });
  expect(await textOf(target)).toBe(before);
  const small = text.split('\n').filter((line, index) => index === 0 || line.includes('größe 🚀","sequence'));
  await expect(importJournal(target, bytesOf(small.join('\n')))).rejects.toMatchObject({ details: { lines: [2] } });
});

test('deleted events are not made out of other ones, and other snapshots are not overwritten', async () => {
  const header = '{"type":"journal","version":1}\n';
  const target = createMemoryJournal();
  await target.append('a', 0, events(1, 2));
  await target.saveSnapshot('a', { sequence: 2, state: { total: 2 }, timestamp: 1 });
  const deleted = `${header}{"type":"deleted","key":"a","to":5}\n`;
  await expect(importJournal(target, bytesOf(deleted))).rejects.toMatchObject({
    code: 'DATAFLOW_ERR_JOURNAL_CONFLICT',
    details: { lines: [2] },
  });
  const snapshot = (sequence: number, state: unknown) =>
    importJournal(
      target,
      bytesOf(`${header}${JSON.stringify({ type: 'snapshot', key: 'a', sequence, state, timestamp: 1 })}\n`),
    );
  await expect(snapshot(2, { total: 3 })).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_CONFLICT' });
  await expect(snapshot(3, {})).rejects.toMatchObject({ code: 'DATAFLOW_ERR_IMPORT_INVALID', details: { line: 2 } });
  expect(await snapshot(2, { total: 2 })).toMatchObject({ snapshots: 0 });
  expect(await snapshot(1, { total: 1 })).toMatchObject({ snapshots: 1 });
  expect(await target.latestSnapshot('a')).toMatchObject({ state: { total: 2 } });
});

test.each([
  ['nothing', '', 1],
  ['no header', '{"type":"deleted","key":"a","to":1}\n', 1],
  ['a header of a later version', '{"type":"journal","version":2}\n', 1],
  ['two headers', '{"type":"journal","version":1}\n{"type":"journal","version":1}\n', 2],
  ['no JSON', '{"type":"journal","version":1}\n{"type":\n', 2],
  ['a cut line', '{"type":"journal","version":1}\n{"type":"event","key":"a","seq', 2],
  ['an empty line', '{"type":"journal","version":1}\n\n', 2],
  ['null', '{"type":"journal","version":1}\nnull\n', 2],
  ['an unknown type', '{"type":"journal","version":1}\n{"type":"offset"}\n', 2],
  ['an event without a key', '{"type":"journal","version":1}\n{"type":"event","sequence":1}\n', 2],
  ['an event without data', '{"type":"journal","version":1}\n{"type":"event","key":"a","sequence":1,"tags":[]}\n', 2],
  [
    'a gap',
    '{"type":"journal","version":1}\n' +
      '{"type":"event","key":"a","sequence":1,"tags":[],"timestamp":1,"data":{}}\n' +
      '{"type":"event","key":"a","sequence":3,"tags":[],"timestamp":1,"data":{}}\n',
    3,
  ],
])('%s is refused with its line', async (_name, text, line) => {
  const target = createMemoryJournal();
  await expect(importJournal(target, bytesOf(text))).rejects.toMatchObject({
    code: 'DATAFLOW_ERR_IMPORT_INVALID',
    details: { line },
    message: expect.stringContaining(`Line ${line} `),
  });
  expect(await target.keys()).toEqual([]);
});

test('bytes that are no UTF-8 are refused with their line', async () => {
  async function* input() {
    yield new TextEncoder().encode('{"type":"journal","version":1}\n');
    yield new Uint8Array([0xff, 0x0a]);
  }
  await expect(importJournal(createMemoryJournal(), input())).rejects.toMatchObject({
    code: 'DATAFLOW_ERR_IMPORT_INVALID',
    details: { line: 2 },
  });
});

test('only a line feed ends a line, wherever the chunks are cut', async () => {
  for (const size of [1, 2, 3, 1000]) {
    const lines: string[] = [];
    for await (const line of splitLines(bytesOf('a\u2028b\n\nü🚀\r\nlast', size))) lines.push(line);
    expect(lines).toEqual(['a\u2028b', '', 'ü🚀\r', 'last']);
  }
});

test('events that are deleted while they are exported end the export with a code', async () => {
  const journal = new FaultyJournal(createMemoryJournal());
  journal.readAll = async function* () {
    const place = (sequence: number) => ({ ...event(sequence), key: 'a', sequence, offset: sequence });
    yield [place(1), place(2)];
    yield [place(5)];
  };
  await expect(textOf(journal)).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_READ_FAILED' });
});
