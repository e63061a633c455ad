import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Json } from '../../src/domain/json.ts';
import { GatedSink } from '../support/gated-sink.ts';
import { temporaryFolder } from '../unit/connectors/support/harness.ts';

const OWNERS = 4;
const folder = temporaryFolder();
const sinks: GatedSink[] = [];
let files = 0;

beforeAll(() => {
  for (let index = 0; index < OWNERS; index++) sinks.push(new GatedSink());
});
afterAll(async () => {
  for (const sink of sinks) await sink.end();
  folder.remove();
});

interface Owner {
  readonly sink: GatedSink;
  readonly epoch: number;
  said: Awaited<ReturnType<GatedSink['go']>>;
  doing: 'open' | 'write' | 'nothing';
  committed: Json | undefined;
  /** Of the write in progress. */
  text: string;
  fenced: boolean;
}

/** A pipeline whose owners change; the journal takes only what its owner has written, as the journal's epoch has it. */
class Story {
  readonly path = folder.path(`${++files}.txt`);
  readonly owners: Owner[] = [];
  /** What is committed. */
  content = '';
  #committed: Json | undefined;
  #takeoverEpoch = 0;
  #writes = 0;

  get current(): Owner {
    return this.owners.at(-1)!;
  }

  get mayChangeHands(): boolean {
    return this.owners.length < OWNERS;
  }

  async handOver(isClean: boolean): Promise<void> {
    const epoch = this.owners.length + 1;
    if (isClean && epoch > 1) {
      await this.complete(this.current);
      await this.current.sink.finish(await this.current.sink.begin('close'));
    } else if (epoch > 1) this.#takeoverEpoch = epoch;
    const sink = sinks[epoch - 1]!;
    const committed = this.#committed;
    const said = await sink.begin('open', {
      spec: { connectionString: this.path, options: { fsync: false } },
      committed,
      fresh: false,
      lease: { epoch, takeoverEpoch: this.#takeoverEpoch },
    });
    this.owners.push({ sink, epoch, said, doing: 'open', committed, text: '', fenced: false });
  }

  /** One call to the file system, or the next write. */
  async step(owner: Owner): Promise<void> {
    if (owner.fenced) return;
    if (owner.doing === 'nothing') {
      owner.text = `epoch ${owner.epoch}, write ${++this.#writes}${'.'.repeat((this.#writes * 7) % 30)}`;
      owner.doing = 'write';
      owner.said = await owner.sink.begin('write', { records: [owner.text], committed: owner.committed });
    } else owner.said = await owner.sink.go();
    this.#settle(owner);
    expect(this.file().slice(0, this.content.length)).toBe(this.content);
  }

  async complete(owner: Owner): Promise<void> {
    while (owner.doing !== 'nothing') await this.step(owner);
  }

  async write(owner: Owner): Promise<void> {
    await this.step(owner);
    await this.complete(owner);
  }

  file(): string {
    return this.content === '' ? '' : readFileSync(this.path, 'utf8');
  }

  #settle(owner: Owner): void {
    const { at, done, failed } = owner.said;
    if (at !== undefined) return;
    if (failed !== undefined) {
      // Its owner is never kept from the file, and whoever is kept from it hears why.
      expect({ failed, by: owner.epoch }).toMatchObject({ failed: { code: 'DATAFLOW_ERR_SINK_FENCED' } });
      expect(owner.epoch).toBeLessThan(this.current.epoch);
      owner.fenced = true;
    } else if (owner.doing === 'write' && owner === this.current) {
      this.content += `${owner.text}\n`;
      this.#committed = done!.committed;
      owner.committed = done!.committed;
    }
    owner.doing = 'nothing';
  }
}

test('whatever older owners do, and when, the file holds what its owner has committed (F1–F4)', async () => {
  const schedule = fc.record({
    clean: fc.array(fc.boolean(), { minLength: OWNERS, maxLength: OWNERS }),
    // Who does something, and how much of it while all others stand still; 0: the pipeline changes hands.
    turns: fc.array(fc.tuple(fc.nat(5), fc.oneof(fc.nat(3), fc.integer({ min: 1, max: 45 }))), {
      minLength: 8,
      maxLength: 40,
      size: 'max',
    }),
    last: fc.shuffledSubarray([0, 1, 2], { minLength: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(schedule, async ({ clean, turns, last }) => {
      const story = new Story();
      const closed = new Set<Owner>();
      const handOver = async (): Promise<void> => {
        const isClean = clean[story.owners.length]!;
        if (isClean && story.owners.length > 0) closed.add(story.current);
        await story.handOver(isClean);
      };
      await handOver();
      const living = (): Owner[] => story.owners.filter((owner) => !closed.has(owner));
      try {
        for (const [who, steps] of turns) {
          if (steps === 0 && story.mayChangeHands) await handOver();
          const candidates = living();
          const owner = candidates[who % candidates.length]!;
          for (let step = 0; step < steps; step++) await story.step(owner);
        }
        await story.complete(story.current);
        await story.write(story.current);
        // Each that is left behind wakes up, does what it was at, and tries once more.
        for (const index of last) {
          const owner = living()[index];
          if (owner === undefined || owner === story.current) continue;
          await story.complete(owner);
          if (!owner.fenced) await story.write(owner);
          expect(owner.fenced).toBe(true);
        }
        expect(story.file()).toBe(story.content);
        await story.write(story.current);
        expect(story.file()).toBe(story.content);
      } finally {
        for (const { sink, said } of living()) {
          await sink.finish(said);
          await sink.finish(await sink.begin('close'));
        }
      }
    }),
    { numRuns: 100, endOnFailure: true },
  );
});
