import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openEmbeddedJournal, openEmbeddedJournalReadOnly } from '../../src/journals/embedded/open.ts';
import type { StoredEvent } from '../../src/runtime/journal.ts';

// biome-ignore lint/suspicious/noExplicitAny: a line of the child is whatever its role says.
type Fact = any;

const CHILD = join(import.meta.dirname, 'embedded-child.mjs');
let path = '';
let children: ChildProcess[] = [];

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'dataflow-processes-'));
});

afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children = [];
  rmSync(path, { recursive: true });
});

function start(role: string, ...shell: string[]) {
  const [command, ...args] = [...shell, process.execPath, CHILD, role, path];
  const child = spawn(command as string, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  children.push(child);
  const facts: Fact[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => facts.push(JSON.parse(line)));
  let stderr = '';
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const closed = Promise.all([once(child, 'close'), once(lines, 'close')]).then(() => ({ facts, stderr }));
  const said = async (count: number) => {
    while (facts.length < count) await once(lines, 'line');
    return facts;
  };
  return { child, closed, said };
}

async function readAll(journal: Awaited<ReturnType<typeof openEmbeddedJournal>>, key: string): Promise<StoredEvent[]> {
  const all: StoredEvent[] = [];
  for await (const chunk of journal.read(key)) all.push(...chunk);
  return all;
}

describe('the owner of a journal', () => {
  test('keeps a second process out, names itself, and lets it in when it is gone', async () => {
    const holder = start('hold');
    await holder.said(1);
    const { pid } = holder.child;
    await expect(openEmbeddedJournal({ path })).rejects.toMatchObject({
      code: 'DATAFLOW_ERR_JOURNAL_LOCKED',
      message: expect.stringContaining(`Process ${pid} has the journal`),
      details: { pid },
    });
    const { facts } = await start('open').closed;
    expect(facts).toMatchObject([{ code: 'DATAFLOW_ERR_JOURNAL_LOCKED', details: { pid } }]);
    holder.child.stdin.end();
    expect((await holder.closed).stderr).toBe('');
    expect((await start('open').closed).facts).toEqual([{ opened: expect.any(Number) }]);
  });

  test('leaves nothing to clean up when it is killed', async () => {
    const holder = start('hold');
    await holder.said(1);
    holder.child.kill('SIGKILL');
    await holder.closed;
    expect(existsSync(join(path, 'journal.pid'))).toBe(true);
    const looking = await openEmbeddedJournalReadOnly({ path });
    expect(await looking.keys()).toEqual(['held']);
    await looking.close();
    const journal = await openEmbeddedJournal({ path });
    expect(await journal.keys()).toEqual(['held']);
    await journal.close();
    expect(existsSync(join(path, 'journal.pid'))).toBe(false);
    expect(existsSync(join(path, 'journal.db-wal'))).toBe(false);
  });

  test('is one in a process too, whatever the path is written like', async () => {
    const journal = await openEmbeddedJournal({ path });
    const link = `${path}-link`;
    symlinkSync(path, link);
    for (const other of [path, `${path}/.`, link]) {
      await expect(openEmbeddedJournal({ path: other })).rejects.toMatchObject({
        code: 'DATAFLOW_ERR_JOURNAL_LOCKED',
        details: { pid: process.pid },
      });
    }
    rmSync(link);
    await journal.close();
    await (await openEmbeddedJournal({ path })).close();
  });

  test('can be watched by readers and by the sqlite3 shell, which see what it appended', async () => {
    const journal = await openEmbeddedJournal({ path });
    await journal.append('watched', 0, [{ data: { amount: 7 }, tags: ['a', 'b'], timestamp: 1 }]);
    expect((await start('look').closed).facts).toEqual([{ keys: ['watched'] }]);
    const reader = await openEmbeddedJournalReadOnly({ path });
    await journal.append('watched', 1, [{ data: { amount: 8 }, tags: [], timestamp: 2 }]);
    expect(await readAll(reader, 'watched')).toHaveLength(2);
    await expect(reader.append('watched', 2, [])).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_READ_ONLY' });
    await expect(reader.deleteEvents('watched', 2)).rejects.toMatchObject({ code: 'DATAFLOW_ERR_JOURNAL_READ_ONLY' });
    await reader.close();

    const shell = spawn('sqlite3', [
      join(path, 'journal.db'),
      `SELECT json_extract(data, '$.amount') FROM events JOIN tag_set_members USING (tag_set)
       JOIN tags ON tags.id = tag_set_members.tag WHERE tags.tag = 'b'; PRAGMA integrity_check;`,
    ]);
    const ran = await new Promise<string | undefined>((resolve) => {
      let output = '';
      shell.stdout.on('data', (data) => {
        output += data;
      });
      shell.on('error', () => resolve(undefined));
      shell.on('close', () => resolve(output));
    });
    // Machines without the shell have nothing to check here.
    if (ran !== undefined) expect(ran).toBe('7\nok\n');
    await journal.append('watched', 2, [{ data: { amount: 9 }, tags: [], timestamp: 3 }]);
    await journal.close();
  });
});

describe('a process that ends', () => {
  test('without close ends by itself, with its appends durable and a silent stderr', async () => {
    const { facts, stderr } = await start('leave').closed;
    expect(facts).toEqual([{ acknowledged: 500 }]);
    expect(stderr).toBe('');
    const journal = await openEmbeddedJournal({ path });
    expect(await journal.highestSequence('left')).toBe(500);
    await journal.close();
  });

  test('by kill -9 loses nothing it was told is durable, ten times over', async () => {
    const acknowledged = new Map<string, number>();
    for (let round = 1; round <= 10; round++) {
      const writer = start('write');
      await writer.said(20 + round * 15);
      writer.child.kill('SIGKILL');
      for (const fact of (await writer.closed).facts) acknowledged.set(fact.key, fact.acknowledged);
      const journal = await openEmbeddedJournal({ path });
      for (const [key, sequence] of acknowledged) {
        const events = await readAll(journal, key);
        expect(events.length).toBeGreaterThanOrEqual(sequence);
        expect(events.length % 2).toBe(0);
        expect(events.every((event, index) => event.sequence === index + 1 && event.data.number === index + 1)).toBe(
          true,
        );
      }
      await journal.close();
    }
    expect(acknowledged.size).toBe(10);
  });
});

describe('a limit on the size of files', () => {
  test('refuses the append as full, stores nothing of it, and keeps what was acknowledged', async () => {
    // 600 blocks of 512 bytes; the shell's exec keeps it to one process.
    const { facts } = await start('fill', '/bin/sh', '-c', 'ulimit -f 600; exec "$0" "$@"').closed;
    const full = { code: 'DATAFLOW_ERR_JOURNAL_FULL', disposition: 'retry' };
    const last = facts.findLast((fact) => fact.acknowledged !== undefined).acknowledged;
    expect(last).toBeGreaterThan(10);
    // A first refusal may write the log back and find room in it again; two running are the end.
    expect(facts.filter((fact) => fact.acknowledged === undefined && fact.closed === undefined)).toEqual(
      expect.arrayContaining([full]),
    );
    expect(facts.slice(-3)).toEqual([full, full, { closed: true }]);
    const journal = await openEmbeddedJournal({ path });
    expect(await journal.highestSequence('filled')).toBe(last);
    await journal.append('filled', last, [{ data: { number: last + 1 }, tags: [], timestamp: 1 }]);
    await journal.close();
  });
});
