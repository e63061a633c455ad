/** A disk that refuses to sync, or has no room: appends are refused with a code, and nothing acknowledged is lost. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { rounds } from './support/chaos.ts';
import { type Child, startChild } from './support/child.ts';
import { type Change, readDiskLog } from './support/disk-log.ts';
import { DiskModel } from './support/disk-model.ts';
import { Disk, shimTest } from './support/disk-shim.ts';
import { Acknowledgements, inspect } from './support/expect-survived.ts';
import type { Random } from './support/random.ts';

const LOAD = { keys: 5, bytes: 2000, sessions: 1, appends: null, durability: 'full' };

interface Running {
  readonly disk: Disk;
  readonly child: Child;
  readonly path: string;
  acknowledgements(): Acknowledgements;
}

function startWriter(folder: string, logged: boolean): Running {
  const root = join(folder, 'disk');
  mkdirSync(root);
  const disk = new Disk(folder, root);
  const path = join(root, 'journal');
  const plan = { ...LOAD, path, acknowledged: join(root, 'acknowledged') };
  const child = startChild('writer-child.mjs', [JSON.stringify(plan)], { env: disk.environment({ logged }) });
  return {
    disk,
    child,
    path,
    acknowledgements: () => {
      const acknowledgements = new Acknowledgements();
      acknowledgements.take(readFileSync(plan.acknowledged, 'utf8'));
      return acknowledgements;
    },
  };
}

/** Waits for `count` more refusals; a writer that has ended rejects. */
async function refusals(child: Child, count: number): Promise<void> {
  let seen = 0;
  const before = child.facts.length;
  await child.said((fact) => child.facts.indexOf(fact) >= before && fact.refused !== undefined && ++seen >= count);
}

/** Cuts the power at places after the first sync that failed. */
async function expectNothingLost(changes: readonly Change[], images: number, random: Random, folder: string) {
  const firstFailure = changes.findIndex(({ kind }) => kind === 'sync-failed');
  expect(firstFailure).toBeGreaterThan(0);
  const cuts = Array.from({ length: images }, () => firstFailure + random.below(changes.length - firstFailure + 1));
  const model = new DiskModel(random);
  const acknowledged = new Acknowledgements();
  let at = 0;
  for (const [number, cut] of cuts.sort((a, b) => a - b).entries()) {
    for (; at < cut; at++) {
      const change = changes[at] as Change;
      if (change.name !== 'acknowledged') model.apply(change);
      else if (change.kind === 'write') acknowledged.take(change.data.toString());
    }
    const image = join(folder, `image-${number}`);
    model.writeImage(image);
    const found = await inspect(join(image, 'journal'), LOAD.bytes, acknowledged);
    expect({ cut, ...found }).toEqual({ cut, lost: [], broken: [] });
    rmSync(image, { recursive: true });
  }
}

shimTest(
  'a sync that fails refuses the append; the journal goes on, and a power loss later takes nothing',
  async (random, folder) => {
    const { disk, child, path, acknowledgements } = startWriter(folder, true);
    try {
      await child.said((fact) => fact.opened);
      for (let round = 0; round < 6; round++) {
        // The first one alone, several running, and for as long as it takes to be refused again and again.
        const count = random.pick([1, 2, 3, -1]);
        disk.failSyncs(count);
        await refusals(child, count === -1 ? 20 : 1);
        disk.failSyncs(0);
        await pause(random.next() * 20);
      }
      child.process.stdin?.end();
      const { facts, code, err } = await child.ended;
      expect({ code, err, last: facts.at(-1) }).toEqual({ code: 0, err: '', last: { closed: true } });
      const refused = facts.filter((fact) => fact.refused !== undefined);
      expect(
        refused.filter(
          ({ refused: code, disposition }) => code !== 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED' || disposition !== 'retry',
        ),
      ).toEqual([]);
      expect(await inspect(path, LOAD.bytes, acknowledgements())).toEqual({ lost: [], broken: [] });
      await expectNothingLost(readDiskLog(disk.log), rounds(25, 500), random, folder);
    } finally {
      disk.close();
    }
  },
);

shimTest(
  'a disk without room refuses appends as full, in the middle of a write as well, and goes on with room',
  async (random, folder) => {
    const { disk, child, path, acknowledgements } = startWriter(folder, false);
    try {
      await child.said((fact) => fact.opened);
      for (let round = 0; round < 8; round++) {
        disk.leaveRoom(random.below(100_000));
        await refusals(child, 10);
        disk.leaveRoom(undefined);
        await pause(random.next() * 20);
      }
      child.process.stdin?.end();
      const { facts, code, err } = await child.ended;
      expect({ code, err, last: facts.at(-1) }).toEqual({ code: 0, err: '', last: { closed: true } });
      const refused = facts.filter((fact) => fact.refused !== undefined);
      expect(
        refused.filter(
          ({ refused: code, disposition }) => code !== 'DATAFLOW_ERR_JOURNAL_FULL' || disposition !== 'retry',
        ),
      ).toEqual([]);
      expect(await inspect(path, LOAD.bytes, acknowledgements())).toEqual({ lost: [], broken: [] });
    } finally {
      disk.close();
    }
  },
);
