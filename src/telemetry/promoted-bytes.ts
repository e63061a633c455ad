/**
 * Owns how much the scavenges of this process moved into the old space: the one GCProfiler, which tells it exactly, and
 * when it is started anew.
 *
 * R1 A profiler tells what it saw only when it is stopped, and buffers it until then.
 * R2 A profiler that was stopped goes on to write down every collection, in memory and at the cost of a running one, until it
 *    is collected itself: Node.js gives up its callbacks only then. So each is stopped after the first collection that
 *    it saw. It is young still, and the next scavenge takes it; one that has seen two stays until the old space is collected.
 * R3 No more than a few of those are made between two collections of the old space; rather, what is told comes later and in
 *    larger portions.
 */
import v8 from 'node:v8';

/** Where a scavenge moves what survives: large objects by handing over their page. */
const OLD_SPACES = ['old_space', 'large_object_space'];
const MAX_OLD_PROFILERS = 4;
/** Some kilobytes each. */
const MAX_BUFFERED_COLLECTIONS = 1000;

type SpaceStatistics = { readonly heapSpaceStatistics: readonly { spaceName: string; spaceUsedSize: number }[] };

function oldBytes({ heapSpaceStatistics }: SpaceStatistics): number {
  let bytes = 0;
  for (const { spaceName, spaceUsedSize } of heapSpaceStatistics) {
    if (OLD_SPACES.includes(spaceName)) bytes += spaceUsedSize;
  }
  return bytes;
}

export class PromotedBytes {
  #profiler = new v8.GCProfiler();
  #bytes = 0;
  /** Collections since the profiler was started, as far as they were told of. */
  #buffered = 0;
  #oldProfilers = 0;

  constructor() {
    this.#profiler.start();
  }

  /** To be told of collections soon after they ended; `hasMajor`: the old space was collected, and the old profilers with it. */
  collected(count: number, hasMajor: boolean): void {
    if (hasMajor) this.#oldProfilers = 0;
    this.#buffered += count;
    this.#restart();
  }

  /** Since the start; complete but for what R3 holds back. */
  read(): number {
    this.#restart();
    return this.#bytes;
  }

  stop(): void {
    this.#profiler.stop();
  }

  #stopped(): readonly v8.GCProfilerResult['statistics'][number][] {
    try {
      // It gives nothing when it was called before.
      return this.#profiler.stop()?.statistics ?? [];
    } catch {
      // What cannot be read is left out: the last known value is still true, since it only grows.
      return [];
    }
  }

  #restart(): void {
    if (this.#oldProfilers >= MAX_OLD_PROFILERS && this.#buffered < MAX_BUFFERED_COLLECTIONS) return;
    const statistics = this.#stopped();
    this.#profiler = new v8.GCProfiler();
    this.#profiler.start();
    this.#buffered = 0;
    if (statistics.length > 1) this.#oldProfilers += 1;
    for (const { gcType, beforeGC, afterGC } of statistics) {
      if (gcType.startsWith('Scavenge')) this.#bytes += Math.max(0, oldBytes(afterGC) - oldBytes(beforeGC));
    }
  }
}
