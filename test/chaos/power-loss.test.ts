/**
 * Every write and sync of a process that writes a journal is recorded; then the power fails at a point taken by chance,
 * and what was not synced is dropped, kept or torn. Each disk that can come of it is opened with the real journal.
 */
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { rounds } from './support/chaos.ts';
import { startChild } from './support/child.ts';
import { cutPower, take } from './support/cut-power.ts';
import { type Change, readDiskLog } from './support/disk-log.ts';
import { DiskModel } from './support/disk-model.ts';
import { Disk, shimTest } from './support/disk-shim.ts';
import { Acknowledgements, inspect } from './support/expect-survived.ts';
import type { Random } from './support/random.ts';

interface Load {
  readonly keys: number;
  readonly bytes: number;
  readonly sessions: number;
  readonly appends: number;
}

/** Opened and closed three times: making the file, many small commits, the write-back at the end. */
const SMALL: Load = { keys: 4, bytes: 300, sessions: 3, appends: 15 };
/** More than the log takes before it is written back in mid-work and begun anew. */
const LARGE: Load = { keys: 6, bytes: 60_000, sessions: 1, appends: 30 };

/** Of one disk, one after the other. */
const FAILURES = rounds(6, 150);

const JOURNAL = join('data', 'journal');

/** Runs a writer on the disk in `root`. */
async function record(
  folder: string,
  root: string,
  load: Load,
  durability: 'full' | 'relaxed',
): Promise<readonly Change[]> {
  const disk = new Disk(folder, root);
  try {
    const plan = { ...load, durability, path: join(root, JOURNAL), acknowledged: join(root, 'acknowledged') };
    const child = startChild('writer-child.mjs', [JSON.stringify(plan)], { env: disk.environment({ logged: true }) });
    expect(await child.ended).toMatchObject({ code: 0, err: '', facts: [{ opened: true }, { closed: true }] });
    const changes = readDiskLog(disk.log);
    rmSync(disk.log);
    return changes;
  } finally {
    disk.close();
  }
}

/** After how many changes the power fails, in order: half of them beside something that matters for what is safe. */
function cutsOf(changes: readonly Change[], count: number, random: Random): number[] {
  const sensitive = changes.flatMap(({ kind }, index) => (kind === 'write' ? [] : [index]));
  const cuts = Array.from({ length: count }, (_, number) =>
    number % 2 === 0 ? random.below(changes.length) : random.pick(sensitive) + random.below(4) - 1,
  );
  return cuts.map((cut) => Math.min(Math.max(cut, 0), changes.length)).sort((a, b) => a - b);
}

async function failPower(load: Load, durability: 'full' | 'relaxed', count: number, random: Random, folder: string) {
  const root = join(folder, 'disk');
  mkdirSync(root);
  const changes = await record(folder, root, load, durability);
  const acknowledged = new Acknowledgements();
  const cuts = cutsOf(changes, count, random);
  const model = new DiskModel(random);
  const found = await cutPower({ changes, cuts, model, acknowledged, journal: JOURNAL, bytes: load.bytes, folder });
  return { ...found, acknowledged };
}

for (const [name, load, images] of [
  ['small commits', SMALL, rounds(40, 1000)],
  ['a log that is written back while it grows', LARGE, rounds(8, 200)],
] as const) {
  shimTest(`a power loss during ${name} takes nothing acknowledged: ${images} disks`, async (random, folder) => {
    const { lost, broken, acknowledged } = await failPower(load, 'full', images, random, folder);
    expect({ lost, broken }).toEqual({ lost: [], broken: [] });
    expect(acknowledged.appended.size).toBe(load.keys);
  });
}

shimTest(
  'the same loss takes acknowledged events of durability relaxed, and still breaks nothing',
  async (random, folder) => {
    const { lost, broken } = await failPower(SMALL, 'relaxed', rounds(20, 300), random, folder);
    expect(broken).toEqual([]);
    // If nothing were lost here, the test above could not fail either.
    expect(lost.filter((what) => what.includes('was acknowledged')).length).toBeGreaterThan(0);
  },
);

shimTest(
  'power that fails again and again, also while the journal recovers, takes nothing acknowledged',
  async (random, folder) => {
    const acknowledged = new Acknowledgements();
    let root = join(folder, 'disk-0');
    mkdirSync(root);
    for (let failure = 1; failure <= FAILURES; failure++) {
      const model = new DiskModel(random, root);
      const changes = await record(folder, root, { keys: 3, bytes: 300, sessions: 1, appends: 10 }, 'full');
      // What comes first is recovery, and the making of the file where none has survived; the last time everything is.
      const limit = random.happens(0.7) ? changes.length : Math.ceil(changes.length / 4);
      const cut = failure === FAILURES ? changes.length : random.below(limit);
      for (const change of changes.slice(0, cut)) take(change, model, acknowledged);
      root = join(folder, `disk-${failure}`);
      model.writeImage(root);
      // Looking at a journal recovers it, and the next writer is to do that: the look is at a copy.
      const copy = join(folder, `copy-${failure}`);
      cpSync(root, copy, { recursive: true });
      const found = await inspect(join(copy, JOURNAL), 300, acknowledged);
      expect({ failure, ...found }).toEqual({ failure, lost: [], broken: [] });
      rmSync(copy, { recursive: true });
    }
    expect(acknowledged.appended.size).toBe(3);
  },
);
