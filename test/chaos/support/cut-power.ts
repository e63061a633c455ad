import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Change } from './disk-log.ts';
import type { DiskModel } from './disk-model.ts';
import { type Acknowledgements, inspect } from './expect-survived.ts';

interface PowerCuts {
  readonly changes: readonly Change[];
  /** After how many changes the power fails, each time on a disk of its own. */
  readonly cuts: readonly number[];
  readonly model: DiskModel;
  /** What was acknowledged before the first change. */
  readonly acknowledged: Acknowledgements;
  /** The directory of the journal on the disk. */
  readonly journal: string;
  /** Of the text of an event. */
  readonly bytes: number;
  /** For the disks. */
  readonly folder: string;
}

/** Fails the power after each of the cuts; lists what is wrong with the journals that are found then. */
export async function cutPower({ changes, cuts, model, acknowledged, journal, bytes, folder }: PowerCuts) {
  const lost: string[] = [];
  const broken: string[] = [];
  let at = 0;
  for (const [number, cut] of [...cuts].sort((a, b) => a - b).entries()) {
    for (; at < cut; at++) take(changes[at] as Change, model, acknowledged);
    const image = join(folder, `image-${number}`);
    model.writeImage(image);
    const found = await inspect(join(image, journal), bytes, acknowledged);
    lost.push(...found.lost.map((what) => `power lost after change ${cut}: ${what}`));
    broken.push(...found.broken.map((what) => `power lost after change ${cut}: ${what}`));
    rmSync(image, { recursive: true });
  }
  return { lost, broken };
}

/** The file `acknowledged` is no part of the disk: whoever was told something knows it, power or not. */
export function take(change: Change, model: DiskModel, acknowledged: Acknowledgements): void {
  if (change.name !== 'acknowledged') model.apply(change);
  else if (change.kind === 'write') acknowledged.take(change.data.toString());
}
