/** The file sink of a pipeline that passes from one process to another. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { FILE_SINK } from '../../../../src/connectors/sinks/file.ts';
import type { Json } from '../../../../src/domain/json.ts';
import type { SinkSpec } from '../../../../src/domain/spec.ts';
import type { Sink, SinkLease } from '../../../../src/runtime/connector.ts';
import { GatedSink } from '../../../support/gated-sink.ts';
import { failureOf, NEVER, sinkSpec, temporaryFolder, writeTo } from '../support/harness.ts';

const folder = temporaryFolder();
const open: Sink[] = [];
let older: GatedSink;
let newer: GatedSink;
beforeAll(() => {
  older = new GatedSink();
  newer = new GatedSink();
});
afterEach(async () => {
  for (const sink of open.splice(0)) await sink.close!();
});
afterAll(async () => {
  await older.end();
  await newer.end();
  folder.remove();
});

const content = (name: string) => readFileSync(folder.path(name), 'utf8');
const inode = (name: string) => statSync(folder.path(name)).ino;
/** What lies in the folder `name` beside the output; markers as their epoch. */
const beside = (name: string) =>
  readdirSync(folder.path(name))
    .filter((entry) => entry.startsWith('.'))
    .map((entry) => entry.replace(/^.*\./, ''))
    .sort();

const FIRST: SinkLease = { epoch: 1, takeoverEpoch: 0 };
const TAKEN_OVER: SinkLease = { epoch: 2, takeoverEpoch: 2 };
const HANDED_ON: SinkLease = { epoch: 3, takeoverEpoch: 2 };

async function openAs(
  name: string,
  lease: SinkLease,
  committed?: Json,
  { options = {}, fresh = false, signal = NEVER, pipelineId = 'p' }: Partial<OpenOptions> = {},
): Promise<Sink> {
  const sink = FILE_SINK.create(sinkSpec(folder.path(name), options));
  open.push(sink);
  await sink.open!({ pipelineId, spec: sinkSpec('x'), committed, fresh, lease, signal });
  return sink;
}
interface OpenOptions {
  readonly options: SinkSpec['options'];
  readonly fresh: boolean;
  readonly signal: AbortSignal;
  readonly pipelineId: string;
}

/** A batch that an owner writes, closed again. */
async function ownerWrites(
  name: string,
  lease: SinkLease,
  records: readonly unknown[],
  committed?: Json,
  options = {},
) {
  const sink = await openAs(name, lease, committed, { options });
  const result = await writeTo(sink, records, committed);
  await sink.close!();
  return result.committed;
}

/** How the older owner opens in its own thread. */
const asOlder = (name: string, committed?: Json, lease = FIRST) => ({
  spec: { connectionString: folder.path(name), options: {} },
  committed,
  lease,
});

