import { expect, test } from '@jest/globals';
import { settle } from '../../src/testing/manual-clock.ts';
import { createCommand, Lab, outcomeOf } from '../support/lab.ts';
import { nact, PlainStore, startPlain, storing } from '../support/plain-nact.ts';

test('control: plain nact lets two actors write one stream', async () => {
  const store = new PlainStore();
  const system = startPlain(store);
  const actors = ['a', 'b'].map((name) => nact.spawnPersistent(system, storing, 'key', name, {}));
  await settle();
  for (const actor of actors) nact.dispatch(actor, 'one');
  await settle();
  for (const actor of actors) nact.stop(actor);
  nact.stop(system);
  expect(store.sequences).toEqual([1, 1]);
});

test('a second actor of a key is refused', async () => {
  const lab = new Lab();
  const actor = lab.runtime.spawn('p');
  expect(() => lab.runtime.spawn('p')).toThrow(expect.objectContaining({ code: 'DATAFLOW_ERR_KEY_IN_USE' }));
  expect(lab.runtime.get('p')).toBe(actor);
  await lab.stop();
});

test('an empty key is refused and leaves no name behind', async () => {
  const lab = new Lab();
  expect(() => lab.runtime.spawn('')).toThrow(expect.objectContaining({ code: 'DATAFLOW_ERR_PIPELINE_INVALID' }));
  expect([...lab.runtime.actors()]).toEqual([]);
  await lab.stop();
});

test('any other text is a key, names that nact refuses included', async () => {
  const lab = new Lab();
  const keys = ['a/b', 'a:b', '100%', 'a@b', 'with space', 'größe', '__proto__', 'constructor'];
  for (const key of keys) await lab.runtime.spawn(key).send(createCommand(key));
  expect([...lab.runtime.actors()].map(({ state }) => state.status)).toEqual(keys.map(() => 'configured'));
  await lab.stop();
});

test('messages after a stop are answered at once with an error and counted', async () => {
  const lab = new Lab();
  const actor = await lab.running('p');
  await lab.runtime.stop('p', 1000);
  expect(await outcomeOf(actor.send({ type: 'GetState' }))).toBe('DATAFLOW_ERR_PIPELINE_STOPPED');
  expect(lab.runtime.deadLetters).toBe(1);
  expect(lab.recorder.released).toEqual(['p']);
  await lab.stop();
});

test('a handle of a stopped actor does not reach the one after it', async () => {
  const lab = new Lab();
  const old = await lab.running('p');
  await lab.runtime.stop('p', 1000);
  const next = lab.runtime.spawn('p');
  await next.ready;
  await expect(old.send({ type: 'StopPipeline', reason: 'x' })).rejects.toMatchObject({
    code: 'DATAFLOW_ERR_PIPELINE_STOPPED',
  });
  expect(next.state.status).toBe('running');
  await lab.stop();
});

test('stopAll stops every actor and leaves no timer; 1,000 actors work at once', async () => {
  const lab = new Lab();
  const keys = Array.from({ length: 1000 }, (_, index) => `p${index}`);
  const actors = keys.map((key) => lab.runtime.spawn(key));
  await Promise.all(actors.map((actor) => actor.send(createCommand(actor.key))));
  await Promise.all(actors.map((actor) => actor.send({ type: 'StartPipeline' })));
  expect(actors.every(({ state }) => state.status === 'running')).toBe(true);
  await lab.stop();
  expect([...lab.runtime.actors()]).toEqual([]);
  expect(lab.clock.pending).toBe(0);
  expect(lab.sink.closed).toBe(1000);
});

test('a full mailbox refuses callers, never the runtime itself', async () => {
  const lab = new Lab({ limits: { mailboxLimit: 3 } });
  const actor = lab.runtime.spawn('p');
  const sent = Array.from({ length: 5 }, () => outcomeOf(actor.send({ type: 'GetState' })));
  expect(await Promise.all(sent)).toEqual([
    'resolved',
    'resolved',
    'resolved',
    'DATAFLOW_ERR_MAILBOX_FULL',
    'DATAFLOW_ERR_MAILBOX_FULL',
  ]);
  expect(lab.runtime.deadLetters).toBe(2);
  await lab.stop();
});
