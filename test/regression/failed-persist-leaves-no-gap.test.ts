import { expect, test } from '@jest/globals';
import { settle } from '../../src/testing/manual-clock.ts';
import { createCommand, Lab, outcomeOf } from '../support/lab.ts';
import { nact, PlainStore, startPlain, storing } from '../support/plain-nact.ts';

test('control: plain nact leaves a gap after a failed persist and resume', async () => {
  const store = new PlainStore();
  const system = startPlain(store);
  const actor = nact.spawnPersistent(system, storing, 'key', 'a', {
    // biome-ignore lint/suspicious/noExplicitAny: nact has no types for it.
    onCrash: (_message: any, _error: any, context: any) => context.resume,
  });
  nact.dispatch(actor, 'one');
  await settle();
  store.onPersist = async () => {
    store.onPersist = undefined;
    throw new Error('disk');
  };
  nact.dispatch(actor, 'two');
  nact.dispatch(actor, 'three');
  await settle();
  nact.stop(actor);
  nact.stop(system);
  expect(store.sequences).toEqual([1, 3]);
});

test.each([1, 2])('an append that fails %i times before the commit is tried again without a gap', async (times) => {
  const lab = new Lab();
  const actor = await lab.running('p');
  for (let i = 0; i < times; i++) lab.journal.appendFaults.push({ kind: 'reject' });
  const paused = actor.send({ type: 'PausePipeline', reason: 'x' });
  await lab.clock.advance(60_000);
  await expect(paused).resolves.toMatchObject({ state: { status: 'paused' } });
  expect((await lab.stored('p')).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  expect(await lab.storedTypes('p')).toEqual(['PipelineCreated', 'PipelineStarted', 'PipelinePaused']);
  expect(lab.recorder.types()).toEqual(await lab.storedTypes('p'));
  await lab.stop();
});

test('the sender is told after the third failure, nothing is stored, and the pipeline goes on', async () => {
  const lab = new Lab();
  const actor = await lab.running('p');
  for (let i = 0; i < 3; i++) lab.journal.appendFaults.push({ kind: 'reject' });
  const paused = actor.send({ type: 'PausePipeline', reason: 'x' });
  const outcome = outcomeOf(paused);
  await lab.clock.advance(60_000);
  await outcome;
  expect(await outcomeOf(paused)).toBe('DATAFLOW_ERR_JOURNAL_APPEND_FAILED');
  expect(actor.state.status).toBe('running');
  expect(await lab.storedTypes('p')).toEqual(['PipelineCreated', 'PipelineStarted']);
  await expect(actor.send({ type: 'PausePipeline', reason: 'y' })).resolves.toMatchObject({
    state: { pauseReason: 'y' },
  });
  await lab.stop();
});

test('a creation that fails leaves no pipeline and no number behind', async () => {
  const lab = new Lab();
  const actor = lab.runtime.spawn('p');
  await settle();
  lab.journal.appendFaults.push({ kind: 'reject' }, { kind: 'reject' }, { kind: 'reject' });
  const created = actor.send(createCommand('p'));
  created.catch(() => {});
  await lab.clock.advance(60_000);
  expect(await outcomeOf(created)).toBe('DATAFLOW_ERR_JOURNAL_APPEND_FAILED');
  expect(actor.state).toEqual({ status: 'empty' });
  await actor.send(createCommand('p'));
  expect((await lab.stored('p')).map(({ sequence }) => sequence)).toEqual([1]);
  await lab.stop();
});
