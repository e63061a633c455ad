import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { PipelineCommand } from '../../../src/domain/command.ts';
import type { ActorObserver, ObservedActor } from '../../../src/runtime/actor-observer.ts';
import { createManualClock, settle } from '../../../src/testing/manual-clock.ts';
import { coded, createCommand, deferred, ingest, Lab, type LabOptions, outcomeOf } from '../../support/lab.ts';

/** Keeps what it is told of all actors together. */
class Observed implements ActorObserver {
  readonly actors: ObservedActor[] = [];
  readonly sizes: number[] = [];
  readonly waits: number[] = [];
  readonly turns: number[] = [];
  readonly ends: string[] = [];
  processed = 0;
  unhandled = 0;
  failures = 0;
  deadLetters = 0;

  started(actor: ObservedActor) {
    this.actors.push(actor);
    return {
      enqueued: (mailboxSize: number) => void this.sizes.push(mailboxSize),
      waited: (seconds: number) => void this.waits.push(seconds),
      turnEnded: (seconds: number) => void this.turns.push(seconds),
      processed: (count: number, unhandled: number) => {
        this.processed += count;
        this.unhandled += unhandled;
      },
      failed: () => {
        this.failures += 1;
      },
      stopped: () => void this.ends.push(actor.path),
    };
  }

  deadLetter(): void {
    this.deadLetters += 1;
  }

  ending(): void {
    this.ends.push('ending');
  }
}

function observedLab(options: LabOptions = {}): { readonly lab: Lab; readonly observed: Observed } {
  const observed = new Observed();
  return { lab: new Lab({ ...options, observer: observed }), observed };
}

test('without an observer no time is taken for a command', async () => {
  let looks = 0;
  const clock = createManualClock();
  const monotonic = (): number => {
    looks += 1;
    return clock.monotonic();
  };
  const counting = { ...clock, monotonic, pending: 0 };
  const looksOf = async (observer?: Observed): Promise<number> => {
    const lab = new Lab({ clock: counting, ...(observer && { observer }) });
    const actor = await lab.running('p');
    looks = 0;
    await outcomeOf(actor.send({ type: 'StartPipeline' }));
    const seen = looks;
    await lab.stop();
    return seen;
  };
  expect(await looksOf()).toBe(0);
  expect(await looksOf(new Observed())).toBe(3);
});

test('an actor is known by its path and its live mailbox', async () => {
  const { lab, observed } = observedLab();
  const actor = await lab.running('orders');
  expect(observed.actors.map(({ path }) => path)).toEqual(['dataflow/orders']);
  const sent = [actor.send({ type: 'GetState' }), actor.send({ type: 'GetState' })];
  expect(observed.actors[0]?.mailboxSize).toBe(2);
  expect(observed.sizes.slice(-2)).toEqual([1, 2]);
  await Promise.all(sent);
  expect(observed.actors[0]?.mailboxSize).toBe(0);
  await lab.stop();
});

test('the wait of a command and the time of a turn are what the clock says', async () => {
  const { lab, observed } = observedLab();
  const actor = await lab.running('p');
  const held = deferred();
  lab.journal.appendFaults.push({ kind: 'hold', until: held.promise });
  observed.waits.length = 0;
  observed.turns.length = 0;
  const first = actor.send({ type: 'UpdateCheckpoint' });
  await settle();
  const second = actor.send({ type: 'GetState' });
  await lab.clock.advance(250);
  held.resolve();
  await Promise.all([first, second]);
  await settle();
  expect(observed.waits).toEqual([0, 0.25]);
  expect(observed.turns).toEqual([0.25, 0]);
  await lab.stop();
});

test('every command is processed once; a refused one is unhandled as well', async () => {
  const { lab, observed } = observedLab();
  const actor = await lab.running('p');
  expect([observed.processed, observed.unhandled]).toEqual([2, 0]);
  expect(await outcomeOf(actor.send({ type: 'StartPipeline' }))).toBe('DATAFLOW_ERR_COMMAND_REFUSED');
  expect([observed.processed, observed.unhandled]).toEqual([3, 1]);
  await lab.stop();
});

test('a batch is two commands, what the caller sends and its outcome; a duplicate is one, and handled', async () => {
  const { lab, observed } = observedLab();
  const actor = await lab.running('p');
  await ingest(actor, 'b1');
  await settle();
  expect([observed.processed, observed.waits.length]).toEqual([4, 4]);
  await expect(ingest(actor, 'b1')).resolves.toMatchObject({ batch: { duplicate: true } });
  expect([observed.processed, observed.unhandled]).toEqual([5, 0]);
  await lab.stop();
});

test('a command that waits for the batch in progress is told once', async () => {
  const { lab, observed } = observedLab();
  const actor = await lab.running('p');
  const written = deferred();
  lab.sink.onWrite = () => written.promise;
  const batch = ingest(actor, 'b1');
  await settle();
  const paused = actor.send({ type: 'PausePipeline', reason: 'x' });
  await settle();
  expect([observed.processed, observed.waits.length]).toEqual([3, 4]);
  written.resolve();
  await Promise.all([batch, paused]);
  expect([observed.processed, observed.waits.length]).toEqual([5, 5]);
  await lab.stop();
});

