import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { startChild } from '../chaos/support/child.ts';
import { readDiskLog } from '../chaos/support/disk-log.ts';
import { Disk, shimTest } from '../chaos/support/disk-shim.ts';

shimTest(
  'the names of folders that were made for a journal are on the disk before the first event is acknowledged',
  async (_, folder) => {
    const root = join(folder, 'disk');
    mkdirSync(root);
    const disk = new Disk(folder, root);
    const path = join(root, 'new', 'deep', 'journal');
    const plan = {
      path,
      durability: 'full',
      keys: 1,
      bytes: 10,
      sessions: 1,
      appends: 1,
      acknowledged: join(root, 'acknowledged'),
    };
    const child = startChild('writer-child.mjs', [JSON.stringify(plan)], { env: disk.environment({ logged: true }) });
    expect(await child.ended).toMatchObject({ code: 0, err: '' });
    disk.close();

    const changes = readDiskLog(disk.log);
    const acknowledged = changes.findIndex(({ kind, name }) => kind === 'write' && name === 'acknowledged');
    const before = changes.slice(0, acknowledged);
    for (const [made, holder] of [
      ['new', ''],
      ['new/deep', 'new'],
      ['new/deep/journal', 'new/deep'],
    ] as const) {
      const at = before.findIndex(({ kind, name }) => kind === 'mkdir' && name === made);
      expect(at).toBeGreaterThanOrEqual(0);
      expect(before.slice(at).some(({ kind, name }) => kind === 'sync-directory' && name === holder)).toBe(true);
    }
  },
);
