import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { PipelineActor } from '../../src/runtime/pipeline-actor.ts';
import { settle } from '../../src/testing/manual-clock.ts';
import { coded, createCommand, ingest, Lab, plain } from '../support/lab.ts';

type Action =
  | { readonly do: 'send'; readonly type: string }
  | { readonly do: 'ingest'; readonly id: string; readonly fault?: 'retried' | 'permanent' | undefined }
  | { readonly do: 'append-fault'; readonly kind: 'reject' | 'reject-after-commit'; readonly times: number }
  | { readonly do: 'read-fault' }
  | { readonly do: 'wait' }
  | { readonly do: 'crash' }
  | { readonly do: 'restart' };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      type: fc.constantFrom(
        'CreatePipeline',
        'StartPipeline',
        'StartPipeline',
        'PausePipeline',
        'ResumePipeline',
        'StopPipeline',
        'ResetPipeline',
        'RemovePipeline',
        'UpdateCheckpoint',
      ),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('ingest' as const),
      id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      fault: fc.option(fc.constantFrom('retried' as const, 'permanent' as const), { nil: undefined, freq: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('append-fault' as const),
      kind: fc.constantFrom('reject' as const, 'reject-after-commit' as const),
      times: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'read-fault' as const }) },
  { weight: 3, arbitrary: fc.constant({ do: 'wait' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'crash' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
);

interface World {
  lab: Lab;
  actor: PipelineActor;
  readonly labs: Lab[];
  readonly answers: Promise<unknown>[];
}

async function perform(world: World, step: Action): Promise<void> {
  const { lab, actor } = world;
  switch (step.do) {
    case 'send': {
      const command = step.type === 'CreatePipeline' ? createCommand('p') : { type: step.type, reason: 'r' };
      world.answers.push(actor.send(command as never).catch(() => {}));
      break;
    }
    case 'ingest': {
      let faulty = step.fault !== undefined;
      lab.sink.onWrite = () => {
        if (!faulty) return;
        faulty = false;
        throw step.fault === 'retried' ? coded('ETIMEDOUT') : new Error('broken');
      };
      world.answers.push(ingest(actor, step.id).catch(() => {}));
      break;
    }
    case 'append-fault':
      for (let i = 0; i < step.times; i++) lab.journal.appendFaults.push({ kind: step.kind });
      break;
    case 'read-fault':
      lab.journal.readErrors.push(new Error('unreadable'));
      break;
    case 'wait':
      await lab.clock.advance(100_000);
      break;
    // What is in flight is settled first: an append nobody lived to hear of is stored but cannot have been counted.
    case 'crash':
    case 'restart': {
      await lab.clock.advance(100_000);
      if (step.do === 'restart') await lab.stop();
      world.lab = lab.next();
      world.labs.push(world.lab);
      world.actor = world.lab.runtime.spawn('p');
      await world.actor.ready;
    }
  }
}

test('whatever fails and whenever it restarts: what was counted is what is stored, once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 30 }), async (actions) => {
      const lab = new Lab({ limits: { snapshots: { every: 7, keep: 2, deleteEvents: false } } });
      const world: World = { lab, actor: lab.runtime.spawn('p'), labs: [lab], answers: [] };
      for (const type of ['CreatePipeline', 'StartPipeline']) await perform(world, { do: 'send', type });
      for (const step of actions) await perform(world, step);
      await world.lab.clock.advance(200_000);
      await settle();
      const stored = (await world.lab.stored('p')).map(({ data }) => data);
      const counted = world.labs.flatMap(({ recorder }) => recorder.events);
      expect(plain(counted)).toEqual(stored);
      expect((await world.lab.stored('p')).map(({ sequence }) => sequence)).toEqual(
        stored.map((_, index) => index + 1),
      );
      expect(plain(world.actor.state)).toEqual(plain(await world.lab.replayed('p')));
      // A batch that was processed was written; one life of the pipeline processes an id once.
      for (const { sink } of world.labs) expect(sink.mostWriters).toBeLessThanOrEqual(1);
      await world.lab.stop();
      expect(world.lab.clock.pending).toBe(0);
      // Nobody is left without an answer, but those whose process ended under them.
      if (world.labs.length === 1) await Promise.all(world.answers);
    }),
    { numRuns: 200 },
  );
}, 60_000);