describe('one owner after another', () => {
  test('what is committed carries the epoch; a clean hand-over leaves the file as it is', async () => {
    mkdirSync(folder.path('clean'));
    const committed = await ownerWrites('clean/out.ndjson', FIRST, [1, 2]);
    expect(committed).toEqual({ bytes: 4, epoch: 1 });
    const before = inode('clean/out.ndjson');
    const next = await ownerWrites('clean/out.ndjson', { epoch: 2, takeoverEpoch: 0 }, [3], committed);
    expect(next).toEqual({ bytes: 6, epoch: 2 });
    expect(content('clean/out.ndjson')).toBe('1\n2\n3\n');
    expect(inode('clean/out.ndjson')).toBe(before);
    expect(beside('clean')).toEqual(['epoch-2']);
  });

  test('a takeover moves what is committed into a new inode, once it has written there no more (F3)', async () => {
    mkdirSync(folder.path('moved'));
    const committed = await ownerWrites('moved/out.ndjson', FIRST, [1, 2]);
    writeFileSync(folder.path('moved/out.ndjson'), '1\n2\nhalf of wh');
    chmodSync(folder.path('moved/out.ndjson'), 0o604);
    const before = statSync(folder.path('moved/out.ndjson'));
    const taken = await ownerWrites('moved/out.ndjson', TAKEN_OVER, [3], committed);
    expect(content('moved/out.ndjson')).toBe('1\n2\n3\n');
    const after = statSync(folder.path('moved/out.ndjson'));
    expect(after.ino).not.toBe(before.ino);
    expect(after.mode).toBe(before.mode);
    expect(await ownerWrites('moved/out.ndjson', HANDED_ON, [4], taken)).toEqual({ bytes: 8, epoch: 3 });
    expect(inode('moved/out.ndjson')).toBe(after.ino);
    expect(content('moved/out.ndjson')).toBe('1\n2\n3\n4\n');
    expect(beside('moved')).toEqual(['epoch-3']);
  });

  test('a position that no lease was written under is moved too; so is one where nothing is committed', async () => {
    folder.write('legacy.ndjson', '1\n2\n');
    const before = inode('legacy.ndjson');
    await ownerWrites('legacy.ndjson', HANDED_ON, [3], { bytes: 4 });
    expect(inode('legacy.ndjson')).not.toBe(before);
    expect(content('legacy.ndjson')).toBe('1\n2\n3\n');
    folder.write('nothing.ndjson', 'half of what nob');
    const nothing = inode('nothing.ndjson');
    await openAs('nothing.ndjson', TAKEN_OVER);
    expect(inode('nothing.ndjson')).not.toBe(nothing);
    expect(content('nothing.ndjson')).toBe('');
  });

  test('CSV keeps its columns and writes one header; gzip its members', async () => {
    const columns = await ownerWrites('out.csv', FIRST, [{ b: 1, a: 2 }]);
    expect(columns).toEqual({ bytes: 8, columns: ['b', 'a'], epoch: 1 });
    await ownerWrites('out.csv', TAKEN_OVER, [{ a: 3 }], columns);
    expect(content('out.csv')).toBe('b,a\n1,2\n,3\n');
    const member = await ownerWrites('out.ndjson.gz', FIRST, [{ a: 1 }]);
    await ownerWrites('out.ndjson.gz', TAKEN_OVER, [{ a: 2 }], member);
    expect(gunzipSync(readFileSync(folder.path('out.ndjson.gz'))).toString()).toBe('{"a":1}\n{"a":2}\n');
  });

  test('where files can share blocks, the copy is cut to what is committed', async () => {
    const committed = await ownerWrites('clone.ndjson', FIRST, [1, 2]);
    writeFileSync(folder.path('clone.ndjson'), '1\n2\nhalf of wh');
    const opening = { ...asOlder('clone.ndjson', committed, TAKEN_OVER), clones: true };
    const atRename = await older.upTo('rename', await older.begin('open', opening));
    const [copy] = readdirSync(folder.path('.')).filter(
      (name) => name.startsWith('.clone.ndjson.') && /copy/.test(name),
    );
    expect(content(copy!)).toBe('1\n2\n');
    await older.finish(atRename);
    expect(content('clone.ndjson')).toBe('1\n2\n');
    await older.finish(await older.begin('close'));
  });

  test('a large file is copied whole', async () => {
    const big = 'x'.repeat(5_000_000);
    const committed = await ownerWrites('big.txt', FIRST, [big]);
    await ownerWrites('big.txt', TAKEN_OVER, ['end'], committed);
    expect(content('big.txt')).toBe(`${big}\nend\n`);
  });

  test('without a lease there is nothing but the file, and no epoch', async () => {
    mkdirSync(folder.path('alone'));
    const sink = FILE_SINK.create(sinkSpec(folder.path('alone/out.ndjson')));
    open.push(sink);
    await sink.open!({ pipelineId: 'p', spec: sinkSpec('x'), committed: undefined, fresh: true, signal: NEVER });
    expect((await writeTo(sink, [1])).committed).toEqual({ bytes: 2 });
    expect(readdirSync(folder.path('alone'))).toEqual(['out.ndjson']);
  });

  test('the file that a link leads to is moved, not the link', async () => {
    mkdirSync(folder.path('linked'));
    mkdirSync(folder.path('real'));
    folder.write('real/out.ndjson', '1\n');
    symlinkSync(folder.path('real/out.ndjson'), folder.path('linked/link.ndjson'));
    await ownerWrites('linked/link.ndjson', TAKEN_OVER, [2], { bytes: 2, epoch: 1 });
    expect(content('real/out.ndjson')).toBe('1\n2\n');
    expect(readdirSync(folder.path('linked'))).toEqual(['link.ndjson']);
    expect(beside('real')).toEqual(['epoch-2']);
  });

  test('a file that a user keeps is refused before it is moved, and so is one that became shorter', async () => {
    folder.write('kept.ndjson', 'kept\n');
    const before = inode('kept.ndjson');
    const refusing = openAs('kept.ndjson', TAKEN_OVER, undefined, { options: { ifExists: 'refuse' }, fresh: true });
    expect((await failureOf(refusing)).code).toBe('DATAFLOW_ERR_SINK_EXISTS');
    const longer = openAs('kept.ndjson', TAKEN_OVER, { bytes: 9, epoch: 1 });
    expect((await failureOf(longer)).code).toBe('DATAFLOW_ERR_SINK_CHANGED');
    expect(content('kept.ndjson')).toBe('kept\n');
    expect(inode('kept.ndjson')).toBe(before);
    await openAs('kept.ndjson', TAKEN_OVER, { bytes: 5, epoch: 1 });
  });
});

