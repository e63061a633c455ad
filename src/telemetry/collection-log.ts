/**
 * Owns what V8 tells of its garbage collections: the one GCProfiler, and when it is started anew. A PerformanceObserver
 * would tell of the pauses as well, but costs three times as much for each, and tells nothing of what was moved.
 *
 * R1 A profiler tells what it saw only when it is stopped, and buffers it until then: some kilobytes a collection.
 * R2 A profiler that was stopped goes on to write down every collection, in memory and at the cost of a running one, until it
 *    is collected itself: Node.js gives up its callbacks only then. So each is stopped after the first collection that
 *    it saw. It is young still, and the next scavenge takes it; one that has seen two stays until the old space is collected.
 * R3 No more than a few of those are made between two collections of the old space; rather, what is told comes later and in
 *    larger portions.
 */
import { performance } from 'node:perf_hooks';
import v8 from 'node:v8';
import type { Pulse } from './pulse.ts';

export type CollectionKind = 'minor' | 'major' | 'incremental' | 'weakcb' | 'other';

/** Takes one collection: the pause in seconds, and the bytes that it moved into the old space. */
export type TakeCollection = (kind: CollectionKind, seconds: number, promotedBytes: number) => void;

const MAX_OLD_PROFILERS = 4;
const WAIT_WITH_OLD_PROFILERS_MS = 10_000;
/** Where a scavenge moves what survives: large objects by handing over their page. */
const OLD_SPACES = ['old_space', 'large_object_space'];
const KINDS: readonly (readonly [prefix: string, kind: CollectionKind])[] = [
  ['Scavenge', 'minor'],
  ['Minor', 'minor'],
  ['MarkSweepCompact', 'major'],
  ['IncrementalMarking', 'incremental'],
  ['ProcessWeakCallbacks', 'weakcb'],
];

type Spaces = readonly { readonly spaceName: string; readonly spaceUsedSize: number }[];

/** Where they are among the spaces, whose order never changes: looked for by name each time they would cost a third of it all. */
let oldSpaces: readonly number[] | undefined;

function promotedBytes(before: Spaces, after: Spaces): number {
  oldSpaces ??= after.flatMap(({ spaceName }, index) => (OLD_SPACES.includes(spaceName) ? [index] : []));
  let bytes = 0;
  for (const index of oldSpaces) bytes += after[index]!.spaceUsedSize - before[index]!.spaceUsedSize;
  return Math.max(0, bytes);
}

function usedBytes(): number {
  return v8.getHeapStatistics().used_heap_size;
}

function kindOf(type: string): CollectionKind {
  for (const [prefix, kind] of KINDS) if (type.startsWith(prefix)) return kind;
  return 'other';
}

export class CollectionLog {
  readonly #take: TakeCollection;
  readonly #stopLooking: () => void;
  #profiler = new v8.GCProfiler();
  #startedAt = performance.now();
  #usedBytes = usedBytes();
  #oldProfilers = 0;

  /** @param pulse beats more often than a busy process fills its young space. */
  constructor(take: TakeCollection, pulse: Pulse) {
    this.#take = take;
    this.#profiler.start();
    this.#stopLooking = pulse.onBeat(() => this.#look());
  }

  /** Hands over what there was until now; complete but for what R3 holds back. */
  read(): void {
    const waited = performance.now() - this.#startedAt;
    if (this.#oldProfilers < MAX_OLD_PROFILERS || waited >= WAIT_WITH_OLD_PROFILERS_MS) this.#restart();
  }

  /** Hands over the last ones. */
  stop(): void {
    this.#stopLooking();
    this.#handOver();
  }

  /** Only a collection makes the heap smaller, and to ask for its size costs a twentieth of a restart. */
  #look(): void {
    const used = usedBytes();
    if (used < this.#usedBytes) this.read();
    this.#usedBytes = used;
  }

  #restart(): void {
    const { seen, hasMajor } = this.#handOver();
    this.#profiler = new v8.GCProfiler();
    this.#profiler.start();
    this.#startedAt = performance.now();
    if (hasMajor) this.#oldProfilers = 0;
    else if (seen > 1) this.#oldProfilers += 1;
  }

  #handOver(): { readonly seen: number; readonly hasMajor: boolean } {
    const statistics = this.#stopped();
    let hasMajor = false;
    for (const { gcType, cost, beforeGC, afterGC } of statistics) {
      const kind = kindOf(gcType);
      if (kind === 'major') hasMajor = true;
      const isMinor = kind === 'minor';
      const promoted = isMinor ? promotedBytes(beforeGC.heapSpaceStatistics, afterGC.heapSpaceStatistics) : 0;
      this.#take(kind, cost / 1e6, promoted);
    }
    return { seen: statistics.length, hasMajor };
  }

  #stopped(): readonly v8.GCProfilerResult['statistics'][number][] {
    try {
      // It gives nothing when it was called before.
      return this.#profiler.stop()?.statistics ?? [];
    } catch {
      // What cannot be read is left out: the rest is still true, since it only grows.
      return [];
    }
  }
}
