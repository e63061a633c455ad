/** Several processes want one journal: one has it, the others are refused and told who; no lock outlives its holder. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { openEmbeddedJournal } from '../../src/journals/embedded/open.ts';
import { chaosTest, rounds } from './support/chaos.ts';
import { type Child, startChild } from './support/child.ts';
import { expectContiguous } from './support/journal-checks.ts';

/** What a holder has appended at least, judged by what it said. */
function lastAcknowledged(children: readonly Child[]): number {
  return Math.max(0, ...children.flatMap(({ facts }) => facts.flatMap(({ acknowledged }) => acknowledged ?? [])));
}

chaosTest(
  'of processes that race for a journal one has it; killed, another gets it, and nothing forks',
  async (random, folder) => {
    const path = join(folder, 'journal');
    const all: Child[] = [];
    for (let round = 0; round < rounds(4, 60); round++) {
      const rivals = Array.from({ length: 3 }, () => startChild('rival-child.mjs', [path]));
      all.push(...rivals);
      await Promise.all(
        rivals.map(({ said }) => said(({ opened, code }) => opened !== undefined || code !== undefined)),
      );
      const [winner, ...others] = rivals.filter(({ facts }) => facts.some(({ opened }) => opened !== undefined)) as [
        Child,
        ...Child[],
      ];
      expect(winner).toBeDefined();
      expect(others).toEqual([]);
      for (const loser of rivals.filter((rival) => rival !== winner)) {
        const { facts } = await loser.ended;
        expect(facts).toMatchObject([{ code: 'DATAFLOW_ERR_JOURNAL_LOCKED' }]);
      }
      await winner.said((fact) => fact.acknowledged !== undefined);
      await pause(random.next() * 30);
      winner.kill();
      await winner.ended;
    }
    const journal = await openEmbeddedJournal({ path });
    const events = await expectContiguous(journal, 'rivals');
    expect(events.length).toBeGreaterThanOrEqual(lastAcknowledged(all));
    // Each holder went on where the one before it was: its events are one run.
    const holders = events.map(({ data }) => data.pid).filter((pid, index, pids) => pid !== pids[index - 1]);
    expect(new Set(holders).size).toBe(holders.length);
    await journal.close();
  },
);

chaosTest(
  'a holder that stands still keeps the journal; the name of a dead one on it keeps nobody out',
  async (_, folder) => {
    const path = join(folder, 'journal');
    const holder = startChild('rival-child.mjs', [path]);
    await holder.said((fact) => fact.acknowledged !== undefined);
    holder.kill('SIGSTOP');
    const late = startChild('rival-child.mjs', [path]);
    const { facts } = await late.ended;
    expect(facts).toMatchObject([{ code: 'DATAFLOW_ERR_JOURNAL_LOCKED', pid: holder.process.pid }]);
    holder.kill('SIGCONT');
    const before = holder.facts.length;
    await holder.said((fact) => holder.facts.indexOf(fact) >= before);
    holder.kill();
    await holder.ended;

    // The number of the dead holder was given to a process that lives: this one, and the first of the machine.
    for (const pid of [process.pid, 1]) {
      writeFileSync(join(path, 'journal.pid'), `${pid}\n`);
      const journal = await openEmbeddedJournal({ path });
      expect((await expectContiguous(journal, 'rivals')).length).toBeGreaterThanOrEqual(lastAcknowledged([holder]));
      await journal.close();
    }
  },
);