describe('names beside the output', () => {
  test('long names, outputs whose names continue one another, and several pipelines do not meet', async () => {
    mkdirSync(folder.path('names'));
    const long = ['é', 'ö'].map((letter) => `names/${letter.repeat(122)}.txt`);
    for (const name of ['names/a', 'names/a.b', ...long]) {
      await ownerWrites(name, HANDED_ON, ['x'], { bytes: 0, epoch: 3 });
      await ownerWrites(name, { epoch: 4, takeoverEpoch: 4 }, ['y'], { bytes: 2, epoch: 3 });
      expect(content(name)).toBe('x\ny\n');
    }
    const other = await openAs('names/a', FIRST, undefined, { pipelineId: 'q' });
    await writeTo(other, ['of another pipeline']);
    expect(beside('names')).toEqual(['epoch-1', 'epoch-4', 'epoch-4', 'epoch-4', 'epoch-4']);
  });

  test('what a killed owner has left there goes with the next one', async () => {
    mkdirSync(folder.path('left'));
    const committed = await ownerWrites('left/out.ndjson', FIRST, [1]);
    await older.upTo('rename', await older.begin('open', asOlder('left/out.ndjson', committed, TAKEN_OVER)));
    expect(beside('left')).toEqual([expect.stringMatching(/^copy-2-/), 'epoch-2']);
    await ownerWrites('left/out.ndjson', { epoch: 3, takeoverEpoch: 3 }, [2], committed);
    expect(beside('left')).toEqual(['epoch-3']);
    expect(content('left/out.ndjson')).toBe('1\n2\n');
    expect(await older.finish(await older.go())).toMatchObject({ failed: { code: 'DATAFLOW_ERR_SINK_FENCED' } });
    expect(content('left/out.ndjson')).toBe('1\n2\n');
  });
});

