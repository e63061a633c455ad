import { expect } from '@jest/globals';
import type { PostgresJournalOptions } from '../../../src/journals/postgres/options.ts';
import type { Journal } from '../../../src/runtime/journal.ts';
import { type Child, startChild } from './child.ts';
import { expectContiguous } from './journal-checks.ts';

/** A process of lease-child.mjs. */
export interface LeaseOwner extends Child {
  readonly owner: string;
  /** Lets it acquire every key; resolves when it has. */
  acquires(): Promise<void>;
  /** Lets it append, once it has. */
  begin(): void;
  /** Resolves when it was told of one more append to each key. */
  appendsEverywhere(): Promise<void>;
}

interface Plan {
  readonly options: PostgresJournalOptions;
  readonly owner: string;
  readonly keys: readonly string[];
  readonly ttlMs: number;
}

/** Resolves when it has opened the journal. */
export async function startLeaseOwner(plan: Plan, env: Readonly<Record<string, string>> = {}): Promise<LeaseOwner> {
  const child = startChild('lease-child.mjs', [JSON.stringify(plan)], { env });
  await child.said((fact) => fact.opened);
  return {
    ...child,
    owner: plan.owner,
    async acquires() {
      child.process.stdin?.write('acquire\n');
      let left = plan.keys.length;
      await child.said((fact) => {
        left -= fact.acquired ?? 0;
        return left === 0;
      });
    },
    begin: () => child.process.stdin?.write('append\n'),
    async appendsEverywhere() {
      const before = child.facts.length;
      const left = new Set(plan.keys);
      await child.said((fact) => {
        if (fact.appended !== undefined && child.facts.indexOf(fact, before) >= before) left.delete(fact.key);
        return left.size === 0;
      });
    },
  };
}

/**
 * What owners were told of is there as they wrote it, without a gap, and nobody has written after somebody else had
 * begun. Returns how many owners have written each key.
 */
export async function expectNoFork(
  journal: Journal,
  keys: readonly string[],
  owners: readonly LeaseOwner[],
): Promise<Map<string, number>> {
  const holders = new Map<string, number>();
  for (const key of keys) {
    const events = await expectContiguous(journal, key);
    expect(events.filter(({ data, sequence }) => data.number !== sequence)).toEqual([]);
    const runs = events.map(({ data }) => data.owner).filter((owner, index, all) => owner !== all[index - 1]);
    expect({ key, runs: [...new Set(runs)] }).toEqual({ key, runs });
    holders.set(key, runs.length);
    for (const { owner, facts } of owners) {
      const told = facts.filter((fact) => fact.key === key && fact.appended !== undefined);
      const wrong = told.filter(({ appended }) => events[appended - 1]?.data.owner !== owner);
      expect({ key, owner, wrong }).toEqual({ key, owner, wrong: [] });
    }
  }
  return holders;
}
