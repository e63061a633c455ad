/** A process that stands still while another takes its pipeline over, and goes on at any point of a write or an opening. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { FILE_SINK } from '../../src/connectors/sinks/file.ts';
import type { Json } from '../../src/domain/json.ts';
import { linuxTest, rounds } from './support/chaos.ts';
import { type Child, startChild } from './support/child.ts';

const { signal } = new AbortController();

/** Far less than a timer can wait, since a write takes less. */
function standFor(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

/** The journal: takes what the owner of its epoch says, as long as that one is it. */
class Owner {
  readonly child: Child;
  #isOwner = true;
  #answered = 0;
  committed: Json | undefined;
  content = '';

  constructor(path: string, epoch: number, takeoverEpoch: number, committed: Json | undefined) {
    this.committed = committed;
    const position = committed === undefined ? '' : JSON.stringify(committed);
    this.child = startChild('sink-owner-child.mjs', [path, String(epoch), String(takeoverEpoch), position]);
  }

  /** Answers what it says until `count` commits are durable. */
  async commits(count: number): Promise<void> {
    for (let durable = 0; durable < count; durable++) {
      const asked = await this.#asked();
      this.content += `${asked.text}\n`;
      this.committed = asked.commit;
      this.child.process.stdin!.write('durable\n');
    }
  }

  /** It is the owner no more; gives how it ends. */
  async refused(): Promise<string> {
    this.#isOwner = false;
    for (;;) {
      const fact = await this.#asked();
      if (fact.ended !== undefined) return fact.ended;
      this.child.process.stdin!.write('refused\n');
    }
  }

  async #asked() {
    const isNext = ({ commit, ended }: { commit?: Json; ended?: string }) =>
      commit !== undefined || ended !== undefined;
    const mine = () => this.child.facts.filter(isNext)[this.#answered];
    await this.child.said(() => mine() !== undefined);
    const fact = mine();
    this.#answered += 1;
    if (this.#isOwner) expect(fact.ended).toBeUndefined();
    return fact;
  }
}

linuxTest('what a frozen owner writes when it wakes is in no file of the next one', async (random, folder) => {
  const path = join(folder, 'out.txt');
  let committed: Json | undefined;
  let content = '';
  let epoch = 0;
  let takeoverEpoch = 0;
  let woken = 0;
  for (let round = 0; round < rounds(12, 300); round++) {
    const owner = new Owner(path, ++epoch, takeoverEpoch, committed);
    await owner.child.said(({ opening }) => opening === true);
    // None: it may stand still while it opens, moves or cuts the file.
    await owner.commits(random.happens(0.25) ? 0 : 1 + random.below(25));
    standFor(random.next() * 3);
    owner.child.kill('SIGSTOP');
    committed = owner.committed;
    content += owner.content;

    epoch += 1;
    takeoverEpoch = epoch;
    const lease = { epoch, takeoverEpoch };
    const spec = { type: 'file', connectionString: path, batchSize: 500, options: { format: 'text', fsync: false } };
    const sink = FILE_SINK.create(spec);
    const write = async (text: string): Promise<void> => {
      const context = { pipelineId: 'p', batchId: 'b', attempt: 1, committed, sequence: epoch, lease, signal };
      const result = (await sink.write([text], context)) ?? {};
      committed = result.committed;
      content += `${text}\n`;
    };
    const wakesEarly = random.happens(0.5);
    if (wakesEarly) owner.child.kill('SIGCONT');
    await sink.open!({ pipelineId: 'p', spec, committed, fresh: false, lease, signal });
    await write(`epoch ${epoch} has it`);
    if (!wakesEarly) owner.child.kill('SIGCONT');
    const ended = owner.refused();
    for (let more = random.below(10); more > 0; more--) await write(`epoch ${epoch} goes on ${more}`);
    if ((await ended) === 'DATAFLOW_ERR_SINK_FENCED') woken += 1;
    await owner.child.ended;
    expect(readFileSync(path, 'utf8')).toBe(content);
    await write(`epoch ${epoch} ends`);
    await sink.close!();
    expect(readFileSync(path, 'utf8')).toBe(content);
  }
  expect(woken).toBe(rounds(12, 300));
});
