/**
 * A model of a database that processes share: a memory journal whose appends look at leases, and the leases and nodes
 * themselves, by one manual clock. What each process sees of it can be cut off.
 */
import type { Lease, Leases, Vacancies } from '../../src/cluster/leases.ts';
import type { NodeIdentity, NodeRecord, Nodes } from '../../src/cluster/nodes.ts';
import { createMemoryJournal } from '../../src/journals/memory.ts';
import type { Journal, JournalEvent } from '../../src/runtime/journal.ts';
import type { ManualClock } from '../../src/testing/manual-clock.ts';
import { coded } from './lab.ts';

interface LeaseRow {
  owner: string | undefined;
  epoch: number;
  takeoverEpoch: number;
  expiresAt: number;
  isRetired: boolean;
}

export class LeasedStore {
  readonly journal = createMemoryJournal();
  readonly rows = new Map<string, LeaseRow>();
  readonly nodes = new Map<string, NodeIdentity & { startedAt: number; seenAt: number; expiresAt: number }>();
  readonly clock: ManualClock;

  constructor(clock: ManualClock) {
    this.clock = clock;
  }

  get now(): number {
    return this.clock.monotonic();
  }

  lease(key: string): Lease | undefined {
    const row = this.rows.get(key);
    if (row?.owner === undefined) return undefined;
    const { owner, epoch, takeoverEpoch, expiresAt } = row;
    return { key, owner, epoch, takeoverEpoch, expiresAt, isExpired: expiresAt <= this.now };
  }
}

/** What one process has of the store. */
export class StoreView {
  isParted = false;
  readonly #store: LeasedStore;
  readonly #epochs = new Map<string, number>();

  constructor(store: LeasedStore) {
    this.#store = store;
  }

  #reach(): void {
    if (this.isParted) throw coded('DATAFLOW_ERR_JOURNAL_APPEND_FAILED', 'no connection');
  }

  get journal(): Journal {
    const { journal } = this.#store;
    return new Proxy(journal, {
      get: (target, name: keyof Journal) => {
        const method = target[name] as (...args: unknown[]) => unknown;
        if (name === 'append') {
          return async (key: string, after: number, events: readonly JournalEvent[]) => {
            this.#reach();
            if (this.#store.lease(key)?.epoch !== this.#epochs.get(key)) throw coded('DATAFLOW_ERR_JOURNAL_FENCED');
            await target.append(key, after, events);
          };
        }
        return (...args: unknown[]) => {
          this.#reach();
          return method.apply(target, args);
        };
      },
    });
  }

  readonly leases: Leases = {
    acquire: async (keys, owner, ttlMs) => {
      this.#reach();
      return keys.flatMap((key) => {
        const row = this.#store.rows.get(key);
        const isFree = row === undefined || row.owner === undefined || row.owner === owner;
        if (!isFree && row.expiresAt > this.#store.now) return [];
        const epoch = (row?.epoch ?? 0) + 1;
        const takeoverEpoch = row?.owner === undefined ? (row?.takeoverEpoch ?? 0) : epoch;
        this.#store.rows.set(key, {
          owner,
          epoch,
          takeoverEpoch,
          expiresAt: this.#store.now + ttlMs,
          isRetired: false,
        });
        this.#epochs.set(key, epoch);
        return [this.#store.lease(key) as Lease];
      });
    },
    renew: async (keys, owner, ttlMs) => {
      this.#reach();
      return keys.flatMap((key) => {
        const row = this.#store.rows.get(key);
        if (row?.owner !== owner || row.epoch !== this.#epochs.get(key)) return [];
        row.expiresAt = this.#store.now + ttlMs;
        return [this.#store.lease(key) as Lease];
      });
    },
    release: async (keys, owner, how) => {
      this.#reach();
      for (const key of keys) {
        const row = this.#store.rows.get(key);
        const isHeld = row?.owner === owner && row.epoch === this.#epochs.get(key);
        if (isHeld && how === 'abandoned') row.expiresAt = this.#store.now;
        else if (isHeld) Object.assign(row, { owner: undefined, isRetired: how === 'retired' });
        this.#epochs.delete(key);
      }
    },
    vacancies: async (limit): Promise<Vacancies> => {
      this.#reach();
      const wanted = (await this.#store.journal.keys()).filter((key) => this.#store.rows.get(key)?.isRetired !== true);
      const vacant = wanted.filter((key) => this.#store.lease(key)?.isExpired ?? true);
      return { total: wanted.length, keys: vacant.slice(0, limit) };
    },
    retired: async (keys) => {
      this.#reach();
      return [...new Set(keys)].filter((key) => this.#store.rows.get(key)?.isRetired === true);
    },
    ownerOf: async (key) => {
      this.#reach();
      const lease = this.#store.lease(key);
      return lease?.isExpired === false ? lease.owner : undefined;
    },
    list: async () => [...this.#store.rows.keys()].flatMap((key) => this.#store.lease(key) ?? []),
  };

  readonly nodes: Nodes = {
    report: async (node, ttlMs) => {
      this.#reach();
      const { nodes, now } = this.#store;
      const before = nodes.get(node.name);
      if (before !== undefined && before.incarnation !== node.incarnation && before.expiresAt > now) return undefined;
      nodes.set(node.name, { ...node, startedAt: before?.startedAt ?? now, seenAt: now, expiresAt: now + ttlMs });
      return this.nodes.list();
    },
    leave: async ({ name }) => {
      this.#reach();
      this.#store.nodes.delete(name);
    },
    list: async (): Promise<readonly NodeRecord[]> => {
      this.#reach();
      const { nodes, rows, now } = this.#store;
      return [...nodes.values()].map(({ name, address, version, startedAt, seenAt, expiresAt }) => {
        const keys = [...rows.values()].filter(({ owner, expiresAt: until }) => owner === name && until > now).length;
        return { name, address, version, startedAt, seenAt, isExpired: expiresAt <= now, keys };
      });
    },
  };
}
