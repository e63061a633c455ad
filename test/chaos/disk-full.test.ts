/**
 * A disk that is really full: a small memory file system where this user may mount one, else a limit on the size of
 * files. What is refused is refused as full, what was acknowledged is there, and it goes on when there is room.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { codeOf } from '../../src/errors.ts';
import { openEmbeddedJournal } from '../../src/journals/embedded/open.ts';
import { linuxTest } from './support/chaos.ts';
import { type Child, startChild } from './support/child.ts';
import { expectRefusals, expectTakenAfter } from './support/expect-refusals.ts';
import { Acknowledgements, inspect } from './support/expect-survived.ts';

const LOAD = { keys: 5, bytes: 2000, sessions: 1, appends: null, durability: 'full' };

interface Space {
  /** What starts a process that has only this space. */
  readonly through: readonly string[];
  makeRoom(child: Child): void;
  release(): void;
}

function run(command: string, ...args: string[]): boolean {
  return spawnSync(command, args).status === 0;
}

function smallSpace(directory: string): Space {
  if (run('mount', '-t', 'tmpfs', '-o', 'size=3m', 'dataflow-chaos', directory)) {
    return {
      through: [],
      makeRoom: () => expect(run('mount', '-o', 'remount,size=64m', directory)).toBe(true),
      release: () => expect(run('umount', '-l', directory)).toBe(true),
    };
  }
  return {
    // 6,000 blocks of 512 bytes; the shell's exec keeps it to one process.
    through: ['/bin/sh', '-c', 'ulimit -S -f 6000; exec "$0" "$@"'],
    makeRoom: ({ process }) => expect(run('prlimit', `--pid=${process.pid}`, '--fsize=unlimited')).toBe(true),
    release: () => {},
  };
}

async function opens(path: string): Promise<string> {
  try {
    await (await openEmbeddedJournal({ path })).close();
    return 'opened';
  } catch (error) {
    return String(codeOf(error));
  }
}

linuxTest(
  'a full disk refuses appends as full, and takes them when there is room, also after a kill',
  async (_, folder) => {
    const directory = join(folder, 'disk');
    mkdirSync(directory);
    const space = smallSpace(directory);
    const path = join(directory, 'journal');
    const plan = { ...LOAD, path, acknowledged: join(folder, 'acknowledged') };
    const start = () => startChild('writer-child.mjs', [JSON.stringify(plan)], { through: space.through });
    const check = async () => {
      const acknowledged = new Acknowledgements();
      acknowledged.take(readFileSync(plan.acknowledged, 'utf8'));
      expect(await inspect(path, LOAD.bytes, acknowledged)).toEqual({ lost: [], broken: [] });
      expect(acknowledged.appended.size).toBe(LOAD.keys);
    };
    try {
      const killed = start();
      await expectRefusals(killed, 30, 'DATAFLOW_ERR_JOURNAL_FULL');
      killed.kill();
      await killed.ended;
      // Without room a journal may refuse to open, and says why.
      expect(['opened', 'DATAFLOW_ERR_JOURNAL_FULL']).toContain(await opens(path));

      const child = start();
      await expectRefusals(child, 30, 'DATAFLOW_ERR_JOURNAL_FULL');
      await expectTakenAfter(child, () => space.makeRoom(child));
      child.process.stdin?.end();
      expect(await child.ended).toMatchObject({ code: 0, err: '' });
      await check();
    } finally {
      space.release();
    }
  },
);
