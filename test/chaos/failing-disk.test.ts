/** A disk that refuses to sync, or has no room: appends are refused with a code, and nothing acknowledged is lost. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { rounds } from './support/chaos.ts';
import { type Child, startChild } from './support/child.ts';
import { cutPower } from './support/cut-power.ts';
import { readDiskLog } from './support/disk-log.ts';
import { DiskModel } from './support/disk-model.ts';
import { Disk, shimTest } from './support/disk-shim.ts';
import { Acknowledgements, inspect } from './support/expect-survived.ts';
import type { Random } from './support/random.ts';

const LOAD = { keys: 5, bytes: 2000, sessions: 1, durability: 'full' };

interface Running {
  readonly disk: Disk;
  readonly child: Child;
  readonly path: string;
  acknowledgements(): Acknowledgements;
}

interface WriterOptions {
  readonly logged?: boolean;
  /** Of each key; default: until its input ends. */
  readonly appends?: number;
  /** One sync fails, after so many. */
  readonly failAfter?: number;
}

function startWriter(folder: string, { logged = false, appends, failAfter }: WriterOptions = {}): Running {
  const root = join(folder, 'disk');
  mkdirSync(root);
  const disk = new Disk(folder, root);
  if (failAfter !== undefined) disk.failSyncs(1, failAfter);
  const path = join(root, 'journal');
  const plan = { ...LOAD, appends: appends ?? null, path, acknowledged: join(root, 'acknowledged') };
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

/**
 * Troubles the disk of a writer that goes on writing, for so many rounds. Whatever it was refused has this code and may
 * be tried again; it goes on afterwards, ends in order, and has what it acknowledged.
 */
async function troubled(
  { disk, child, path, acknowledgements }: Running,
  expected: { readonly code: string; readonly rounds: number },
  random: Random,
  trouble: () => Promise<void>,
): Promise<void> {
  try {
    await child.said((fact) => fact.opened);
    for (let round = 0; round < expected.rounds; round++) {
      await trouble();
      await pause(random.next() * 20);
    }
    child.process.stdin?.end();
    const { facts, code, err } = await child.ended;
    expect({ code, err, last: facts.at(-1) }).toEqual({ code: 0, err: '', last: { closed: true } });
    const refused = facts.filter((fact) => fact.refused !== undefined);
    expect(
      refused.filter(({ refused: code, disposition }) => code !== expected.code || disposition !== 'retry'),
    ).toEqual([]);
    expect(await inspect(path, LOAD.bytes, acknowledgements())).toEqual({ lost: [], broken: [] });
  } finally {
    disk.close();
  }
}

shimTest(
  'a sync that fails refuses the append; the journal goes on, and a power loss later takes nothing',
  async (random, folder) => {
    const writer = startWriter(folder, { logged: true });
    const { disk, child } = writer;
    const expected = { code: 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED', rounds: rounds(5, 40) };
    await troubled(writer, expected, random, async () => {
      // The first one alone, several running, and for as long as it takes to be refused again and again.
      const count = random.pick([1, 2, 3, -1]);
      const refused = refusals(child, count === -1 ? 20 : 1);
      let waiting = true;
      const settled = () => {
        waiting = false;
      };
      void refused.then(settled, settled);
      // Again and again, for a sync that fails while the log is written back refuses nothing.
      for (; waiting; await pause(50)) disk.failSyncs(count);
      await refused;
      disk.failSyncs(0);
    });
    const changes = readDiskLog(disk.log);
    const first = changes.findIndex(({ kind }) => kind === 'sync-failed');
    expect(first).toBeGreaterThan(0);
    const found = await cutPower({
      changes,
      cuts: Array.from({ length: rounds(25, 500) }, () => first + random.below(changes.length - first + 1)),
      model: new DiskModel(random),
      acknowledged: new Acknowledgements(),
      journal: 'journal',
      bytes: LOAD.bytes,
      folder,
    });
    expect(found).toEqual({ lost: [], broken: [] });
  },
);

shimTest('whichever sync fails while a journal is made, it keeps what it acknowledges', async (random, folder) => {
  // Making one takes less than 20 syncs; the last ones are those of appends.
  for (let failAfter = 0; failAfter < 24; failAfter += rounds(2 + random.below(6), 1)) {
    const home = join(folder, `after-${failAfter}`);
    mkdirSync(home);
    const { disk, child } = startWriter(home, { logged: true, appends: 5, failAfter });
    const { facts, code, err } = await child.ended;
    disk.close();
    expect({ code, err, last: facts.at(-1) }).toEqual({ code: 0, err: '', last: { closed: true } });
    const codes = facts.flatMap(({ refused }) => refused ?? []);
    expect(codes.filter((code) => !/^DATAFLOW_ERR_JOURNAL_(?:OPEN|APPEND)_FAILED$/.test(code))).toEqual([]);
    const changes = readDiskLog(disk.log);
    const found = await cutPower({
      changes,
      cuts: [...Array.from({ length: rounds(2, 6) }, () => random.below(changes.length)), changes.length],
      model: new DiskModel(random),
      acknowledged: new Acknowledgements(),
      journal: 'journal',
      bytes: LOAD.bytes,
      folder: home,
    });
    expect({ failAfter, ...found }).toEqual({ failAfter, lost: [], broken: [] });
  }
});

shimTest(
  'a disk without room refuses appends as full, in the middle of a write as well, and goes on with room',
  async (random, folder) => {
    const writer = startWriter(folder);
    const { disk, child } = writer;
    const expected = { code: 'DATAFLOW_ERR_JOURNAL_FULL', rounds: rounds(8, 100) };
    await troubled(writer, expected, random, async () => {
      disk.leaveRoom(random.below(100_000));
      await refusals(child, 10);
      disk.leaveRoom(undefined);
    });
  },
);