describe('an owner that comes too late', () => {
  test('is refused, told by whom, and leaves nothing behind; so it is with markers of a journal that was made anew', async () => {
    mkdirSync(folder.path('late'));
    await ownerWrites('late/out.ndjson', HANDED_ON, [1]);
    const error = await failureOf(openAs('late/out.ndjson', TAKEN_OVER, { bytes: 0, epoch: 1 }));
    expect(error.code).toBe('DATAFLOW_ERR_SINK_FENCED');
    expect(error.message).toContain('Pipeline p may not write');
    expect(error.message).toMatch(/under epoch 2 any more: another process has the right to, under epoch 3/);
    expect(beside('late')).toEqual(['epoch-3']);
    expect(content('late/out.ndjson')).toBe('1\n');
    const [, marker] = /delete (.*epoch-3)\.$/.exec(error.message)!;
    rmSync(marker!);
    await openAs('late/out.ndjson', TAKEN_OVER);
  });

  test('writing while the new owner copies: its bytes are in no file (F3)', async () => {
    const { done } = await older.finish(await older.begin('open', asOlder('write.ndjson')));
    expect(done).toBeDefined();
    const first = await older.finish(await older.begin('write', { records: ['one'], committed: undefined }));
    const { committed } = first.done!;
    const writing = await older.upTo('handle.write', await older.begin('write', { records: ['lost'], committed }));
    expect(writing.at).toBe('handle.write');
    const taking = await newer.upTo(
      'rename',
      await newer.begin('open', asOlder('write.ndjson', committed, TAKEN_OVER)),
    );
    await older.finish(await older.go());
    expect(content('write.ndjson')).toBe('"one"\n"lost"\n');
    await newer.finish(taking);
    expect(content('write.ndjson')).toBe('"one"\n');
    await newer.finish(await newer.begin('write', { records: ['two'], committed }));
    const again = await older.finish(await older.begin('write', { records: ['lost'], committed }));
    expect(again).toMatchObject({ failed: { code: 'DATAFLOW_ERR_SINK_FENCED' } });
    expect(content('write.ndjson')).toBe('"one"\n"two"\n');
    for (const sink of [older, newer]) await sink.finish(await sink.begin('close'));
  });

  test('cutting what it takes for its own: what it cuts is not the file (F2, F3)', async () => {
    const committed = await ownerWrites('cut.ndjson', FIRST, [1]);
    const taken = { epoch: 2, takeoverEpoch: 2 };
    writeFileSync(folder.path('cut.ndjson'), '1\nhalf');
    await older.upTo('handle.truncate', await older.begin('open', asOlder('cut.ndjson', committed)));
    await newer.finish(await newer.begin('open', asOlder('cut.ndjson', committed, taken)));
    await newer.finish(await newer.begin('write', { records: [2, 3], committed }));
    const done = await older.finish(await older.go());
    expect(done.failed).toBeUndefined();
    expect(content('cut.ndjson')).toBe('1\n2\n3\n');
    const writes = await older.finish(await older.begin('write', { records: [4], committed }));
    expect(writes).toMatchObject({ failed: { code: 'DATAFLOW_ERR_SINK_FENCED' } });
    expect(content('cut.ndjson')).toBe('1\n2\n3\n');
    for (const sink of [older, newer]) await sink.finish(await sink.begin('close'));
  });

  test('opening the file by its path: it is the new owner’s, and stays as it is (F2)', async () => {
    const committed = await ownerWrites('path.ndjson', FIRST, [1]);
    // Its right is claimed; what follows is the opening of the file.
    let said = await older.upTo('open', await older.begin('open', asOlder('path.ndjson', committed)));
    said = await older.upTo('open', await older.go());
    await newer.finish(await newer.begin('open', asOlder('path.ndjson', committed, TAKEN_OVER)));
    await newer.finish(await newer.begin('write', { records: [2, 3], committed }));
    expect(await older.finish(said)).toMatchObject({ failed: { code: 'DATAFLOW_ERR_SINK_FENCED' } });
    expect(content('path.ndjson')).toBe('1\n2\n3\n');
    await newer.finish(await newer.begin('close'));
  });

  test('between two newer ones, in a listing that shows neither: lower rights go first (F1)', async () => {
    const opening = await older.upTo('open', await older.begin('open', asOlder('three.ndjson')));
    const committed = await ownerWrites('three.ndjson', TAKEN_OVER, [1, 2]);
    await older.upTo('opendir, to its end', opening);
    // The third one begins where the second has ended cleanly, and stands after the first removal.
    await newer.upTo('rm', await newer.begin('open', asOlder('three.ndjson', committed, HANDED_ON)));
    const next = await newer.go();
    expect(await older.finish(await older.go())).toMatchObject({ failed: { code: 'DATAFLOW_ERR_SINK_FENCED' } });
    expect(content('three.ndjson')).toBe('1\n2\n');
    await newer.finish(next);
    await newer.finish(await newer.begin('close'));
  });

  test('moving the file: its copy is gone, or it sees who came (F4)', async () => {
    const committed = await ownerWrites('move.ndjson', FIRST, [1]);
    const third = { epoch: 3, takeoverEpoch: 3 };
    // Copied and asked; only the rename is left.
    const atRename = await older.upTo(
      'rename',
      await older.begin('open', asOlder('move.ndjson', committed, TAKEN_OVER)),
    );
    await newer.finish(await newer.begin('open', asOlder('move.ndjson', committed, third)));
    await newer.finish(await newer.begin('write', { records: [2], committed }));
    expect(await older.finish(atRename)).toMatchObject({ failed: { code: 'DATAFLOW_ERR_SINK_FENCED' } });
    expect(content('move.ndjson')).toBe('1\n2\n');
    await newer.finish(await newer.begin('close'));
  });

  test('moving the file, its copy made after the new owner looked: it asks again before the rename (F4)', async () => {
    const committed = await ownerWrites('look.ndjson', FIRST, [1]);
    const third = { epoch: 3, takeoverEpoch: 3 };
    await older.upTo('copyFile', await older.begin('open', asOlder('look.ndjson', committed, TAKEN_OVER)));
    // It has listed the folder and is about to remove the lower right: that is still there.
    const looked = await newer.upTo('rm', await newer.begin('open', asOlder('look.ndjson', committed, third)));
    const copied = await older.upTo('opendir', await older.go());
    expect(await older.finish(copied)).toMatchObject({ failed: { code: 'DATAFLOW_ERR_SINK_FENCED' } });
    await newer.finish(looked);
    await newer.finish(await newer.begin('write', { records: [2], committed }));
    expect(content('look.ndjson')).toBe('1\n2\n');
    await newer.finish(await newer.begin('close'));
  });
});

