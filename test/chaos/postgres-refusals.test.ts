/**
 * The server takes no events for a while: its disk is full, or a lock is in the way for longer than a statement may
 * take. What is refused says why, what was acknowledged is there, and it goes on when it can.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import pg from 'pg';
import type { PostgresJournalOptions } from '../../src/journals/postgres/options.ts';
import { newSchema, type PostgresServer, usePostgres } from '../support/postgres.ts';
import { chaosTest, rounds } from './support/chaos.ts';
import { type Child, startChild } from './support/child.ts';
import { type DurableJournal, postgresJournal } from './support/durable-journals.ts';
import { expectRefusals, expectTakenAfter } from './support/expect-refusals.ts';
import { Acknowledgements, inspectEvents } from './support/expect-survived.ts';

const LOAD = { keys: 5, bytes: 1500, sessions: 1, appends: null, path: '' };
const FULL = 'DATAFLOW_ERR_JOURNAL_FULL';
/** A writer reads as well, before it goes on from where it was. */
const TOO_LATE = ['DATAFLOW_ERR_JOURNAL_APPEND_FAILED', 'DATAFLOW_ERR_JOURNAL_READ_FAILED'] as const;

const server = usePostgres();

interface Writer {
  readonly journal: DurableJournal;
  start(): Child;
  /** Ends the writer, and looks at what it and those before it have written. */
  finish(child: Child): Promise<void>;
}

function writerOf(folder: string, options: PostgresJournalOptions): Writer {
  const journal = postgresJournal(options);
  const plan = { ...LOAD, acknowledged: join(folder, 'acknowledged') };
  return {
    journal,
    start: () => startChild('writer-child.mjs', [JSON.stringify(plan)], journal),
    async finish(child) {
      child.process.stdin?.end();
      expect(await child.ended).toMatchObject({ code: 0, err: '' });
      const acknowledged = new Acknowledgements();
      acknowledged.take(readFileSync(plan.acknowledged, 'utf8'));
      expect(acknowledged.appended.size).toBe(LOAD.keys);
      const reader = await journal.openReadOnly();
      try {
        expect(await inspectEvents(reader, LOAD.bytes, acknowledged)).toEqual({ lost: [], broken: [] });
      } finally {
        await reader.close();
      }
    },
  };
}

function run(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}

/** A memory file system of its own for the tables takes a user who may mount one, and give it to the server's user. */
const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
const mountTest: typeof chaosTest = isRoot ? chaosTest : (name) => test.skip(`${name} (needs root on Linux)`, () => {});

mountTest(
  'a full disk refuses appends as full, and takes them when there is room, also after a kill',
  async (_, folder) => {
    const space = join(folder, 'space');
    mkdirSync(space);
    chmodSync(folder, 0o755);
    run('mount', '-t', 'tmpfs', '-o', 'size=3m', 'dataflow-chaos', space);
    const schema = newSchema();
    try {
      run('chown', 'postgres', space);
      await server().query(`CREATE TABLESPACE small LOCATION '${space}'`);
      const url = `${server().url()}?options=-c%20default_tablespace%3Dsmall`;
      const writer = writerOf(folder, { url, schema });
      const killed = writer.start();
      await expectRefusals(killed, 30, FULL);
      killed.kill();
      await killed.ended;
      const child = writer.start();
      await expectRefusals(child, 30, FULL);
      await expectTakenAfter(child, () => run('mount', '-o', 'remount,size=64m', space));
      await writer.finish(child);
    } finally {
      await server().query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
      await server().query('DROP TABLESPACE IF EXISTS small');
      run('umount', '-l', space);
    }
  },
);

/** Lets every insertion fail, as on a full disk, for as long as `work` lasts. */
async function withoutRoom(schema: string, { query }: PostgresServer, work: () => Promise<void>): Promise<void> {
  await query(`CREATE TRIGGER no_room BEFORE INSERT ON ${schema}.events EXECUTE FUNCTION ${schema}.refuse()`);
  await work();
  await query(`DROP TRIGGER no_room ON ${schema}.events`);
}

chaosTest('a server that is full again and again loses nothing in between', async (random, folder) => {
  const schema = newSchema();
  const writer = writerOf(folder, { url: server().url(), schema });
  const child = writer.start();
  await child.said((fact) => fact.opened);
  await server().query(`
    CREATE FUNCTION ${schema}.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      RAISE EXCEPTION USING ERRCODE = '53100', MESSAGE = 'could not extend file: No space left on device';
    END $$`);
  for (let round = 0; round < rounds(5, 200); round++) {
    await expectTakenAfter(child, () =>
      withoutRoom(schema, server(), () => expectRefusals(child, 1 + random.below(20), FULL)),
    );
  }
  await writer.finish(child);
});

chaosTest('locks that outlast the limit of statements again and again cost nothing', async (random, folder) => {
  const schema = newSchema();
  const writer = writerOf(folder, { url: server().url(), schema, statementTimeoutMs: 100, retryForMs: 0 });
  const rival = new pg.Client({ connectionString: server().url() });
  await rival.connect();
  try {
    const child = writer.start();
    await child.said((fact) => fact.opened);
    for (let round = 0; round < rounds(3, 100); round++) {
      await expectTakenAfter(child, async () => {
        await rival.query('BEGIN');
        await rival.query(`LOCK TABLE ${schema}.${random.pick(['events', 'streams'])} IN ACCESS EXCLUSIVE MODE`);
        await expectRefusals(child, 1 + random.below(LOAD.keys), ...TOO_LATE);
        await rival.query('COMMIT');
      });
    }
    await writer.finish(child);
  } finally {
    await rival.end();
  }
});
