/** The wall clock is stepped back and forth, by seconds and by decades: nothing but timestamps may tell. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { createMemoryJournal } from '../../src/journals/memory.ts';
import { startTestPlatform } from '../../src/testing/test-platform.ts';
import { chaosTest, rounds } from './support/chaos.ts';
import { type Child, startChild } from './support/child.ts';
import { HOUR_MS, STEPS_MS, stepUntil, YEAR_MS } from './support/clock-steps.ts';
import { Disk, shimTest } from './support/disk-shim.ts';
import { forEachDurableJournal } from './support/durable-journals.ts';
import { expectContiguous } from './support/journal-checks.ts';
import { writeFlights } from './support/pipeline-files.ts';
import { expectAsUndisturbed } from './support/undisturbed-run.ts';

/** Batches of which every third fails twice, on a clock that is stepped before each move, or is not. */
async function play(step: (clock: { step(ms: number): void }) => void) {
  const journal = createMemoryJournal();
  const { platform, clock } = await startTestPlatform({ journal });
  const pipeline = await platform.spawnPipeline({
    id: 'stepped',
    source: { type: 'push' },
    retry: { initialMs: 1000, maxMs: 8000, maxRetries: 5 },
    sink: {
      write: async ([first], { attempt }) => {
        const fails = (first as { batch: number }).batch % 3 === 0 && attempt <= 2;
        if (fails) throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
      },
    },
  });
  await pipeline.start();
  for (let batch = 0; batch < rounds(60, 1000); batch++) {
    let waiting = true;
    const done = pipeline
      .ingest({ batchId: `b-${batch}`, records: [{ batch }, { batch }], sourceOffset: batch * 2 })
      .finally(() => {
        waiting = false;
      });
    for (; waiting; await clock.advance(250)) step(clock);
    await done;
  }
  const untimed = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value, (key, inner) => (/timestamp|At$/i.test(key) ? undefined : inner)));
  const events = untimed((await expectContiguous(journal, 'stepped')).map(({ data }) => data)) as { type: string }[];
  const metrics = (await platform.metrics.snapshot()).filter(({ name }) => !name.endsWith('.timestamp'));
  await platform.shutdown();
  return { events, metrics: untimed(metrics) as { name: string; value: number }[] };
}

chaosTest('steps change no event, no pause before a retry, no throughput and no duration', async (random) => {
  const calm = await play(() => {});
  let off = 0;
  const stepped = await play((clock) => {
    const next = random.pick(STEPS_MS);
    clock.step(next - off);
    off = next;
  });
  expect(stepped).toEqual(calm);
  expect(calm.events.filter(({ type }) => type === 'RetryScheduled').length).toBeGreaterThan(10);
  const throughput = calm.metrics.find(({ name }) => name === 'dataflow.records.throughput.per.second');
  expect(throughput?.value).toBeGreaterThan(0);
});

forEachDurableJournal((kind, newJournal) => {
  shimTest(
    `a process whose system clock jumps, also between two lives, writes what a calm one writes: ${kind} journal`,
    async (random, folder) => {
      await writeFlights(folder, 300);
      const output = join(folder, 'stepped');
      await mkdir(output);
      const under = newJournal(output);
      const disk = new Disk(folder, join(folder, 'none'));
      const start = (until: number) =>
        startChild('pipelines-child.mjs', [folder, output, String(until)], {
          env: { ...under.env, ...disk.environment() },
        });
      const acknowledged = ({ facts }: Child) => facts.filter(({ batch }) => batch !== undefined);
      try {
        const first = start(Number.POSITIVE_INFINITY);
        await stepUntil(first, disk, random, (child) => acknowledged(child).length >= 30);
        disk.stepClock(10 * YEAR_MS);
        first.kill();
        await first.ended;
        disk.stepClock(-10 * YEAR_MS);
        const until = Math.max(...acknowledged(first).map(({ batch }) => batch)) + 40;
        const second = start(until);
        await stepUntil(second, disk, random, ({ facts }) => facts.some(({ done }) => done));
        expect(await second.ended).toMatchObject({ code: 0, err: '' });

        await expectAsUndisturbed(folder, output, until, second.facts.find((fact) => fact.done).done.totals);
        const journal = await under.openReadOnly();
        try {
          const keys = await journal.keys();
          const times = (await Promise.all(keys.map((key) => expectContiguous(journal, key))))
            .flat()
            .map(({ timestamp }) => timestamp);
          // The clock was seen to jump.
          expect(times.filter((time, index) => time < (times[index - 1] ?? 0) - HOUR_MS / 2).length).toBeGreaterThan(1);
          expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(9 * YEAR_MS);
        } finally {
          await journal.close();
        }
      } finally {
        disk.close();
      }
    },
  );
});
