/**
 * Processes are killed while the server is busy with their commits, which come after the next process has started: it
 * goes on behind them.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { pollFor } from '../support/poll.ts';
import { usePostgres } from '../support/postgres.ts';
import { stallCommits } from '../support/stalled-commits.ts';
import { chaosTest, rounds } from './support/chaos.ts';
import { type Child, startChild } from './support/child.ts';
import { postgresJournal } from './support/durable-journals.ts';
import { expectContiguous } from './support/journal-checks.ts';
import { writeFlights } from './support/pipeline-files.ts';
import { expectAsUndisturbed } from './support/undisturbed-run.ts';

const KILLS = rounds(2, 60);

const server = usePostgres();

/** Resolves when `next` waits for the appends of the process before it, or is through with recovery. */
async function comesToRecovery(next: Child): Promise<void> {
  const waiting = `SELECT 1 FROM pg_stat_activity
    WHERE application_name = 'dataflow-platform' AND query = 'COMMIT' AND wait_event_type = 'Client'`;
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  next.said((fact) => fact.ready).then(over, over);
  await pollFor(
    async () => isOver || (await server().query(waiting)).length > 0,
    (isThere) => isThere,
  );
}

chaosTest(
  `pipelines killed ${KILLS} times in commits that end after the next start lose and repeat nothing`,
  async (random, folder) => {
    await writeFlights(folder, rounds(200, 10_000));
    const output = join(folder, 'killed');
    await mkdir(output);
    const journal = postgresJournal({ url: server().url() });
    const start = (until: number) => startChild('pipelines-child.mjs', [folder, output, String(until)], journal);
    let child = start(Number.POSITIVE_INFINITY);
    let last = -1;
    for (let kill = 0; kill < KILLS; kill++) {
      let batches = 1 + random.below(20);
      await child.said((fact) => fact.batch !== undefined && --batches === 0);
      const stall = await stallCommits(server(), journal.schema);
      await stall.met();
      child.kill();
      const { facts } = await child.ended;
      last = Math.max(last, ...facts.flatMap(({ batch }) => batch ?? []));
      child = start(kill === KILLS - 1 ? last + 20 : Number.POSITIVE_INFINITY);
      await comesToRecovery(child);
      await stall.release();
      await stall.end();
    }
    const { done } = await child.said((fact) => fact.done);
    expect(await child.ended).toMatchObject({ code: 0, err: '' });
    await expectAsUndisturbed(folder, output, last + 20, done.totals);
    const reader = await journal.openReadOnly();
    try {
      for (const key of await reader.keys()) {
        const events = await expectContiguous(reader, key);
        const processed = events.filter(({ data }) => data.type === 'BatchProcessed').map(({ data }) => data.batchId);
        expect(new Set(processed).size).toBe(processed.length);
      }
    } finally {
      await reader.close();
    }
  },
);
