/** A log cut or spoilt anywhere: the journal holds the commits before that place, whole, or refuses to open. */
import { copyFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { expect } from '@jest/globals';
import { codeOf } from '../../src/errors.ts';
import { openEmbeddedJournal } from '../../src/journals/embedded/open.ts';
import { chaosTest, rounds } from './support/chaos.ts';
import { eventAt } from './support/deterministic-events.mjs';
import { expectContiguous, integrityOf } from './support/journal-checks.ts';
import type { Random } from './support/random.ts';

const LOG_HEADER = 32;
const FRAME_HEADER = 24;
const KEY = 'torn';
const BATCH = 3;
const BYTES = 2500;

interface Log {
  readonly bytes: Buffer;
  readonly database: Buffer;
  readonly frames: number;
  readonly frameBytes: number;
  /** After how many frames a commit ends, in order. */
  readonly commits: readonly number[];
}

/** Appends batches of three, and copies the files of the journal before anything is written back. */
async function recordLog(folder: string, batches: number): Promise<Log> {
  const path = join(folder, 'recorded');
  await (await openEmbeddedJournal({ path })).close();
  const journal = await openEmbeddedJournal({ path });
  try {
    for (let after = 0; after < batches * BATCH; after += BATCH) {
      const events = Array.from({ length: BATCH }, (_, index) => eventAt(KEY, after + index + 1, BYTES));
      await journal.append(KEY, after, events);
    }
    const bytes = readFileSync(join(path, 'journal.db-wal'));
    const frameBytes = FRAME_HEADER + bytes.readUInt32BE(8);
    const frames = (bytes.length - LOG_HEADER) / frameBytes;
    // A frame that ends a commit holds the size of the database, the others zero.
    const ends = Array.from({ length: frames }, (_, frame) => bytes.readUInt32BE(LOG_HEADER + frame * frameBytes + 4));
    const commits = ends.flatMap((size, frame) => (size === 0 ? [] : [frame + 1]));
    expect(commits).toHaveLength(batches);
    return { bytes, database: readFileSync(join(path, 'journal.db')), frames, frameBytes, commits };
  } finally {
    await journal.close();
  }
}

function place(log: Log, frame: number, offset = 0): number {
  return LOG_HEADER + frame * log.frameBytes + offset;
}

/** How many commits end before this byte of the log. */
function commitsBefore(log: Log, byte: number): number {
  return log.commits.filter((frames) => place(log, frames) <= byte).length;
}

/** Opens a copy of the journal with this log; a second opening finds the same. */
async function expectBatches(folder: string, log: Log, bytes: Buffer, batches: number, where: unknown): Promise<void> {
  const path = join(folder, 'image');
  mkdirSync(path);
  writeFileSync(join(path, 'journal.db'), log.database);
  writeFileSync(join(path, 'journal.db-wal'), bytes);
  for (let opening = 0; opening < 2; opening++) {
    const journal = await openEmbeddedJournal({ path });
    try {
      const events = await expectContiguous(journal, KEY);
      expect({ where, events: events.length }).toEqual({ where, events: batches * BATCH });
      const wrong = events.filter(({ sequence, ...event }) => !isDeepStrictEqual(event, eventAt(KEY, sequence, BYTES)));
      expect({ where, wrong }).toEqual({ where, wrong: [] });
    } finally {
      await journal.close();
    }
  }
  expect(integrityOf(path)).toBe('ok');
  rmSync(path, { recursive: true });
}

chaosTest('a log cut at any place gives the commits before it, whole', async (random, folder) => {
  const log = await recordLog(folder, 12);
  const everywhere = Array.from({ length: log.frames + 1 }, (_, frame) => frame).flatMap((frame) => [
    place(log, frame),
    place(log, frame, -1),
    place(log, frame, 1),
    place(log, frame, FRAME_HEADER),
    place(log, frame, FRAME_HEADER + 512),
  ]);
  const cuts = [0, 1, LOG_HEADER - 1, ...everywhere].filter((cut) => cut >= 0 && cut <= log.bytes.length);
  for (const cut of sample(cuts, rounds(20, cuts.length), random)) {
    await expectBatches(folder, log, log.bytes.subarray(0, cut), commitsBefore(log, cut), { cut });
  }
});

chaosTest('a log spoilt at any place gives the commits before it, whole', async (random, folder) => {
  const log = await recordLog(folder, 12);
  for (let round = 0; round < rounds(20, 1000); round++) {
    const frame = random.below(log.frames);
    const at = place(log, frame, random.below(log.frameBytes));
    const bytes = Buffer.from(log.bytes);
    // A bit, a sector of zeros, or a sector of what was there before: what disks do to a page.
    const damage = random.pick(['bit', 'zeros', 'older'] as const);
    if (damage === 'bit') bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << random.below(8)), at);
    else if (damage === 'zeros') bytes.fill(0, at, Math.min(at + 512, bytes.length));
    else log.bytes.copy(bytes, at, random.below(at), at);
    const first = firstDifference(bytes, log.bytes);
    const intact =
      first === undefined ? log.bytes.length : place(log, Math.floor((first - LOG_HEADER) / log.frameBytes));
    await expectBatches(folder, log, bytes, commitsBefore(log, intact), { damage, frame, at });
  }
});

chaosTest('a page at the end of the file torn off: refused, or mended from the log', async (random, folder) => {
  const path = join(folder, 'journal');
  const journal = await openEmbeddedJournal({ path });
  const events = Array.from({ length: 60 }, (_, index) => eventAt(KEY, index + 1, BYTES));
  await journal.append(KEY, 0, events);
  await journal.close();
  const file = join(path, 'journal.db');
  copyFileSync(file, join(folder, 'whole.db'));
  const { length } = readFileSync(file);
  for (let round = 0; round < rounds(12, 300); round++) {
    copyFileSync(join(folder, 'whole.db'), file);
    truncateSync(file, length - 1 - random.below(3 * 4096));
    try {
      const opened = await openEmbeddedJournal({ path });
      try {
        expect(await expectContiguous(opened, KEY)).toHaveLength(60);
      } finally {
        await opened.close();
      }
    } catch (error) {
      expect(codeOf(error)).toBe('DATAFLOW_ERR_JOURNAL_CORRUPT');
    }
  }
});

function firstDifference(a: Buffer, b: Buffer): number | undefined {
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return at === -1 ? undefined : at;
}

function sample<T>(values: readonly T[], count: number, random: Random): T[] {
  const left = [...values];
  return Array.from({ length: Math.min(count, left.length) }, () => left.splice(random.below(left.length), 1)[0] as T);
}
