import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openEmbeddedJournal } from '../../src/journals/embedded/open.ts';
import { createMemoryJournal } from '../../src/journals/memory.ts';
import { openPostgresJournal } from '../../src/journals/postgres/open.ts';
import { JOURNAL_CONTRACT_CASES, journalContract } from '../../src/testing/journal-contract.ts';
import { newSchema, type PostgresServer, startPostgres } from '../support/postgres.ts';

journalContract({ name: 'memory', create: createMemoryJournal, describe, test });

for (const durability of ['full', 'relaxed'] as const) {
  let path = '';
  journalContract({
    name: `embedded, ${durability}`,
    create() {
      path = mkdtempSync(join(tmpdir(), 'dataflow-journal-'));
      return openEmbeddedJournal({ path, durability });
    },
    reopen: () => openEmbeddedJournal({ path, durability }),
    dispose: () => rmSync(path, { recursive: true }),
    describe,
    test,
  });
}

describe('on a server', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  let schema = '';
  journalContract({
    name: 'postgres',
    create() {
      schema = newSchema();
      return openPostgresJournal({ url: server.url(), schema });
    },
    reopen: () => openPostgresJournal({ url: server.url(), schema }),
    describe,
    test,
  });
});

describe('the suite itself', () => {
  const titles: string[] = [];
  const options = {
    name: 'listed',
    create: createMemoryJournal,
    describe: (_: string, body: () => void) => body(),
    test: Object.assign((title: string) => titles.push(title), { skip: (title: string) => titles.push(title) }),
  };

  test('registers every case and names the reason of a skip', () => {
    journalContract({ ...options, skip: { 'deletes a long stream': 'it keeps everything' } });
    expect(titles).toHaveLength(JOURNAL_CONTRACT_CASES.length);
    expect(titles).toContain('deletes a long stream (skipped: it keeps everything)');
  });

  test('refuses to skip a case that does not exist', () => {
    expect(() => journalContract({ ...options, skip: { nonsense: 'none' } })).toThrow(/no case "nonsense"/);
  });
});
