import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { startChild } from '../chaos/support/child.ts';
import { type Change, readDiskLog } from '../chaos/support/disk-log.ts';
import { Disk, shimTest } from '../chaos/support/disk-shim.ts';
import { writeFlights } from '../chaos/support/pipeline-files.ts';

/** Runs a child on the shim to its end; returns what it changed below `disk`. */
async function changesOf(
  folder: string,
  script: string,
  argsFor: (root: string) => readonly string[],
): Promise<Change[]> {
  const root = join(folder, 'disk');
  mkdirSync(root);
  const disk = new Disk(folder, root);
  try {
    const child = startChild(script, argsFor(root), { env: disk.environment({ logged: true }) });
    expect(await child.ended).toMatchObject({ code: 0, err: '' });
    return readDiskLog(disk.log);
  } finally {
    disk.close();
  }
}

/** Each of these names was made and its folder synced after that. */
function expectNamed(
  changes: readonly Change[],
  made: 'mkdir' | 'create',
  names: readonly [name: string, folder: string][],
) {
  for (const [name, folder] of names) {
    const at = changes.findIndex((change) => change.kind === made && change.name === name);
    expect({ name, made: at >= 0 }).toEqual({ name, made: true });
    const synced = changes.slice(at).some((change) => change.kind === 'sync-directory' && change.name === folder);
    expect({ name, synced }).toEqual({ name, synced: true });
  }
}

shimTest('the folders made for a journal are on the disk before its first event is acknowledged', async (_, folder) => {
  const changes = await changesOf(folder, 'writer-child.mjs', (root) => {
    const path = join(root, 'new', 'deep', 'journal');
    const plan = { path, durability: 'full', keys: 1, bytes: 10, sessions: 1, appends: 1 };
    return [JSON.stringify({ ...plan, acknowledged: join(root, 'acknowledged') })];
  });
  const acknowledged = changes.findIndex(({ kind, name }) => kind === 'write' && name === 'acknowledged');
  expectNamed(changes.slice(0, acknowledged), 'mkdir', [
    ['new', ''],
    ['new/deep', 'new'],
    ['new/deep/journal', 'new/deep'],
  ]);
});

shimTest(
  'the folders made for an output file are on the disk before the first batch is acknowledged',
  async (_, folder) => {
    await writeFlights(folder, 10);
    const changes = await changesOf(folder, 'pipelines-child.mjs', (root) => [
      folder,
      join(root, 'run'),
      '3',
      join(root, 'acknowledged'),
    ]);
    const first = changes.findIndex(({ kind, name }) => kind === 'write' && name === 'run/out/pushed.ndjson');
    expectNamed(changes.slice(0, first), 'mkdir', [
      ['run', ''],
      ['run/out', 'run'],
    ]);
    expectNamed(changes.slice(0, first), 'create', [['run/out/pushed.ndjson', 'run/out']]);
  },
);
