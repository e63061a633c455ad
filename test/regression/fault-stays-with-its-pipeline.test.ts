import { AsyncLocalStorage } from 'node:async_hooks';
import { expect, test } from '@jest/globals';
import { settle } from '../../src/testing/manual-clock.ts';
import { CountingRecorder, countingSource, deferred, ingest, Lab, outcomeOf, payload, plain } from '../support/lab.ts';
import { nact, PlainStore, startPlain } from '../support/plain-nact.ts';

test('a pipeline that fails, and one whose journal fails, disturb no other', async () => {
  const lab = new Lab();
  const good = await lab.running('good');
  const bad = await lab.running('bad');
  const unlucky = await lab.running('unlucky');
  lab.journal.alwaysOnAppend = (key) => (key === 'unlucky' ? { kind: 'reject' } : undefined);
  const lost = ingest(unlucky, 'u');
  lost.catch(() => {});
  lab.sink.onWrite = ({ pipelineId }) => {
    if (pipelineId === 'bad') throw new Error('broken sink');
  };
  await expect(ingest(bad, 'b')).rejects.toMatchObject({ code: 'DATAFLOW_ERR_PIPELINE_FAILED' });
  for (let i = 0; i < 5; i++) await ingest(good, `g${i}`);
  expect([good.state.status, bad.state.status, unlucky.state.status]).toEqual(['running', 'failed', 'running']);
  lab.journal.alwaysOnAppend = undefined;
  await lab.clock.advance(60_000);
  await lab.stop();
});

test('control: plain nact shares a mutable initial state between two lives', async () => {
  const store = new PlainStore();
  const system = startPlain(store);
  let live: number[] = [];
  // biome-ignore lint/suspicious/noExplicitAny: nact has no types for it.
  const pushing = async (state: any, message: any, context: any) => {
    if (message === 'crash') throw new Error('crash');
    if (!context.recovering) await context.persist(message);
    state.push(message);
    live = state;
    return state;
  };
  const actor = nact.spawnPersistent(system, pushing, 'key', 'a', {
    initialState: [],
    // biome-ignore lint/suspicious/noExplicitAny: nact has no types for it.
    onCrash: (_message: any, _error: any, context: any) => context.reset,
  });
  for (const message of ['one', 'two', 'crash']) nact.dispatch(actor, message);
  await settle();
  nact.stop(actor);
  nact.stop(system);
  expect(live).toEqual(['one', 'two', 'one', 'two']);
});

test('recovery after a fault starts from a new state', async () => {
  const lab = new Lab();
  const actor = await lab.running('p');
  await ingest(actor, 'a');
  lab.journal.appendFaults.push({ kind: 'reject' }, { kind: 'reject' });
  const batch = ingest(actor, 'b');
  await lab.clock.advance(10_000);
  await batch;
  expect(actor.state).toMatchObject({ metrics: { totalBatchesProcessed: 2, totalRecordsProcessed: 6 } });
  expect(plain(actor.state)).toEqual(plain(await lab.replayed('p')));
  await lab.stop();
});

test('replay counts, writes and sends nothing', async () => {
  const first = new Lab();
  const actor = await first.running('p');
  for (const id of ['a', 'b', 'c']) await ingest(actor, id);
  const lab = first.next();
  const again = lab.runtime.spawn('p');
  await again.ready;
  await lab.clock.advance(1000);
  expect(lab.recorder.events).toEqual([]);
  expect(lab.recorder).toMatchObject({ recoveries: 1, replayed: 11, restored: [['p', 'running']], inflight: [] });
  expect(lab.sink.written).toEqual([]);
  expect(lab.journal.appends).toEqual([]);
  await lab.stop();
});

test('a listener that throws is warned about, and every sender gets its answer', async () => {
  const lab = new Lab();
  const actor = await lab.running('p');
  actor.listen({
    changed: () => {
      throw new Error('a bug in the progress bar');
    },
    ended: () => {
      throw new Error('another');
    },
  });
  await expect(ingest(actor, 'a')).resolves.toMatchObject({ batch: { successCount: 3 } });
  expect(lab.warnings.length).toBeGreaterThan(0);
  expect(lab.journal.reads).toHaveLength(1);
  await lab.stop();
});

test('a command that cannot be decided is refused; the ones beside it are not', async () => {
  const lab = new Lab();
  const actor = await lab.running('p');
  const broken = actor.send({ type: 'ReportFailure' } as never);
  const good = actor.send({ type: 'PausePipeline', reason: 'x' });
  expect(await outcomeOf(broken)).toBe('DATAFLOW_ERR_COMMAND_INVALID');
  expect(await outcomeOf(good)).toBe('resolved');
  await lab.stop();
});

test('a group in which a batch begins and the pipeline fails answers everybody', async () => {
  const lab = new Lab();
  const actor = await lab.running('p');
  await actor.send({ type: 'StopPipeline', reason: 'x' });
  const sent = [
    actor.send({ type: 'StartPipeline' }),
    ingest(actor, 'a'),
    actor.send({
      type: 'ReportFailure',
      error: { errorType: 'system', code: 'BAD', message: 'bad', retryable: false },
    }),
  ];
  expect(await Promise.all(sent.map(outcomeOf))).toEqual(['resolved', 'DATAFLOW_ERR_BATCH_ABANDONED', 'resolved']);
  await lab.stop();
});

test('sink code sees the async context of who sent the batch, and a pulled batch that of nobody', async () => {
  const storage = new AsyncLocalStorage<string>();
  const seen: [string, string | undefined][] = [];
  const lab = new Lab({
    connectors: (key) => (key === 'pull' ? { source: countingSource(20) } : {}),
  });
  lab.sink.onWrite = ({ batchId }) => void seen.push([batchId, storage.getStore()]);
  const actor = await storage.run('creator', () => lab.running('push'));
  for (const user of ['A', 'B']) {
    await storage.run(user, () => {
      const context = AsyncLocalStorage.snapshot();
      const batch = payload(user, [1], { runInContext: (work) => context(work) });
      return actor.send({ type: 'IngestBatch', batchId: user, recordCount: 1, sourceOffset: 0 }, batch);
    });
  }
  await storage.run('starter', () => lab.running('pull'));
  await settle();
  expect(seen).toEqual([
    ['A', 'A'],
    ['B', 'B'],
    ['pull:0', undefined],
    ['pull:10', undefined],
  ]);
  await lab.stop();
});

test('a late append of a stopped actor is counted but brings no gauge back', async () => {
  const recorder = new CountingRecorder();
  const lab = new Lab({ recorder });
  const actor = await lab.running('p');
  const gate = deferred();
  lab.journal.appendFaults.push({ kind: 'hold', until: gate.promise });
  const paused = actor.send({ type: 'PausePipeline', reason: 'x' });
  await settle();
  const stopped = lab.runtime.stop('p', 10);
  await lab.clock.advance(5000);
  await stopped;
  const released = recorder.released.length;
  gate.resolve();
  await paused;
  expect(recorder.types().at(-1)).toBe('PipelinePaused');
  expect(recorder.released.length).toBeGreaterThan(released);
  await lab.stop();
});
