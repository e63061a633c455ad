import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { shareOf } from '../../src/cluster/share.ts';
import { createManualClock, type ManualClock, settle } from '../../src/testing/manual-clock.ts';
import { ClusterProcess, LEASE_MS } from '../support/cluster-process.ts';
import { createCommand, ingest } from '../support/lab.ts';
import { LeasedStore } from '../support/leased-store.ts';

test('the shares of all nodes add up to the total and differ by one at most', () => {
  const names = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.nat(10_000), names, (total, nodes) => {
      const shares = nodes.map((name) => shareOf(total, nodes, name));
      expect(shares.reduce((sum, share) => sum + share, 0)).toBe(total);
      expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
    }),
  );
});

type Action =
  | {
      readonly do: 'start' | 'shut down' | 'crash' | 'part' | 'heal' | 'spawn' | 'spawn again' | 'remove' | 'push';
      readonly at: number;
    }
  | { readonly do: 'wait'; readonly ms: number };

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 10, max: 1500 }) }) },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'start',
        'shut down',
        'crash',
        'part',
        'heal',
        'heal',
        'spawn',
        'spawn',
        'spawn',
        'spawn again',
        'spawn again',
        'remove',
        'remove',
        'push',
        'push',
      ),
      at: fc.nat(100),
    }),
  },
);

class World {
  readonly clock: ManualClock = createManualClock();
  readonly store = new LeasedStore(this.clock);
  readonly processes: ClusterProcess[] = [];
  #number = 0;
  #key = 0;

  get alive(): ClusterProcess[] {
    return this.processes.filter(({ isDead }) => !isDead);
  }

  get removed(): string[] {
    return [...this.store.rows].filter(([, { isRetired }]) => isRetired).map(([key]) => key);
  }

  async start(): Promise<void> {
    this.#number += 1;
    const process = new ClusterProcess(`node-${this.#number % 4}-${this.#number}`, this.store, this.#number % 10);
    this.processes.push(process);
    void process.cluster.start();
    await this.clock.advance(300);
  }

  async act(step: Action): Promise<void> {
    if (step.do === 'wait') return this.clock.advance(step.ms);
    if (step.do === 'start') {
      if (this.alive.length < 4) await this.start();
      return;
    }
    const process = this.alive[step.at % Math.max(1, this.alive.length)];
    if (process === undefined) return;
    switch (step.do) {
      case 'part':
      case 'heal':
        process.view.isParted = step.do === 'part';
        break;
      case 'crash':
        process.isDead = true;
        process.view.isParted = true;
        break;
      case 'shut down':
        process.isDead = true;
        void process.cluster.drain(100).finally(() => {
          process.view.isParted = true;
        });
        break;
      case 'spawn':
        this.#key += 1;
        await this.#spawn(process, `key-${this.#key}`);
        break;
      case 'spawn again': {
        const removed = this.removed;
        const key = removed[step.at % Math.max(1, removed.length)];
        if (key !== undefined) await this.#spawn(process, key);
        break;
      }
      case 'remove':
      case 'push': {
        const keys = process.holdings.keys();
        const key = keys[step.at % Math.max(1, keys.length)];
        if (key !== undefined) this.#send(process, key, step.do);
        break;
      }
    }
    await settle();
  }

  async #spawn(process: ClusterProcess, key: string): Promise<void> {
    const claimed = process.cluster.claim(key).catch(() => undefined);
    await settle();
    const actor = await Promise.race([claimed, settle().then(() => undefined)]);
    actor?.send(createCommand(key)).catch(() => {});
    actor?.send({ type: 'StartPipeline' }).catch(() => {});
  }

  #send(process: ClusterProcess, key: string, what: 'remove' | 'push'): void {
    const actor = process.runtime.get(key);
    if (actor === undefined) return;
    if (what === 'push') ingest(actor, `batch-${this.clock.monotonic()}`).catch(() => {});
    else {
      actor
        .send({ type: 'RemovePipeline' })
        .then(() => process.cluster.retire(key))
        .catch(() => {});
    }
  }

  /** Who takes commands of a key. */
  owners(key: string): ClusterProcess[] {
    return this.alive.filter(({ runtime }) => {
      const actor = runtime.get(key);
      return actor !== undefined && actor.ended === undefined;
    });
  }

  expectNoTwo(): void {
    const twice = [...this.store.rows.keys()].filter((key) => this.owners(key).length > 1);
    expect(twice).toEqual([]);
  }

  /** What a process counts of a key is of one pipeline, never of it and the next one of its id. */
  expectNoneContinued(): void {
    for (const { series } of this.processes)
      for (const pipelines of series.counted.values()) expect(pipelines.size).toBe(1);
  }

  async settled(): Promise<void> {
    for (const { view } of this.alive) view.isParted = false;
    if (this.alive.length === 0) await this.start();
    for (let step = 0; step < 40; step++) {
      await this.clock.advance(LEASE_MS / 4);
      this.expectNoTwo();
    }
  }
}

/** Each event of a key under its sequence number, once: a fork would be two, a lost one a gap. */
async function sequencesOf(store: LeasedStore, key: string): Promise<number[]> {
  const sequences: number[] = [];
  for await (const chunk of store.journal.read(key)) sequences.push(...chunk.map(({ sequence }) => sequence));
  return sequences;
}

test('whatever happens to processes, a pipeline has one owner at most, and in the end exactly one, evenly shared', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 40 }), async (actions) => {
      const world = new World();
      await world.start();
      for (const step of actions) {
        await world.act(step);
        world.expectNoTwo();
        world.expectNoneContinued();
      }
      await world.settled();
      const wanted = (await world.store.journal.keys()).filter((key) => world.store.rows.get(key)?.isRetired !== true);
      const owners = wanted.map((key) => world.owners(key).map(({ name }) => name));
      expect(owners.filter((names) => names.length !== 1)).toEqual([]);
      const held = world.alive.map(({ name }) => owners.filter(([owner]) => owner === name).length);
      expect(Math.max(...held) - Math.min(...held)).toBeLessThanOrEqual(1);
      world.expectNoneContinued();
      const counted = world.alive.flatMap(({ series }) => [...series.counted.keys()]);
      expect(world.removed.filter((key) => counted.includes(key))).toEqual([]);
      for (const key of await world.store.journal.keys()) {
        const sequences = await sequencesOf(world.store, key);
        expect(sequences).toEqual(sequences.map((_, index) => index + 1));
      }
    }),
    { numRuns: 60 },
  );
}, 120_000);
