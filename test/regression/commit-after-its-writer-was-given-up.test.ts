/**
 * A commit that the server was still busy with, when its connection or its process was gone, came after the next look at
 * the stream: whoever had looked went on from there, and was refused for ever as one of two writers.
 */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openPostgresJournal } from '../../src/journals/postgres/open.ts';
import type { PostgresJournalOptions } from '../../src/journals/postgres/options.ts';
import type { PostgresJournal } from '../../src/journals/postgres/postgres-journal.ts';
import { type CuttingProxy, startCuttingProxy } from '../support/cutting-proxy.ts';
import { event, events, readKey } from '../support/journal-events.ts';
import { newSchema, usePostgres } from '../support/postgres.ts';
import { type StalledCommits, stallCommits } from '../support/stalled-commits.ts';

const server = usePostgres();
let proxy: CuttingProxy;
let stall: StalledCommits;
let schema: string;
let lost: PostgresJournal;
let bystander: PostgresJournal;
const open: PostgresJournal[] = [];

async function openJournal(options: Partial<PostgresJournalOptions> = {}): Promise<PostgresJournal> {
  const journal = await openPostgresJournal({ url: server().url(), schema, ...options });
  open.push(journal);
  return journal;
}

beforeEach(async () => {
  schema = newSchema();
  proxy = await startCuttingProxy(server().port);
  lost = await openJournal({ url: server().url(proxy.port), retryForMs: 0 });
  bystander = await openJournal({ readOnly: true });
  await lost.append('key', 0, [event(1)]);
  // What was there when it opened is settled.
  expect(await lost.highestSequence('key')).toBe(1);
  stall = await stallCommits(server(), schema);
  // The commit arrives, with the statement before it, and its answer does not leave.
  proxy.on('COMMIT', 'cut after it');
  const append = lost.append('key', 1, events(2, 3));
  await expect(append).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED' });
  await stall.met();
});
afterEach(async () => {
  await stall.end();
  for (const journal of open.splice(0)) await journal.close();
  await proxy.close();
});

const LOOKS: [what: string, look: (journal: PostgresJournal) => Promise<number>][] = [
  ['the highest sequence number', (journal) => journal.highestSequence('key')],
  ['the events', async (journal) => (await readKey(journal, 'key')).length],
];

test.each(LOOKS)('who was told of a failure cannot read %s before it is decided', async (_, look) => {
  await expect(look(lost)).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_READ_FAILED', disposition: 'retry' });
  await stall.release();
  await stall.over();
  expect(await look(lost)).toBe(3);
  await lost.append('key', 3, [event(4)]);
});

test.each([
  ...LOOKS,
  ['the keys', async (journal: PostgresJournal) => (await journal.keys()).length + 2] as (typeof LOOKS)[number],
])('who comes after a process that died waits with reading %s for what it left behind', async (_, look) => {
  const successor = await openJournal();
  let isAnswered = false;
  const looking = look(successor).finally(() => {
    isAnswered = true;
  });
  // Long enough for a look that does not wait to have its answer.
  for (let turn = 0; turn < 5; turn++) expect(await bystander.highestSequence('key')).toBe(1);
  expect(isAnswered).toBe(false);
  await stall.release();
  expect(await looking).toBe(3);
  await successor.append('key', 3, [event(4)]);
});
