import { expect, test } from '@jest/globals';
import { settle } from '../../src/testing/manual-clock.ts';
import { deferred, ingest, Lab } from '../support/lab.ts';
import { nact, PlainStore, startPlain } from '../support/plain-nact.ts';

test('control: with plain nact half of a message reaches the journal, and persists overtake each other', async () => {
  const store = new PlainStore();
  const system = startPlain(store);
  // biome-ignore lint/suspicious/noExplicitAny: nact has no types for it.
  const both = async (state: any, message: any, context: any) => {
    if (!context.recovering) await Promise.all([context.persist(`${message}-a`), context.persist(`${message}-b`)]);
    return state;
  };
  const actor = nact.spawnPersistent(system, both, 'key', 'a', {
    // biome-ignore lint/suspicious/noExplicitAny: nact has no types for it.
    onCrash: (_message: any, _error: any, context: any) => context.resume,
  });
  store.onPersist = async (event, commit) => {
    if (event.data === 'one-a') await settle(2);
    if (event.data === 'two-a') throw new Error('disk');
    commit();
  };
  nact.dispatch(actor, 'one');
  nact.dispatch(actor, 'two');
  await settle();
  nact.stop(actor);
  nact.stop(system);
  expect(store.events.map(({ data }) => data)).toEqual(['one-b', 'one-a', 'two-b']);
});

test('an outcome and its checkpoint are in the journal together or not at all', async () => {
  const lab = new Lab();
  const actor = await lab.running('p');
  await ingest(actor, 'a');
  const last = lab.journal.appends.at(-1);
  expect(last).toMatchObject({ count: 2 });
  expect((await lab.storedTypes('p')).slice(-2)).toEqual(['BatchProcessed', 'CheckpointUpdated']);
  await lab.stop();
});

test('commands that arrive during an append are one append, in order, at most 256 at a time', async () => {
  const lab = new Lab();
  const actor = await lab.running('p');
  const gate = deferred();
  lab.journal.appendFaults.push({ kind: 'hold', until: gate.promise });
  const first = actor.send({ type: 'UpdateCheckpoint' });
  await settle();
  const before = lab.journal.appends.length;
  const many = Array.from({ length: 600 }, () => actor.send({ type: 'UpdateCheckpoint' }));
  await settle();
  expect(lab.journal.appends).toHaveLength(before);
  gate.resolve();
  await Promise.all([first, ...many]);
  expect(lab.journal.appends.slice(before).map(({ count }) => count)).toEqual([256, 256, 88]);
  const sequences = (await lab.stored('p')).map(({ sequence }) => sequence);
  expect(sequences).toEqual(sequences.map((_, index) => index + 1));
  await lab.stop();
});

test('a failed group is retried whole; what was refused in it is still refused once', async () => {
  const lab = new Lab();
  const actor = await lab.running('p');
  const before = lab.journal.appends.length;
  lab.journal.appendFaults.push({ kind: 'reject' });
  const sent = [
    actor.send({ type: 'PausePipeline', reason: 'x' }),
    actor.send({ type: 'StartPipeline' }),
    actor.send({ type: 'ResumePipeline' }),
    actor.send({ type: 'StopPipeline', reason: 'y' }),
  ];
  const settled = Promise.allSettled(sent);
  await lab.clock.advance(1000);
  expect((await settled).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
  expect(lab.journal.appends.slice(before).map(({ count }) => count)).toEqual([3, 3]);
  expect((await lab.storedTypes('p')).slice(2)).toEqual(['PipelinePaused', 'PipelineResumed', 'PipelineStopped']);
  await lab.stop();
});
