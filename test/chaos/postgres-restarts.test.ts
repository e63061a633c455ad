/** The server is restarted under load, in order, at once, or killed: what was acknowledged is there, once. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { openPostgresJournal } from '../../src/journals/postgres/open.ts';
import { pollFor } from '../support/poll.ts';
import { newSchema, usePostgres } from '../support/postgres.ts';
import { chaosTest, rounds } from './support/chaos.ts';
import { startChild } from './support/child.ts';
import { eventAt } from './support/deterministic-events.mjs';
import { postgresJournal } from './support/durable-journals.ts';
import { Acknowledgements, inspectEvents } from './support/expect-survived.ts';
import { expectContiguous } from './support/journal-checks.ts';
import { writeFlights } from './support/pipeline-files.ts';
import { expectAsUndisturbed } from './support/undisturbed-run.ts';

const RESTARTS = rounds(3, 60);
/** In turn, so that each comes in the short form as well. */
const WAYS = ['SIGKILL', 'SIGQUIT', 'SIGINT'] as const;
const KEYS = Array.from({ length: 40 }, (_, index) => `key-${index + 1}`);
const BYTES = 300;
/** Longer than a start takes on a machine that has much else to do. */
const RETRY_MS = 300_000;

const server = usePostgres();
const way = (restart: number) => WAYS[restart % WAYS.length] as (typeof WAYS)[number];

chaosTest(`appends under ${RESTARTS} restarts of the server are stored once`, async (random) => {
  const options = { url: server().url(), schema: newSchema(), retryForMs: RETRY_MS };
  const journal = await openPostgresJournal(options);
  const acknowledged = new Acknowledgements();
  let appends = 0;
  let isOver = false;
  const writeKey = async (key: string) => {
    for (let after = 0; !isOver; ) {
      const events = Array.from({ length: 1 + (after % 3) }, (_, index) => eventAt(key, after + 1 + index, BYTES));
      await journal.append(key, after, events);
      after += events.length;
      acknowledged.appended.set(key, after);
      appends += 1;
    }
  };
  const writing = Promise.all(KEYS.map(writeKey));
  try {
    for (let restart = 0; restart < RESTARTS; restart++) {
      const enough = appends + KEYS.length + random.below(2000);
      await pollFor(
        async () => appends,
        (count) => count >= enough,
      );
      await server().restart(way(restart));
    }
    isOver = true;
    await writing;
    expect(await inspectEvents(journal, BYTES, acknowledged)).toEqual({ lost: [], broken: [] });
    for (const [key, sequence] of acknowledged.appended) expect(await journal.highestSequence(key)).toBe(sequence);
  } finally {
    isOver = true;
    await journal.close();
  }
});

chaosTest(
  `pipelines under ${RESTARTS} restarts of the server end by themselves, with the output of a calm run`,
  async (random, folder) => {
    await writeFlights(folder, rounds(500, 10_000));
    const output = join(folder, 'restarted');
    await mkdir(output);
    const journal = postgresJournal({ url: server().url() });
    const child = startChild('pipelines-child.mjs', [folder, output, 'Infinity'], journal);
    for (let restart = 0; restart < RESTARTS; restart++) {
      const before = child.facts.length;
      let batches = 2 + random.below(30);
      await child.said((fact) => {
        if (fact.batch !== undefined && child.facts.indexOf(fact, before) >= before) batches -= 1;
        return batches === 0;
      });
      await server().restart(way(restart));
    }
    child.process.stdin?.end();
    const { done } = await child.said((fact) => fact.done);
    expect(await child.ended).toMatchObject({ code: 0, err: '' });
    await expectAsUndisturbed(folder, output, done.until, done.totals);
    const reader = await journal.openReadOnly();
    try {
      for (const key of await reader.keys()) {
        const events = await expectContiguous(reader, key);
        const processed = events.filter(({ data }) => data.type === 'BatchProcessed').map(({ data }) => data.batchId);
        expect({ key, batches: processed.length }).toEqual({ key, batches: done.totals[key].totalBatchesProcessed });
        expect(new Set(processed).size).toBe(processed.length);
      }
    } finally {
      await reader.close();
    }
  },
);
