/** The power fails under whole pipelines: journal and output files together are what the next life goes on from. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { rounds } from './support/chaos.ts';
import { type Child, startChild } from './support/child.ts';
import { take } from './support/cut-power.ts';
import { readDiskLog } from './support/disk-log.ts';
import { DiskModel } from './support/disk-model.ts';
import { Disk, shimTest } from './support/disk-shim.ts';
import { Acknowledgements } from './support/expect-survived.ts';
import { writeFlights } from './support/pipeline-files.ts';
import { PUSHED_PIPELINES } from './support/pipelines.mjs';
import { expectAsUndisturbed } from './support/undisturbed-run.ts';

const FAILURES = rounds(4, 100);

shimTest(`after ${FAILURES} power losses the output is that of a run without any`, async (random, folder) => {
  await writeFlights(folder, rounds(400, 6000));
  const root = join(folder, 'disk');
  const output = join(root, 'run');
  for (const path of [root, output]) mkdirSync(path);
  const acknowledged = new Acknowledgements();
  const disk = new Disk(folder, root);
  const start = (until: number, logged: boolean): Child =>
    startChild('pipelines-child.mjs', [folder, output, String(until), join(root, 'acknowledged')], {
      env: disk.environment({ logged }),
    });
  /** What was acknowledged before the power failed is in what is recovered after it. */
  const expectRecovered = async (child: Child): Promise<void> => {
    const { recovered } = await child.said((fact) => fact.ready);
    for (const [id, batches] of acknowledged.appended) {
      expect({ id, recovered: recovered[id].totalBatchesProcessed }).toEqual({
        id,
        recovered: Math.max(batches, recovered[id].totalBatchesProcessed),
      });
    }
  };
  try {
    for (let failure = 0; failure < FAILURES; failure++) {
      const model = new DiskModel(random, root);
      const child = start(Number.POSITIVE_INFINITY, true);
      await expectRecovered(child);
      let batches = 20 + random.below(40);
      await child.said((fact) => fact.batch !== undefined && --batches === 0);
      child.kill();
      await child.ended;
      const changes = readDiskLog(disk.log);
      // The last time after everything that was acknowledged, so that there is something to lose.
      const cut = failure === FAILURES - 1 ? changes.length : random.below(changes.length);
      for (const change of changes.slice(0, cut)) take(change, model, acknowledged);
      rmSync(disk.log);
      rmSync(root, { recursive: true });
      model.writeImage(root);
    }

    const until = Math.max(...acknowledged.appended.values()) + 10;
    const last = start(until, false);
    await expectRecovered(last);
    const { done } = await last.said((fact) => fact.done);
    expect(await last.ended).toMatchObject({ code: 0, err: '' });
    expect(acknowledged.appended.size).toBe(PUSHED_PIPELINES.length);

    await expectAsUndisturbed(folder, output, until, done.totals);
  } finally {
    disk.close();
  }
});
