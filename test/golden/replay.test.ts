import { copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { PipelineEventType } from '../../src/domain/event.ts';
import { openEmbeddedJournal } from '../../src/journals/embedded/open.ts';
import { exportJournal } from '../../src/journals/export-journal.ts';
import { importJournal } from '../../src/journals/import-journal.ts';
import { createMemoryJournal } from '../../src/journals/memory.ts';
import type { Journal } from '../../src/runtime/journal.ts';
import { readState } from '../../src/runtime/read-state.ts';
import { encodeSnapshot } from '../../src/runtime/snapshots.ts';
import { startTestPlatform } from '../../src/testing/test-platform.ts';
import { folderWith } from '../support/folder.ts';

const GOLDEN = import.meta.dirname;
const RECORDINGS = readdirSync(GOLDEN)
  .filter((name) => existsSync(join(GOLDEN, name, 'states.json')))
  .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));

type States = Readonly<Record<string, { readonly sequence: number; readonly status: string }>>;

const statesOf = (recording: string): States =>
  JSON.parse(readFileSync(join(GOLDEN, recording, 'states.json'), 'utf8')) as States;

/** A copy, so that nothing changes the recording. */
async function openCopy(recording: string) {
  const path = await folderWith();
  copyFileSync(join(GOLDEN, recording, 'journal.db'), join(path, 'journal.db'));
  return openEmbeddedJournal({ path });
}

async function imported(recording: string): Promise<Journal> {
  const journal = createMemoryJournal();
  const file = await open(join(GOLDEN, recording, 'journal.ndjson'));
  await importJournal(journal, file.createReadStream());
  return journal;
}

/** As the recording writes states; fields that later versions add are theirs. */
async function replayed(journal: Journal): Promise<States> {
  const states: Record<string, States[string]> = {};
  for (const key of await journal.keys()) {
    const { state, sequence } = await readState(journal, key);
    const { state: plain } = encodeSnapshot(state) as { state: object };
    states[key] = JSON.parse(JSON.stringify({ sequence, ...plain }));
  }
  return states;
}

async function linesOf(journal: Journal): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of exportJournal(journal)) lines.push(line);
  return lines;
}

describe.each(RECORDINGS)('the journal of version %s', (recording) => {
  const states = statesOf(recording);

  test('leads to the recorded states from the database', async () => {
    const journal = await openCopy(recording);
    expect(await replayed(journal)).toMatchObject(states);
    await journal.close();
  });

  test('leads to the recorded states from the export', async () => {
    const journal = await imported(recording);
    expect(await replayed(journal)).toMatchObject(states);
    expect(await journal.keys()).toEqual(expect.arrayContaining(Object.keys(states)));
  });

  test('leads to the recorded states without its snapshots, where no event is deleted', async () => {
    const journal = await openCopy(recording);
    let whole = 0;
    for (const key of Object.keys(states)) {
      let first: number | undefined;
      for await (const [event] of journal.read(key, { to: 1 })) first = event?.sequence;
      if (first !== 1) continue;
      whole++;
      await journal.deleteSnapshots(key);
    }
    expect(whole).toBeGreaterThanOrEqual(7);
    expect(await replayed(journal)).toMatchObject(states);
    await journal.close();
  });

  test('is the same in the database as in the export', async () => {
    const [database, text] = [await openCopy(recording), await imported(recording)];
    expect(await linesOf(database)).toEqual(await linesOf(text));
    expect((await database.inspect()).findings).toEqual([]);
    await database.close();
  });

  test('is recovered by a platform, which goes on with it', async () => {
    const warnings: string[] = [];
    const { platform } = await startTestPlatform({
      journal: await openCopy(recording),
      onWarning: (message) => warnings.push(message),
    });
    const found = Object.fromEntries(platform.listPipelines().map(({ id, status }) => [id, status]));
    expect(found).toEqual(Object.fromEntries(Object.entries(states).map(([id, { status }]) => [id, status])));
    await platform.pipeline('paused').stop('seen');
    await platform.pipeline('failed').reset();
    expect((await platform.pipeline('paused').state()).status).toBe('stopped');
    expect(warnings).toEqual([]);
    await platform.shutdown();
  });
});

/** The compiler asks for every kind here, and the test for every kind in the newest recording. */
const KINDS: Readonly<Record<PipelineEventType, true>> = {
  PipelineCreated: true,
  PipelineStarted: true,
  PipelineStopped: true,
  PipelinePaused: true,
  PipelineResumed: true,
  BatchIngested: true,
  BatchProcessed: true,
  CheckpointUpdated: true,
  PipelineFailed: true,
  PipelineReset: true,
  ConfigUpdated: true,
  RetryScheduled: true,
  BatchTimedOut: true,
  BatchFailed: true,
  RecordsDeadLettered: true,
  PipelineRemoved: true,
};

test('the newest recording has every kind of event and every state', async () => {
  const newest = RECORDINGS.at(-1)!;
  const kinds = new Set<unknown>();
  for await (const chunk of (await imported(newest)).readAll()) for (const { data } of chunk) kinds.add(data.type);
  expect([...kinds].sort()).toEqual(Object.keys(KINDS).sort());
  const found = new Set(Object.values(statesOf(newest)).map(({ status }) => status));
  expect([...found].sort()).toEqual(['configured', 'failed', 'paused', 'running', 'stopped']);
});
