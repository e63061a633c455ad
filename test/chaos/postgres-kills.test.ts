/**
 * Processes that append to PostgreSQL are killed wherever they happen to be, again and again. What they sent last, the
 * server may still store while the next one starts.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { openPostgresJournal } from '../../src/journals/postgres/open.ts';
import { readEverything } from '../support/journal-events.ts';
import { usePostgres } from '../support/postgres.ts';
import { chaosTest, rounds } from './support/chaos.ts';
import { startChild } from './support/child.ts';
import { postgresJournal } from './support/durable-journals.ts';
import { Acknowledgements, inspectEvents } from './support/expect-survived.ts';

const KILLS = rounds(6, 250);
const LOAD = { keys: 60, bytes: 200, sessions: 1, appends: null };

const server = usePostgres();

chaosTest(
  `writers of ${LOAD.keys} keys killed ${KILLS} times leave every acknowledged event, once, and no gap`,
  async (random, folder) => {
    const url = server().url();
    const journal = postgresJournal({ url });
    const plan = { ...LOAD, path: '', acknowledged: join(folder, 'acknowledged') };
    const acknowledged = new Acknowledgements();
    const check = async () => {
      acknowledged.take(readFileSync(plan.acknowledged, 'utf8'));
      const reader = await journal.openReadOnly();
      try {
        expect(await inspectEvents(reader, LOAD.bytes, acknowledged)).toEqual({ lost: [], broken: [] });
      } finally {
        await reader.close();
      }
    };
    for (let kill = 1; kill <= KILLS; kill++) {
      const child = startChild('writer-child.mjs', [JSON.stringify(plan)], journal);
      // Some while the process connects and looks where it was, most while it appends.
      if (kill === 1 || random.happens(0.9)) await child.said((fact) => fact.opened);
      await pause(random.next() * 150);
      child.kill();
      const { facts, signal, err } = await child.ended;
      expect({ signal, err, refused: facts.filter(({ refused }) => refused) }).toEqual({
        signal: 'SIGKILL',
        err: '',
        refused: [],
      });
      if (kill % 20 === 0) await check();
    }
    const last = startChild('writer-child.mjs', [JSON.stringify({ ...plan, appends: 3 })], journal);
    expect(await last.ended).toMatchObject({ code: 0, err: '', facts: [{ opened: true }, { closed: true }] });
    await check();
    expect(acknowledged.appended.size).toBe(LOAD.keys);

    // In the order of the whole journal they are there once as well, each key in its own.
    const reader = await openPostgresJournal({ url, schema: journal.schema, readOnly: true });
    const next = new Map<string, number>();
    for (const { key, sequence } of await readEverything(reader)) {
      const expected = next.get(key) ?? (acknowledged.deleted.has(key) ? sequence : 1);
      expect({ key, sequence }).toEqual({ key, sequence: expected });
      next.set(key, sequence + 1);
    }
    await reader.close();
    for (const [key, highest] of acknowledged.appended)
      expect({ key, next: next.get(key) }).toEqual({ key, next: highest + 1 });
  },
);