describe('a command that no actor can take is a dead letter', () => {
  test('when the mailbox is full', async () => {
    const { lab, observed } = observedLab({ limits: { mailboxLimit: 2 } });
    const actor = lab.runtime.spawn('p');
    const sent = [1, 2, 3].map(() => actor.send({ type: 'GetState' }));
    expect(await outcomeOf(sent[2]!)).toBe('DATAFLOW_ERR_MAILBOX_FULL');
    await Promise.all(sent.slice(0, 2));
    expect([observed.deadLetters, observed.processed, observed.sizes]).toEqual([1, 2, [1, 2]]);
    await lab.stop();
  });

  test('when the actor was stopped', async () => {
    const { lab, observed } = observedLab();
    const actor = await lab.running('p');
    await lab.runtime.stop('p', 1000);
    expect(observed.ends).toEqual(['dataflow/p']);
    expect(await outcomeOf(actor.send({ type: 'GetState' }))).toBe('DATAFLOW_ERR_PIPELINE_STOPPED');
    expect([observed.deadLetters, lab.runtime.deadLetters]).toEqual([1, 1]);
    await lab.stop();
  });
});

describe('a fault', () => {
  test('counts, and the command it puts back is neither measured nor processed twice', async () => {
    const { lab, observed } = observedLab();
    const actor = await lab.running('p');
    lab.journal.appendFaults.push({ kind: 'reject' });
    const waits = observed.waits.length;
    const turns = observed.turns.length;
    const paused = actor.send({ type: 'PausePipeline', reason: 'x' });
    await lab.clock.advance(60_000);
    await paused;
    expect(observed.failures).toBe(1);
    expect(observed.waits.length - waits).toBe(1);
    expect(observed.turns.length - turns).toBe(2);
    expect(observed.processed).toBe(3);
    await lab.stop();
  });

  test('after which the append turns out to be durable: processed once', async () => {
    const { lab, observed } = observedLab();
    const actor = await lab.running('p');
    lab.journal.appendFaults.push({ kind: 'reject-after-commit' });
    const paused = actor.send({ type: 'PausePipeline', reason: 'x' });
    await lab.clock.advance(60_000);
    await paused;
    expect([observed.failures, observed.processed]).toEqual([1, 3]);
    await lab.stop();
  });

  test('of a recovery counts for each try', async () => {
    const { lab, observed } = observedLab();
    lab.journal.readErrors.push(coded('EIO'), coded('EIO'));
    const created = lab.runtime.spawn('p').send(createCommand('p'));
    await lab.clock.advance(60_000);
    await created;
    expect([observed.failures, observed.processed]).toEqual([2, 1]);
    await lab.stop();
  });

  test('that ends the actor is told as a fault and an end', async () => {
    const { lab, observed } = observedLab();
    const actor = await lab.running('p');
    lab.journal.appendFaults.push({ kind: 'reject', error: coded('DATAFLOW_ERR_JOURNAL_CLOSED') });
    const lost = outcomeOf(actor.send({ type: 'UpdateCheckpoint' }));
    await lab.clock.advance(60_000);
    expect(await lost).not.toBe('resolved');
    expect([observed.failures, observed.ends, observed.deadLetters]).toEqual([1, ['dataflow/p'], 1]);
    await lab.stop();
  });
});

test('the end of the system is told before the end of its actors', async () => {
  const { lab, observed } = observedLab();
  await lab.running('a');
  await lab.running('b');
  await lab.stop();
  expect(observed.ends).toEqual(['ending', 'dataflow/a', 'dataflow/b']);
});

test('whatever is sent and whatever fails: each command waits once and has one end', async () => {
  const command = fc.constantFrom<PipelineCommand>(
    { type: 'GetState' },
    { type: 'UpdateCheckpoint' },
    { type: 'StartPipeline' },
    { type: 'PausePipeline', reason: 'x' },
    { type: 'ResumePipeline' },
  );
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ key: fc.constantFrom('a', 'b'), command, turn: fc.boolean() }) },
    { weight: 1, arbitrary: fc.constantFrom('reject' as const, 'reject-after-commit' as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { lab, observed } = observedLab({ limits: { mailboxLimit: 6 } });
      const actors = { a: await lab.running('a'), b: await lab.running('b') };
      const ends: string[] = Array(4).fill('resolved');
      for (const next of steps) {
        if (typeof next === 'string') {
          lab.journal.appendFaults.push({ kind: next });
          continue;
        }
        actors[next.key as 'a' | 'b'].send(next.command).then(
          () => ends.push('resolved'),
          ({ code }) => ends.push(code),
        );
        if (next.turn) await settle();
      }
      await lab.clock.advance(120_000);
      await lab.stop();
      const count = (code: string) => ends.filter((end) => end === code).length;
      const full = count('DATAFLOW_ERR_MAILBOX_FULL');
      const refused = count('DATAFLOW_ERR_COMMAND_REFUSED');
      expect(ends.length).toBe(4 + steps.filter((next) => typeof next !== 'string').length);
      expect(observed.deadLetters).toBe(full);
      expect(observed.sizes.length).toBe(ends.length - full);
      expect(observed.waits.length).toBe(observed.sizes.length);
      expect(observed.unhandled).toBe(refused);
      expect(observed.processed).toBe(refused + count('resolved'));
    }),
    { numRuns: 60 },
  );
});
