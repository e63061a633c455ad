import { expect, test } from '@jest/globals';
import { settle } from '../../src/testing/manual-clock.ts';
import { createCommand, deferred, Lab, outcomeOf } from '../support/lab.ts';
import { nact, PlainStore, startPlain, storing } from '../support/plain-nact.ts';

test('control: plain nact goes on with an empty state and writes the numbers again', async () => {
  const store = new PlainStore();
  for (const sequenceNumber of [1, 2, 3]) {
    store.events.push({ key: 'key', sequenceNumber, data: sequenceNumber, isDeleted: false });
  }
  store.onRead = () => {
    throw new Error('unreadable');
  };
  const system = startPlain(store);
  const actor = nact.spawnPersistent(system, storing, 'key', 'a', {
    // biome-ignore lint/suspicious/noExplicitAny: nact has no types for it.
    onCrash: (_message: any, _error: any, context: any) => context.resume,
  });
  nact.dispatch(actor, 'one');
  nact.dispatch(actor, 'two');
  await settle();
  nact.stop(actor);
  nact.stop(system);
  expect(store.sequences).toEqual([1, 2, 3, 1, 2]);
});

test.each(['before', 'after'])('a read error %s the first chunk is tried again with a growing pause', async (when) => {
  const first = new Lab();
  await first.running('p');
  const lab = first.next();
  const errors = when === 'before' ? lab.journal.readErrors : lab.journal.lateReadErrors;
  errors.push(new Error('unreadable'), new Error('unreadable'));
  const actor = lab.runtime.spawn('p');
  await settle();
  expect(await outcomeOf(actor.ready)).toBe('pending');
  await lab.clock.advance(99);
  expect(lab.journal.reads).toHaveLength(1);
  await lab.clock.advance(1);
  expect(lab.journal.reads).toHaveLength(2);
  await lab.clock.advance(200);
  await expect(actor.ready).resolves.toMatchObject({ status: 'running' });
  expect(lab.journal.appends).toEqual([]);
  await lab.stop();
});

test('after three failures senders are told; the actor still comes back', async () => {
  const first = new Lab();
  await first.running('p');
  const lab = first.next();
  lab.journal.readErrors.push(...Array.from({ length: 5 }, () => new Error('unreadable')));
  const actor = lab.runtime.spawn('p');
  const early = actor.send({ type: 'PausePipeline', reason: 'x' });
  early.catch(() => {});
  await lab.clock.advance(700);
  expect(await outcomeOf(early)).toBe('DATAFLOW_ERR_RECOVERY_FAILED');
  await lab.clock.advance(60_000);
  await expect(actor.send({ type: 'GetState' })).resolves.toMatchObject({ state: { status: 'running' } });
  expect(await lab.storedTypes('p')).toEqual(['PipelineCreated', 'PipelineStarted']);
  await lab.stop();
});

test.each([
  [
    'while it reads',
    (lab: Lab) => {
      lab.journal.beforeRead = () => new Promise(() => {});
    },
  ],
  ['in the pause after an error', (lab: Lab) => void lab.journal.readErrors.push(new Error('unreadable'))],
])('a stop during recovery, %s, ends at once and leaves nothing behind', async (_name, prepare) => {
  const first = new Lab();
  await first.running('p');
  const lab = first.next();
  prepare(lab);
  const actor = lab.runtime.spawn('p');
  await settle();
  const stopped = lab.runtime.stop('p', 10_000);
  expect(await outcomeOf(stopped)).toBe('resolved');
  expect(await outcomeOf(actor.ready)).toBe('DATAFLOW_ERR_PIPELINE_STOPPED');
  expect(lab.clock.pending).toBe(0);
  await lab.clock.advance(60_000);
  expect(lab.recorder.restored).toEqual([]);
  expect(lab.sink.opened).toBe(0);
  await lab.stop();
});

test('what an earlier incarnation still reads does not reach its successor', async () => {
  const first = new Lab();
  await first.running('p');
  const lab = first.next();
  const gate = deferred();
  lab.journal.beforeRead = () => gate.promise;
  const old = lab.runtime.spawn('p');
  await settle();
  await lab.runtime.stop('p', 1000);
  lab.journal.beforeRead = undefined;
  const successor = lab.runtime.spawn('p');
  await successor.ready;
  gate.resolve();
  await settle();
  expect(successor.state.status).toBe('running');
  expect(lab.recorder.restored).toEqual([['p', 'running']]);
  expect(await outcomeOf(old.send({ type: 'PausePipeline', reason: 'x' }))).toBe('DATAFLOW_ERR_PIPELINE_STOPPED');
  await expect(successor.send({ type: 'GetState' })).resolves.toMatchObject({ state: { status: 'running' } });
  await lab.stop();
});

test('a command sent before recovery is decided after it', async () => {
  const first = new Lab();
  await first.running('p');
  const lab = first.next();
  const actor = lab.runtime.spawn('p');
  await expect(actor.send(createCommand('p'))).rejects.toMatchObject({ code: 'DATAFLOW_ERR_COMMAND_REFUSED' });
  await lab.stop();
});
