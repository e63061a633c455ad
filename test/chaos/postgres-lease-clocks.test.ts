/** The wall clocks of owners are stepped by seconds and decades: leases last what they last by the server's clock. */
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { openPostgresJournal } from '../../src/journals/postgres/open.ts';
import { readEverything } from '../support/journal-events.ts';
import { newSchema, usePostgres } from '../support/postgres.ts';
import { rounds } from './support/chaos.ts';
import { STEPS_MS, stepUntil, YEAR_MS } from './support/clock-steps.ts';
import { Disk, shimTest } from './support/disk-shim.ts';
import { expectNoFork, startLeaseOwner } from './support/lease-owner.ts';

const KEYS = Array.from({ length: 5 }, (_, index) => `key-${index + 1}`);
/** Renewed sixteen times as often; a machine that starves a process for longer takes the lease away rightly. */
const TTL_MS = 5000;
/** Of the owner, while a rival tries for its keys. */
const RENEWALS = rounds(3, 200);

const server = usePostgres();

shimTest('an owner keeps its leases while clocks jump, and a rival gets them only after it', async (random, folder) => {
  const options = { url: server().url(), schema: newSchema() };
  const journal = await openPostgresJournal(options);
  const disk = new Disk(folder, join(folder, 'none'));
  const start = (owner: string) => startLeaseOwner({ options, owner, keys: KEYS, ttlMs: TTL_MS }, disk.environment());
  try {
    const owner = await start('owner');
    const rival = await start('rival');
    // By its own clock its leases would have ended long ago.
    disk.stepClock(-10 * YEAR_MS);
    await owner.acquires();
    owner.begin();
    const taking = rival.acquires();
    rival.begin();
    const renewals = () => owner.facts.filter(({ renewed }) => renewed !== undefined);
    await stepUntil(owner, disk, random, () => renewals().length >= RENEWALS);
    expect(renewals().filter(({ renewed }) => renewed !== KEYS.length)).toEqual([]);
    expect(owner.facts.filter(({ refused }) => refused !== undefined)).toEqual([]);
    const tries = rival.facts.flatMap(({ acquired }) => acquired ?? []);
    expect(new Set(tries)).toEqual(new Set([0]));
    for (const lease of await journal.leases.list()) {
      expect(lease).toMatchObject({ owner: 'owner', epoch: 1, isExpired: false });
      const [now] = await server().query('SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms');
      expect(lease.expiresAt - Number(now?.ms)).toBeLessThanOrEqual(TTL_MS);
    }
    owner.kill();
    await owner.ended;
    await stepUntil(rival, disk, random, ({ facts }) => facts.some(({ appended }) => appended !== undefined));
    await taking;
    await rival.appendsEverywhere();
    rival.process.stdin?.end();
    expect(await rival.ended).toMatchObject({ code: 0, err: '' });
    const holders = await expectNoFork(journal, KEYS, [owner, rival]);
    expect([...holders.values()]).toEqual(KEYS.map(() => 2));
    // The clocks were seen to jump: by timestamps, which are the process's own.
    let [earliest, latest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const { timestamp } of await readEverything(journal)) {
      earliest = Math.min(earliest, timestamp);
      latest = Math.max(latest, timestamp);
    }
    expect(latest - earliest).toBeGreaterThan(Math.max(...STEPS_MS) / 2);
  } finally {
    await journal.close();
    disk.close();
  }
});
