/**
 * Every write and sync of a process that writes a journal is recorded; then the power fails at a point taken by chance,
 * and what was not synced is dropped, kept or torn. Each disk that can come of it is opened with the real journal.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { rounds } from './support/chaos.ts';
import { startChild } from './support/child.ts';
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

async function record(folder: string, load: Load, durability: 'full' | 'relaxed'): Promise<readonly Change[]> {
  const root = join(folder, 'disk');
  mkdirSync(root);
  const disk = new Disk(folder, root);
  try {
    const plan = { ...load, durability, path: join(root, 'data', 'journal'), acknowledged: join(root, 'acknowledged') };
    const child = startChild('writer-child.mjs', [JSON.stringify(plan)], { env: disk.environment({ logged: true }) });
    expect(await child.ended).toMatchObject({ code: 0, err: '', facts: [{ opened: true }, { closed: true }] });
    return readDiskLog(disk.log);
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

async function failPower(changes: readonly Change[], load: Load, count: number, random: Random, folder: string) {
  const model = new DiskModel(random);
  const acknowledged = new Acknowledgements();
  const lost: string[] = [];
  const broken: string[] = [];
  let at = 0;
  for (const [number, cut] of cutsOf(changes, count, random).entries()) {
    for (; at < cut; at++) {
      const change = changes[at] as Change;
      if (change.name !== 'acknowledged') model.apply(change);
      else if (change.kind === 'write') acknowledged.take(change.data.toString());
    }
    const image = join(folder, `image-${number}`);
    model.writeImage(image);
    const found = await inspect(join(image, 'data', 'journal'), load.bytes, acknowledged);
    lost.push(...found.lost.map((what) => `power lost after change ${cut}: ${what}`));
    broken.push(...found.broken.map((what) => `power lost after change ${cut}: ${what}`));
    rmSync(image, { recursive: true });
  }
  return { lost, broken, acknowledged };
}

for (const [name, load, images] of [
  ['small commits', SMALL, rounds(50, 1000)],
  ['a log that is written back while it grows', LARGE, rounds(10, 200)],
] as const) {
  shimTest(`a power loss during ${name} takes nothing acknowledged: ${images} disks`, async (random, folder) => {
    const changes = await record(folder, load, 'full');
    const { lost, broken, acknowledged } = await failPower(changes, load, images, random, folder);
    expect({ lost, broken }).toEqual({ lost: [], broken: [] });
    expect(acknowledged.appended.size).toBe(load.keys);
  });
}

shimTest(
  'the same loss takes acknowledged events of durability relaxed, and still breaks nothing',
  async (random, folder) => {
    const changes = await record(folder, SMALL, 'relaxed');
    const { lost, broken } = await failPower(changes, SMALL, rounds(30, 300), random, folder);
    expect(broken).toEqual([]);
    // If nothing were lost here, the test above could not fail either.
    expect(lost.filter((what) => what.includes('was acknowledged')).length).toBeGreaterThan(0);
  },
);
