import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openEmbeddedJournal } from '../../src/journals/embedded/open.ts';
import type { Journal, JournalEvent } from '../../src/runtime/journal.ts';

const MAX_BYTES = 2 * 1024 * 1024;
let path = '';
let journal: Journal;

beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'dataflow-full-'));
  journal = await openEmbeddedJournal({ path, maxBytes: MAX_BYTES });
});

afterEach(async () => {
  await journal.close();
  rmSync(path, { recursive: true });
});

const event = (number: number): JournalEvent => ({
  data: { number, text: 'x'.repeat(20_000) },
  tags: ['all'],
  timestamp: number,
});

/** Appends two events at a time until that is refused; returns how many were acknowledged, and the refusal. */
async function fill(): Promise<{ highest: number; refusal: unknown }> {
  for (let highest = 0; ; highest += 2) {
    try {
      await journal.append('key', highest, [event(highest + 1), event(highest + 2)]);
    } catch (refusal) {
      return { highest, refusal };
    }
  }
}

test('refuses what does not fit with nothing half-written, answers reads, and goes on once there is room', async () => {
  const { highest, refusal } = await fill();
  expect(highest).toBeGreaterThan(50);
  expect(refusal).toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_FULL', disposition: 'retry', details: { path } });
  expect(await journal.highestSequence('key')).toBe(highest);
  const next = [event(highest + 1), event(highest + 2)];
  await expect(journal.append('key', highest, next)).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_FULL' });
  await expect(journal.append('new', 0, next)).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_FULL' });
  expect(await journal.keys()).toEqual(['key']);

  await journal.deleteEvents('key', 20);
  await journal.append('key', highest, next);
  const seen: number[] = [];
  for await (const chunk of journal.read('key')) seen.push(...chunk.map(({ data }) => data.number as number));
  expect(seen).toEqual(Array.from({ length: highest + 2 - 20 }, (_, index) => index + 21));
});

test('stays within its limit, and goes on when it is raised', async () => {
  const { highest } = await fill();
  await journal.close();
  expect(statSync(join(path, 'journal.db')).size).toBeLessThanOrEqual(MAX_BYTES);
  journal = await openEmbeddedJournal({ path, maxBytes: 2 * MAX_BYTES });
  await journal.append('key', highest, [event(highest + 1), event(highest + 2)]);
  expect(await journal.highestSequence('key')).toBe(highest + 2);
});
