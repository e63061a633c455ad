import { expect, test } from '@jest/globals';
import { settle } from '../../src/testing/manual-clock.ts';
import { deferred, Lab, outcomeOf } from '../support/lab.ts';
import { nact, PlainStore, startPlain, storing } from '../support/plain-nact.ts';

test('control: with plain nact a late write and the successor take the same number', async () => {
  const store = new PlainStore();
  const system = startPlain(store);
  const gate = deferred();
  store.onPersist = async (_event, commit) => {
    store.onPersist = undefined;
    await gate.promise;
    commit();
  };
  const first = nact.spawnPersistent(system, storing, 'key', 'a', {});
  nact.dispatch(first, 'one');
  await settle();
  nact.stop(first);
  const second = nact.spawnPersistent(system, storing, 'key', 'b', {});
  nact.dispatch(second, 'two');
  await settle();
  gate.resolve();
  await settle();
  nact.stop(second);
  nact.stop(system);
  expect(store.sequences).toEqual([1, 1]);
});

test('a stop waits for the append in flight, and the successor continues after it', async () => {
  const lab = new Lab();
  const actor = await lab.running('p');
  const gate = deferred();
  lab.journal.appendFaults.push({ kind: 'hold', until: gate.promise });
  const paused = actor.send({ type: 'PausePipeline', reason: 'x' });
  await settle();
  const stopped = lab.runtime.stop('p', 10_000);
  expect(await outcomeOf(stopped)).toBe('pending');
  expect(() => lab.runtime.spawn('p')).toThrow(expect.objectContaining({ code: 'DATAFLOW_ERR_KEY_IN_USE' }));
  gate.resolve();
  await expect(paused).resolves.toMatchObject({ state: { status: 'paused' } });
  await stopped;
  const successor = lab.runtime.spawn('p');
  await expect(successor.ready).resolves.toMatchObject({ status: 'paused' });
  await successor.send({ type: 'ResumePipeline' });
  expect((await lab.stored('p')).map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
  await lab.stop();
});

test('a stop whose time ends before the append lets no successor in until the append has settled', async () => {
  const lab = new Lab();
  const actor = await lab.running('p');
  const gate = deferred();
  lab.journal.appendFaults.push({ kind: 'hold', until: gate.promise });
  const paused = actor.send({ type: 'PausePipeline', reason: 'x' });
  paused.catch(() => {});
  await settle();
  const stopped = lab.runtime.stop('p', 1000);
  await lab.clock.advance(60_000);
  await stopped;
  expect(() => lab.runtime.spawn('p')).toThrow(expect.objectContaining({ code: 'DATAFLOW_ERR_KEY_IN_USE' }));
  gate.resolve();
  await settle();
  expect(await outcomeOf(paused)).toBe('resolved');
  const successor = lab.runtime.spawn('p');
  await expect(successor.ready).resolves.toMatchObject({ status: 'paused' });
  await expect(successor.send({ type: 'ResumePipeline' })).resolves.toMatchObject({ state: { status: 'running' } });
  expect((await lab.stored('p')).map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
  await lab.stop();
});

test('two stops at once both end when the work has ended', async () => {
  const lab = new Lab();
  const actor = await lab.running('p');
  const gate = deferred();
  lab.journal.appendFaults.push({ kind: 'hold', until: gate.promise });
  const paused = actor.send({ type: 'PausePipeline', reason: 'x' });
  await settle();
  const both = [lab.runtime.stop('p', 10_000), lab.runtime.stop('p', 10_000)];
  gate.resolve();
  await settle();
  expect(await outcomeOf(Promise.all(both))).toBe('resolved');
  await paused;
  await lab.stop();
  expect(lab.clock.pending).toBe(0);
});