describe('within one process', () => {
  test('an opening that is given up in its copying leaves the file as it is, and no copy', async () => {
    mkdirSync(folder.path('given-up'));
    const committed = await ownerWrites('given-up/out.ndjson', FIRST, [1]);
    const before = inode('given-up/out.ndjson');
    const opening = asOlder('given-up/out.ndjson', committed, TAKEN_OVER);
    for (const call of ['copyFile', 'handle.write']) {
      await older.upTo(call, await older.begin('open', opening));
      expect(await older.finish(await older.abort())).toMatchObject({ failed: { code: 'ABORTED' } });
      expect(inode('given-up/out.ndjson')).toBe(before);
      expect(beside('given-up')).toEqual(['epoch-2']);
    }
  });

  test('the next opening waits for the end of one that was given up', async () => {
    mkdirSync(folder.path('twice'));
    const text = 'x'.repeat(20_000_000);
    const committed = await ownerWrites('twice/out.txt', FIRST, [text]);
    const attempt = new AbortController();
    const reason = new Error('too late');
    const first = failureOf(openAs('twice/out.txt', TAKEN_OVER, committed, { signal: attempt.signal }));
    const second = openAs('twice/out.txt', TAKEN_OVER, committed);
    while (!beside('twice').some((name) => name.startsWith('copy-'))) await nextTurn();
    attempt.abort(reason);
    expect(await first).toBe(reason);
    await writeTo(await second, ['y'], committed);
    expect(content('twice/out.txt')).toBe(`${text}\ny\n`);
    expect(beside('twice')).toEqual(['epoch-2']);
  });

  test('a file that another sink has open is not moved away from under it', async () => {
    const sink = await openAs('shared.txt', FIRST);
    const before = inode('shared.txt');
    const error = await failureOf(openAs('shared.txt', TAKEN_OVER, undefined, { pipelineId: 'q' }));
    expect(error.code).toBe('DATAFLOW_ERR_SINK_UNWRITABLE');
    expect(inode('shared.txt')).toBe(before);
    await writeTo(sink, ['a']);
    expect(content('shared.txt')).toBe('a\n');
  });
});
