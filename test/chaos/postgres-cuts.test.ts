/** The connection breaks at any byte, of what is sent and of what is answered: the outcome of an append is unknown then. */
import { expect } from '@jest/globals';
import { codeOf } from '../../src/errors.ts';
import { openPostgresJournal } from '../../src/journals/postgres/open.ts';
import { startCuttingProxy } from '../support/cutting-proxy.ts';
import { readEverything } from '../support/journal-events.ts';
import { newSchema, usePostgres } from '../support/postgres.ts';
import { chaosTest, rounds } from './support/chaos.ts';
import { eventAt } from './support/deterministic-events.mjs';
import { Acknowledgements, inspectEvents } from './support/expect-survived.ts';

const CUTS = rounds(25, 3000);
const KEYS = Array.from({ length: 6 }, (_, index) => `key-${index + 1}`);
const BYTES = 150;
/** A little more than one batch of appends takes on its way, so that what comes before and after it is cut as well. */
const LENGTHS = { 'to the server': 9000, 'to the client': 500 } as const;

const server = usePostgres();

for (const [name, retryForMs] of [
  ['the journal', 300_000],
  ['the caller', 0],
] as const) {
  chaosTest(`connections cut at any byte, ${CUTS} times, and ${name} tries again: stored once`, async (random) => {
    const proxy = await startCuttingProxy(server().port);
    const options = { url: server().url(proxy.port), schema: newSchema(), retryForMs };
    const journal = await openPostgresJournal(options);
    const looking = await openPostgresJournal({ ...options, url: server().url(), readOnly: true });
    const acknowledged = new Acknowledgements();
    const last = new Map<string, number>();
    /** How often an append that failed had been stored all the same, and how often not. */
    const outcomes = { stored: 0, absent: 0 };

    async function append(key: string, count: number): Promise<void> {
      const after = last.get(key) ?? 0;
      const events = Array.from({ length: count }, (_, index) => eventAt(key, after + 1 + index, BYTES));
      for (;;) {
        try {
          await journal.append(key, after, events);
          break;
        } catch (error) {
          expect({ retryForMs, code: codeOf(error) }).toEqual({
            retryForMs: 0,
            code: 'DATAFLOW_ERR_JOURNAL_APPEND_FAILED',
          });
          outcomes[(await looking.highestSequence(key)) > after ? 'stored' : 'absent'] += 1;
        }
      }
      last.set(key, after + count);
      acknowledged.appended.set(key, after + count);
    }

    try {
      for (let cut = 0; cut < CUTS; cut++) {
        const way = random.pick(['to the server', 'to the client'] as const);
        const act = random.pick(['end', 'reset'] as const);
        // Half of them where it is decided what is stored: in the commit and its answer, of some 18 bytes.
        if (random.happens(0.5)) proxy.cutAfter(random.below(20), way, act, 'COMMIT');
        else proxy.cutAfter(random.below(LENGTHS[way]), way, act);
        let happened = false;
        void proxy.acted().then(() => {
          happened = true;
        });
        while (!happened) {
          const keys = KEYS.filter(() => random.happens(0.7));
          await Promise.all(keys.map((key) => append(key, 1 + random.below(3))));
        }
      }
      expect(await inspectEvents(looking, BYTES, acknowledged)).toEqual({ lost: [], broken: [] });
      for (const [key, sequence] of last) expect(await looking.highestSequence(key)).toBe(sequence);
      const total = [...last.values()].reduce((sum, count) => sum + count, 0);
      expect(await readEverything(looking)).toHaveLength(total);
      if (retryForMs > 0) return;
      expect(outcomes.stored).toBeGreaterThan(CUTS / 25);
      expect(outcomes.absent).toBeGreaterThan(CUTS / 10);
    } finally {
      await journal.close();
      await looking.close();
      await proxy.close();
    }
  });
}
