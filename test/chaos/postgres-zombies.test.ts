/**
 * Owners of leases are frozen at any moment, for longer than their leases last: another process takes over and appends,
 * and whoever wakes finds every key closed to it.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { openPostgresJournal } from '../../src/journals/postgres/open.ts';
import { startCuttingProxy } from '../support/cutting-proxy.ts';
import { newSchema, usePostgres } from '../support/postgres.ts';
import { chaosTest, rounds } from './support/chaos.ts';
import { expectNoFork, startLeaseOwner } from './support/lease-owner.ts';

const FREEZES = rounds(3, 120);
const KEYS = Array.from({ length: 8 }, (_, index) => `key-${index + 1}`);
/** Short, so that a frozen process does not hold its locks for seconds: what it may idle in a transaction follows it. */
const STATEMENT_MS = 1000;
const TTL_MS = 400;

const server = usePostgres();

chaosTest(
  `owners frozen ${FREEZES} times beyond their leases are replaced, and refused when they wake`,
  async (random) => {
    const schema = newSchema();
    const url = server().url();
    const journal = await openPostgresJournal({ url, schema });
    const proxy = await startCuttingProxy(server().port);
    let owners = 0;
    const start = () => {
      const options = { url: server().url(proxy.port), schema, statementTimeoutMs: STATEMENT_MS, requireLeases: true };
      owners += 1;
      return startLeaseOwner({ options, owner: `owner-${owners}`, keys: KEYS, ttlMs: TTL_MS });
    };
    const ends = () => Promise.all(KEYS.map((key) => journal.highestSequence(key)));
    let holder = await start();
    await holder.acquires();
    holder.begin();
    const all = [holder];
    try {
      for (let freeze = 0; freeze < FREEZES; freeze++) {
        const taker = await start();
        all.push(taker);
        await holder.appendsEverywhere();
        if (freeze % 2 === 0) {
          // Its locks are held, and it will not say how the transaction ends.
          proxy.on('COMMIT', 'hold it');
          await proxy.acted();
        } else {
          await pause(random.next() * 30);
        }
        holder.kill('SIGSTOP');
        const before = holder.facts.length;
        await taker.acquires();
        const taken = await ends();
        // It wakes up to streams that go on, or that end where it has left them.
        const isLate = random.happens(0.5);
        if (isLate) {
          taker.begin();
          await taker.appendsEverywhere();
        }
        proxy.release();
        holder.kill('SIGCONT');
        const { code, err, facts } = await holder.ended;
        expect({ freeze, code, err }).toEqual({ freeze, code: 0, err: '' });
        const fenced = facts.slice(before).filter(({ refused }) => refused === 'DATAFLOW_ERR_JOURNAL_FENCED');
        expect({ freeze, fenced: fenced.map(({ key }) => key).sort() }).toEqual({ freeze, fenced: KEYS });
        if (!isLate) {
          expect({ freeze, ends: await ends() }).toEqual({ freeze, ends: taken });
          taker.begin();
        }
        holder = taker;
      }
      await holder.appendsEverywhere();
      holder.process.stdin?.end();
      expect(await holder.ended).toMatchObject({ code: 0, err: '' });
      const holders = await expectNoFork(journal, KEYS, all);
      expect([...holders.values()]).toEqual(KEYS.map(() => FREEZES + 1));
    } finally {
      await journal.close();
      await proxy.close();
    }
  },
);
