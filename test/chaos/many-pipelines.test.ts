import { join } from 'node:path';
import { expect } from '@jest/globals';
import { chaosTest, rounds } from './support/chaos.ts';
import { startChild } from './support/child.ts';
import { forEachDurableJournal } from './support/durable-journals.ts';

/** Each but the last is killed, after a batch in every pipeline. */
const LIVES = rounds(2, 6);

forEachDurableJournal((kind, newJournal) => {
  // The server works for each batch as well, on the same machine.
  const count = kind === 'embedded' ? 10_000 : rounds(1000, 10_000);
  const all = (batches: number) => ({ [`running ${batches}`]: count });

  chaosTest(
    `${count} pipelines on the ${kind} journal are all there, running, in each life after a kill`,
    async (_, folder) => {
      const journal = newJournal(folder);
      for (let life = 0; life < LIVES; life++) {
        const isLast = life === LIVES - 1;
        const args = [join(folder, 'journal'), String(isLast ? 0 : count)];
        const child = startChild('many-pipelines-child.mjs', args, journal);
        const { recovered, recoveredMs, longestBlockMs } = await child.said((fact) => fact.recovered);
        expect(recovered).toEqual(life === 0 ? {} : all(life));
        if (life > 0) {
          const block = `the event loop stood still for ${longestBlockMs} ms at most`;
          console.info(`${count} pipelines recovered from the ${kind} journal in ${recoveredMs} ms; ${block}`);
        }
        const { worked } = await child.said((fact) => fact.worked);
        expect(worked).toEqual(all(isLast ? life : life + 1));
        if (isLast) child.process.stdin?.end();
        else child.kill();
        expect(await child.ended).toMatchObject(isLast ? { code: 0, err: '' } : { signal: 'SIGKILL' });
      }
    },
  );
});
