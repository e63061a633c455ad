import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { startChild } from '../chaos/support/child.ts';
import { type Change, readDiskLog } from '../chaos/support/disk-log.ts';
import { Disk, shimTest } from '../chaos/support/disk-shim.ts';

const isSync = ({ kind }: Change): boolean => kind === 'sync' || kind === 'sync-directory';

/** What a writer changes up to its first acknowledged event; one sync fails, after so many. */
async function changesUpToFirstEvent(folder: string, failAfter?: number): Promise<Change[]> {
  const home = join(folder, String(failAfter));
  const root = join(home, 'disk');
  mkdirSync(root, { recursive: true });
  const disk = new Disk(home, root);
  try {
    if (failAfter !== undefined) disk.failSyncs(1, failAfter);
    const plan = { path: join(root, 'journal'), durability: 'full', keys: 1, bytes: 10, sessions: 1, appends: 1 };
    const args = [JSON.stringify({ ...plan, acknowledged: join(root, 'acknowledged') })];
    const child = startChild('writer-child.mjs', args, { env: disk.environment({ logged: true }) });
    expect(await child.ended).toMatchObject({ code: 0, err: '' });
    const changes = readDiskLog(disk.log);
    return changes.slice(
      0,
      changes.findIndex(({ kind, name }) => kind === 'write' && name === 'acknowledged'),
    );
  } finally {
    disk.close();
  }
}

shimTest(
  'no event is acknowledged before the name of its log is on the disk, whichever sync fails',
  async (_, folder) => {
    const calm = await changesUpToFirstEvent(folder);
    const created = (changes: readonly Change[]) =>
      changes.findIndex(({ kind, name }) => kind === 'create' && name === 'journal/journal.db-wal');
    const before = calm.slice(0, created(calm)).filter(isSync).length;
    const all = calm.filter(isSync).length;
    expect(all).toBeGreaterThan(before);
    for (let failAfter = before; failAfter < all; failAfter++) {
      const changes = await changesUpToFirstEvent(folder, failAfter);
      const after = changes.slice(created(changes));
      const synced = after.some(({ kind, name }) => kind === 'sync-directory' && name === 'journal');
      expect({ failAfter, synced }).toEqual({ failAfter, synced: true });
    }
  },
);
