/**
 * Processes that share pipelines are killed, frozen for longer than their leases, and replaced in order, and their server
 * is restarted: what was acknowledged is there, once, and the output is that of a run that nothing disturbed.
 */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { openPostgresJournal } from '../../src/journals/postgres/open.ts';
import type { PostgresJournal } from '../../src/journals/postgres/postgres-journal.ts';
import { readState } from '../../src/runtime/read-state.ts';
import { pollFor } from '../support/poll.ts';
import { usePostgres } from '../support/postgres.ts';
import { linuxTest, rounds } from './support/chaos.ts';
import { type Child, startChild } from './support/child.ts';
import { postgresJournal } from './support/durable-journals.ts';
import { expectContiguous } from './support/journal-checks.ts';
import { writeFlights } from './support/pipeline-files.ts';
import { PUSHED_PIPELINES } from './support/pipelines.mjs';
import { expectAsUndisturbed } from './support/undisturbed-run.ts';

const ROUNDS = rounds(8, 250);
const ROWS = rounds(1500, 30_000);
const LEASE_MS = 2000;
const NODES = ['a', 'b', 'c'];
/** In turn, so that the short form has each of them. */
const WAYS = ['kill', 'freeze', 'replace', 'freeze', 'kill', 'restart the server'] as const;

const server = usePostgres();

class Fleet {
  readonly acknowledged = new Map<string, Set<number>>();
  readonly #start: (node: string) => Child;
  readonly #children = new Map<string, Child>();

  constructor(start: (node: string) => Child) {
    this.#start = start;
  }

  async start(node: string): Promise<void> {
    const child = this.#start(node);
    this.#children.set(node, child);
    await child.said((fact) => fact.ready);
  }

  child(node: string): Child {
    return this.#children.get(node) as Child;
  }

  /** What the process was told before it ended. */
  async ended(node: string): Promise<void> {
    const { facts, err } = await this.child(node).ended;
    expect(err).toBe('');
    for (const { id, batch } of facts.filter((fact) => fact.batch !== undefined)) {
      const batches = this.acknowledged.get(id) ?? new Set();
      this.acknowledged.set(id, batches.add(batch));
    }
  }

  async done(): Promise<void> {
    await Promise.all([...this.#children.values()].map((child) => child.said((fact) => fact.done)));
  }
}

async function processedBatches(journal: PostgresJournal, key: string): Promise<string[]> {
  const events = await expectContiguous(journal, key);
  return events.filter(({ data }) => data.type === 'BatchProcessed').map(({ data }) => String(data.batchId));
}

/** Every acknowledged batch is there, in its place, once. */
async function expectAcknowledged(journal: PostgresJournal, { acknowledged }: Fleet): Promise<void> {
  for (const key of await journal.keys()) {
    const processed = await processedBatches(journal, key);
    expect(new Set(processed).size).toBe(processed.length);
    for (const batch of acknowledged.get(key) ?? []) expect(processed[batch]).toBe(`${key}-${batch}`);
  }
}

async function totalsOf(journal: PostgresJournal): Promise<Record<string, unknown>> {
  const totals: Record<string, unknown> = {};
  for (const id of await journal.keys()) {
    const { state } = await readState(journal, id);
    if (state.status === 'empty') continue;
    const { totalRecordsProcessed, totalRecordsFailed, totalBatchesProcessed } = state.metrics;
    const { offset } = state.checkpoint;
    totals[id] = { status: state.status, offset, totalRecordsProcessed, totalRecordsFailed, totalBatchesProcessed };
  }
  return totals;
}

linuxTest(
  `three processes disturbed ${ROUNDS} times lose nothing, fork nothing, and write nothing twice`,
  async (random, folder) => {
    await writeFlights(folder, ROWS);
    const output = join(folder, 'shared');
    await mkdir(output);
    const shared = postgresJournal({ url: server().url() });
    const env = { ...shared.env, CHAOS_LEASE_MS: String(LEASE_MS) };
    const fleet = new Fleet((node) => startChild('cluster-child.mjs', [folder, output, node], { env }));
    await Promise.all(NODES.map((node) => fleet.start(node)));
    const journal = await openPostgresJournal({ url: server().url(), schema: shared.schema, readOnly: true });
    const ownedBy = async (node: string) =>
      (await journal.leases.list()).filter(({ owner, isExpired }) => owner === node && !isExpired).length;
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const way = WAYS[round % WAYS.length] as (typeof WAYS)[number];
        const node = random.pick(NODES);
        await pause(random.next() * 500);
        // One that owns something, or there is nothing to take over.
        if (way !== 'restart the server') {
          await pollFor(
            () => ownedBy(node),
            (owned) => owned > 0,
          );
        }
        switch (way) {
          case 'kill':
            fleet.child(node).kill();
            await fleet.ended(node);
            await fleet.start(node);
            break;
          case 'freeze':
            fleet.child(node).kill('SIGSTOP');
            // Its leases have run out, and the others work on what it had.
            await pollFor(
              () => ownedBy(node),
              (owned) => owned === 0,
            );
            await pause(random.next() * 500);
            fleet.child(node).kill('SIGCONT');
            break;
          case 'replace':
            fleet.child(node).kill('SIGTERM');
            await fleet.ended(node);
            await fleet.start(node);
            break;
          case 'restart the server':
            await server().restart('SIGQUIT');
            break;
        }
        if (round % 10 === 9) await expectAcknowledged(journal, fleet);
      }
      // From here on each process begins no batch, so that at most three more come than are counted.
      await writeFile(join(output, 'wait'), '');
      const batches = await Promise.all(PUSHED_PIPELINES.map((id) => processedBatches(journal, id)));
      const until = Math.max(...batches.map(({ length }) => length)) + 20;
      // Whole at once: a process that reads it while it is empty would take it for 0, and push no more.
      await writeFile(join(output, 'until.new'), String(until));
      await rename(join(output, 'until.new'), join(output, 'until'));
      await fleet.done();
      for (const node of NODES) fleet.child(node).kill('SIGTERM');
      for (const node of NODES) await fleet.ended(node);
      await expectAcknowledged(journal, fleet);
      expect([...fleet.acknowledged.keys()].sort()).toEqual([...PUSHED_PIPELINES].sort());
      expect(await journal.nodes.list()).toEqual([]);
      const leases = await server().query(`SELECT max(takeover_epoch) AS takeovers FROM ${shared.schema}.leases`);
      expect(Number(leases[0]?.takeovers)).toBeGreaterThan(0);
      await expectAsUndisturbed(folder, output, until, await totalsOf(journal));
    } finally {
      await journal.close();
    }
  },
);
