/** A process that shares the pipelines of a model of a database, and what its metrics count, by one manual clock. */
import { Cluster } from '../../src/cluster/cluster.ts';
import { Departures } from '../../src/cluster/departures.ts';
import { Holdings } from '../../src/cluster/holdings.ts';
import type { PipelineEvent } from '../../src/domain/event.ts';
import type { PipelineState } from '../../src/domain/state.ts';
import { NO_RECORDER, type PipelineRecorder } from '../../src/metrics/recorder.ts';
import { PipelineRuntime } from '../../src/runtime/runtime.ts';
import { MemorySink } from './lab.ts';
import { type LeasedStore, StoreView } from './leased-store.ts';

export const LEASE_MS = 1000;

/** Which pipelines have counters, and whose counts are in them. */
export class CountedSeries {
  /** By id, when each pipeline was created that was counted in the same series. */
  readonly counted = new Map<string, Set<number>>();
  readonly recorder: PipelineRecorder = {
    ...NO_RECORDER,
    record: (event: PipelineEvent, _before: PipelineState, after: PipelineState) => {
      if (event.type === 'PipelineRemoved') this.counted.delete(event.pipelineId);
      else this.#count(event.pipelineId, after);
    },
    restore: (pipelineId, state) => this.#count(pipelineId, state),
    remove: (pipelineId) => this.counted.delete(pipelineId),
  };

  #count(pipelineId: string, state: PipelineState): void {
    if (state.status === 'empty') return;
    this.counted.set(pipelineId, (this.counted.get(pipelineId) ?? new Set()).add(state.createdAt));
  }
}

export class ClusterProcess {
  readonly name: string;
  readonly view: StoreView;
  readonly holdings = new Holdings();
  readonly series = new CountedSeries();
  readonly runtime: PipelineRuntime;
  readonly cluster: Cluster;
  readonly counts = { takenOver: 0, fenced: 0 };
  /** It will do nothing more, and has told nobody. */
  isDead = false;

  constructor(name: string, store: LeasedStore, number: number) {
    this.name = name;
    this.view = new StoreView(store);
    const { clock } = store;
    const departures = new Departures(this.series.recorder, clock);
    this.runtime = new PipelineRuntime({
      journal: this.view.journal,
      clock,
      random: () => 0.5,
      recorder: departures,
      limits: { mailboxLimit: 100, prefetchBatches: 1, snapshots: { every: 100, keep: 2, deleteEvents: false } },
      leaseOf: (key) => this.holdings.get(key)?.lease,
      connect: async () => ({ source: undefined, transforms: [], sink: new MemorySink(), deadLetter: undefined }),
      warn: () => {},
    });
    const incarnation = `0000000${number}-0000-0000-0000-000000000000`;
    this.cluster = new Cluster({
      leases: this.view.leases,
      nodes: this.view.nodes,
      identity: () => ({ name, incarnation, address: null, version: '0' }),
      leaseTimeMs: LEASE_MS,
      handOverTimeoutMs: 1000,
      recoveryConcurrency: 4,
      runtime: this.runtime,
      holdings: this.holdings,
      departures,
      clock,
      observer: {
        takenOver: () => {
          this.counts.takenOver += 1;
        },
        fenced: () => {
          this.counts.fenced += 1;
        },
      },
      canRun: () => true,
      warn: () => {},
    });
  }
}
