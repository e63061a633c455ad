import { join } from 'node:path';
import { expect } from '@jest/globals';
import { chaosTest, rounds } from './support/chaos.ts';
import { startChild } from './support/child.ts';

const COUNT = 10_000;
const LIVES = rounds(2, 6);

chaosTest(`${COUNT} pipelines are all there, running, in each life after a kill`, async (_, folder) => {
  const path = join(folder, 'journal');
  const all = (batches: number) => ({ [`running ${batches}`]: COUNT });
  for (let life = 0; life < LIVES; life++) {
    const child = startChild('many-pipelines-child.mjs', [path, String(COUNT)]);
    const { recovered, recoveredMs, longestBlockMs } = await child.said((fact) => fact.recovered);
    expect(recovered).toEqual(life === 0 ? {} : all(life));
    if (life > 0)
      console.info(
        `${COUNT} pipelines recovered in ${recoveredMs} ms; the event loop stood still for ${longestBlockMs} ms at most`,
      );
    const { worked } = await child.said((fact) => fact.worked);
    expect(worked).toEqual(all(life + 1));
    if (life < LIVES - 1) child.kill();
    else child.process.stdin?.end();
    expect(await child.ended).toMatchObject(life < LIVES - 1 ? { signal: 'SIGKILL' } : { code: 0, err: '' });
  }
});
