import { join } from 'node:path';
import { expect } from '@jest/globals';
import { chaosTest, rounds } from './support/chaos.ts';
import { startChild } from './support/child.ts';

const COUNT = 10_000;
/** Each but the last is killed, after a batch in every pipeline. */
const LIVES = rounds(2, 6);

chaosTest(`${COUNT} pipelines are all there, running, in each life after a kill`, async (_, folder) => {
  const path = join(folder, 'journal');
  const all = (batches: number) => ({ [`running ${batches}`]: COUNT });
  for (let life = 0; life < LIVES; life++) {
    const isLast = life === LIVES - 1;
    const child = startChild('many-pipelines-child.mjs', [path, String(isLast ? 0 : COUNT)]);
    const { recovered, recoveredMs, longestBlockMs } = await child.said((fact) => fact.recovered);
    expect(recovered).toEqual(life === 0 ? {} : all(life));
    if (life > 0) {
      const block = `the event loop stood still for ${longestBlockMs} ms at most`;
      console.info(`${COUNT} pipelines recovered in ${recoveredMs} ms; ${block}`);
    }
    const { worked } = await child.said((fact) => fact.worked);
    expect(worked).toEqual(all(isLast ? life : life + 1));
    if (isLast) child.process.stdin?.end();
    else child.kill();
    expect(await child.ended).toMatchObject(isLast ? { code: 0, err: '' } : { signal: 'SIGKILL' });
  }
});
