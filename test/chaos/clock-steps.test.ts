/** The wall clock is stepped back and forth, by seconds and by decades: nothing but timestamps may tell. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { openEmbeddedJournalReadOnly } from '../../src/journals/embedded/open.ts';
import { createMemoryJournal } from '../../src/journals/memory.ts';
import { startTestPlatform } from '../../src/testing/test-platform.ts';
import { chaosTest, rounds } from './support/chaos.ts';
import { type Child, startChild } from './support/child.ts';
import { Disk, shimTest } from './support/disk-shim.ts';
import { expectContiguous } from './support/journal-checks.ts';
import { contentsOf, writeFlights } from './support/pipeline-files.ts';
import type { Random } from './support/random.ts';

const HOUR_MS = 3_600_000;
const YEAR_MS = 8766 * HOUR_MS;
/** To what a clock without a battery shows, an hour of summer time, a decade, a second. */
const STEPS_MS = [-55 * YEAR_MS, -10 * YEAR_MS, -HOUR_MS, -1000, 0, 1000, HOUR_MS, 10 * YEAR_MS];

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

/** Steps the clock of a process until the fact comes, or it ends. */
async function stepUntil(child: Child, disk: Disk, random: Random, matches: (child: Child) => boolean): Promise<void> {
  let ended = false;
  void child.ended.then(() => {
    ended = true;
  });
  while (!ended && !matches(child)) {
    disk.stepClock(random.pick(STEPS_MS) + random.below(5000));
    await pause(2);
  }
}

shimTest(
  'a process whose system clock jumps, also between two lives, writes what a calm one writes',
  async (random, folder) => {
    await writeFlights(folder, 300);
    const [output, calm] = [join(folder, 'stepped'), join(folder, 'calm')];
    await mkdir(output);
    await mkdir(calm);
    const disk = new Disk(folder, join(folder, 'none'));
    const start = (into: string, until: string, env = {}) =>
      startChild('pipelines-child.mjs', [folder, into, until], { env });
    const acknowledged = ({ facts }: Child) => facts.filter(({ batch }) => batch !== undefined);
    try {
      const first = start(output, 'Infinity', disk.environment());
      await stepUntil(first, disk, random, (child) => acknowledged(child).length >= 30);
      disk.stepClock(10 * YEAR_MS);
      first.kill();
      await first.ended;
      disk.stepClock(-10 * YEAR_MS);
      const until = Math.max(...acknowledged(first).map(({ batch }) => batch)) + 40;
      const second = start(output, String(until), disk.environment());
      await stepUntil(second, disk, random, ({ facts }) => facts.some(({ done }) => done));
      expect(await second.ended).toMatchObject({ code: 0, err: '' });

      const reference = start(calm, String(until));
      const { done } = await reference.said((fact) => fact.done);
      await reference.ended;
      expect(second.facts.find((fact) => fact.done).done.totals).toEqual(done.totals);
      expect(await contentsOf(join(output, 'out'))).toEqual(await contentsOf(join(calm, 'out')));
      const journal = await openEmbeddedJournalReadOnly({ path: join(output, 'journal') });
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
