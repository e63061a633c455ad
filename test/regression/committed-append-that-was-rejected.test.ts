import { expect, test } from '@jest/globals';
import { settle } from '../../src/testing/manual-clock.ts';
import { ingest, Lab, outcomeOf, plain } from '../support/lab.ts';
import { nact, PlainStore, startPlain, storing } from '../support/plain-nact.ts';

test('control: plain nact and its journal disagree for ever', async () => {
  const store = new PlainStore();
  const system = startPlain(store);
  let live: unknown;
  const actor = nact.spawnPersistent(
    system,
    // biome-ignore lint/suspicious/noExplicitAny: nact has no types for it.
    async (state: any, message: any, context: any) => {
      live = await storing(state, message, context);
      return live;
    },
    'key',
    'a',
    // biome-ignore lint/suspicious/noExplicitAny: nact has no types for it.
    { onCrash: (_message: any, _error: any, context: any) => context.resume },
  );
  store.onPersist = async (_event, commit) => {
    store.onPersist = undefined;
    commit();
    throw new Error('connection lost');
  };
  nact.dispatch(actor, 'one');
  nact.dispatch(actor, 'two');
  await settle();
  nact.stop(actor);
  nact.stop(system);
  expect(store.events.map(({ data }) => data)).toEqual(['one', 'two']);
  expect(live).toEqual(['two']);
});

test('a command whose append was stored although it was rejected happens once and is acknowledged', async () => {
  const lab = new Lab();
  const actor = await lab.running('p');
  lab.journal.appendFaults.push({ kind: 'reject-after-commit' });
  const paused = actor.send({ type: 'PausePipeline', reason: 'x' });
  await lab.clock.advance(1000);
  await expect(paused).resolves.toMatchObject({ state: { status: 'paused' } });
  expect(await lab.storedTypes('p')).toEqual(['PipelineCreated', 'PipelineStarted', 'PipelinePaused']);
  expect(lab.recorder.types()).toEqual(await lab.storedTypes('p'));
  expect(plain(actor.state)).toEqual(plain(await lab.replayed('p')));
  await lab.stop();
});

test('an outcome of a batch that was stored although it was rejected is not written to the sink again', async () => {
  const lab = new Lab();
  const actor = await lab.running('p');
  lab.journal.alwaysOnAppend = (_key, events) =>
    events.some(({ data }) => data.type === 'BatchProcessed') ? { kind: 'reject-after-commit' } : undefined;
  const batch = ingest(actor, 'b1');
  await lab.clock.advance(1000);
  await expect(batch).resolves.toMatchObject({ batch: { batchId: 'b1', successCount: 3, duplicate: false } });
  expect(lab.sink.batchIds).toEqual(['b1']);
  expect(lab.recorder.types().filter((type) => type === 'BatchProcessed')).toHaveLength(1);
  await lab.stop();
});

test('a start that was stored although it was rejected opens one session', async () => {
  const lab = new Lab();
  const actor = await lab.running('p');
  await actor.send({ type: 'StopPipeline', reason: 'x' });
  const opened = lab.sink.opened;
  lab.journal.appendFaults.push({ kind: 'reject-after-commit' });
  const started = actor.send({ type: 'StartPipeline' });
  await lab.clock.advance(1000);
  await expect(started).resolves.toMatchObject({ state: { status: 'running' } });
  expect(lab.sink.opened).toBe(opened + 1);
  await lab.stop();
});

test('a group that was stored is settled even where the journal cannot be read for a while', async () => {
  const lab = new Lab();
  const actor = await lab.running('p');
  lab.journal.appendFaults.push({ kind: 'reject-after-commit' });
  lab.journal.readErrors.push(...Array.from({ length: 4 }, () => new Error('unreadable')));
  const paused = actor.send({ type: 'PausePipeline', reason: 'x' });
  await settle();
  const later = actor.send({ type: 'GetState' });
  later.catch(() => {});
  await lab.clock.advance(60_000);
  await expect(paused).resolves.toMatchObject({ state: { status: 'paused' } });
  // Who merely waited was told that the journal cannot be read, instead of waiting for ever.
  expect(await outcomeOf(later)).toBe('DATAFLOW_ERR_RECOVERY_FAILED');
  await lab.stop();
});

test('another writer in the place of a failed append ends the actor, and every sender is told', async () => {
  const lab = new Lab();
  const actor = await lab.running('p');
  const foreign = { data: { type: 'PipelineStopped' }, tags: [], timestamp: 1 };
  const [first] = await lab.stored('p');
  lab.journal.appendFaults.push({
    kind: 'foreign-writer',
    event: { ...foreign, data: { ...first!.data, type: 'PipelineStopped', reason: 'other', finalMetrics: {} } },
  });
  const paused = actor.send({ type: 'PausePipeline', reason: 'x' });
  const batch = ingest(actor, 'b');
  for (const promise of [paused, batch]) promise.catch(() => {});
  await lab.clock.advance(1000);
  expect(await outcomeOf(paused)).toBe('DATAFLOW_ERR_JOURNAL_CONFLICT');
  expect(await outcomeOf(batch)).toBe('DATAFLOW_ERR_JOURNAL_CONFLICT');
  expect(await outcomeOf(actor.send({ type: 'GetState' }))).toBe('DATAFLOW_ERR_JOURNAL_CONFLICT');
  expect((await lab.stored('p')).length).toBe(3);
  await lab.stop();
});
