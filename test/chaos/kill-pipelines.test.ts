/** Processes that run pipelines are killed wherever they happen to be, again and again. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { chaosTest, rounds } from './support/chaos.ts';
import { type Child, startChild } from './support/child.ts';
import { type DurableJournal, forEachDurableJournal } from './support/durable-journals.ts';
import { expectContiguous } from './support/journal-checks.ts';
import { writeFlights } from './support/pipeline-files.ts';
import { BATCH_RECORDS, PUSHED_PIPELINES, pushedRecord } from './support/pipelines.mjs';
import { expectAsUndisturbed } from './support/undisturbed-run.ts';

const KILLS = rounds(6, 200);
/** More than the kills leave time for, so that they find the reading of the files as well. */
const ROWS = { embedded: rounds(2000, 40_000), postgres: rounds(800, 40_000) };

/** For each pushed pipeline the number of the last batch that its sender was told is durable. */
class Acknowledged {
  readonly last = new Map<string, number>();

  take(child: Child): void {
    for (const { id, batch } of child.facts.filter((fact) => fact.batch !== undefined)) {
      // A batch twice, or one left out, would be a checkpoint that lost or repeated something.
      expect({ id, batch }).toEqual({ id, batch: Math.max(batch, (this.last.get(id) ?? -1) + 1) });
      this.last.set(id, batch);
    }
  }

  get highest(): number {
    return Math.max(-1, ...this.last.values());
  }
}

/**
 * Every acknowledged batch is in the journal, once, and no event is missing or there twice. Returns how many batches
 * each pipeline has processed.
 */
async function expectAcknowledged(
  { openReadOnly }: DurableJournal,
  acknowledged: Acknowledged,
): Promise<Map<string, number>> {
  const batches = new Map<string, number>();
  const journal = await openReadOnly();
  try {
    for (const key of await journal.keys()) {
      const events = await expectContiguous(journal, key);
      const processed = events.filter(({ data }) => data.type === 'BatchProcessed').map(({ data }) => data.batchId);
      expect(new Set(processed).size).toBe(processed.length);
      batches.set(key, processed.length);
      const last = acknowledged.last.get(key);
      if (last === undefined) continue;
      expect(processed.slice(0, last + 1)).toEqual(Array.from({ length: last + 1 }, (_, batch) => `${key}-${batch}`));
    }
    return batches;
  } finally {
    await journal.close();
  }
}

forEachDurableJournal((kind, newJournal) => {
  chaosTest(
    `pipelines on the ${kind} journal killed ${KILLS} times lose nothing, repeat nothing and count nothing twice`,
    async (random, folder) => {
      await writeFlights(folder, ROWS[kind]);
      const output = join(folder, 'killed');
      const journal = newJournal(output);
      await mkdir(output);
      const acknowledged = new Acknowledged();

      for (let kill = 1; kill <= KILLS; kill++) {
        const child = startChild('pipelines-child.mjs', [folder, output, 'Infinity'], journal);
        // Some while the process starts and recovers, most while it works.
        if (kill === 1 || kill === KILLS || random.happens(0.8)) await child.said((fact) => fact.ready);
        await pause(random.next() * 200);
        // However slow the machine is, something was acknowledged before the last life.
        if (kill === KILLS) await Promise.all(PUSHED_PIPELINES.map((id) => child.said((fact) => fact.id === id)));
        child.kill();
        expect(await child.ended).toMatchObject({ signal: 'SIGKILL', err: '' });
        acknowledged.take(child);
        if (kill % 10 === 0) await expectAcknowledged(journal, acknowledged);
      }

      expect(acknowledged.last.size).toBe(PUSHED_PIPELINES.length);
      const before = await expectAcknowledged(journal, acknowledged);
      const until = acknowledged.highest + 20;
      const last = startChild('pipelines-child.mjs', [folder, output, String(until)], journal);
      const { done } = await last.said((fact) => fact.done);
      expect(await last.ended).toMatchObject({ code: 0, err: '' });
      acknowledged.take(last);
      await expectAcknowledged(journal, acknowledged);

      const written = await expectAsUndisturbed(folder, output, until, done.totals);
      const lines = Array.from({ length: until * BATCH_RECORDS }, (_, number) => JSON.stringify(pushedRecord(number)));
      expect(Buffer.from(written['pushed.ndjson']!, 'base64').toString().trimEnd().split('\n')).toEqual(lines);

      // What was recovered is in the totals and not in the counters of this process.
      for (const [id, batches] of before) {
        expect(batches).toBeGreaterThan(0);
        expect({ id, batches: done.counts[id] }).toEqual({
          id,
          batches: done.totals[id].totalBatchesProcessed - batches,
        });
      }
    },
  );
});
