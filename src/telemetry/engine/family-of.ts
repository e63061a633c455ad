import type { Exemplar, FamilyPoint, MetricFamily } from './family.ts';
import type { EngineSeries } from './schema.ts';
import { BUCKETS, COUNT, HistogramStream, type Stream, SUM } from './streams.ts';

class Cursor implements FamilyPoint {
  /**
   * Never moved. V8 lets go of a class's shape with its last instance, and with it of all code compiled for it: without this
   * one, every scrape after a full garbage collection would begin as slow as the first.
   */
  static readonly kept = new Cursor();

  series!: EngineSeries;
  // NaN, not 0: V8 would take a field that begins as a small integer for one, and think again at the first fraction.
  startTimeMs = Number.NaN;
  value = Number.NaN;
  count = Number.NaN;
  #stream: Stream | undefined;
  #page!: Float64Array;
  #at = 0;

  move(stream: Stream, series: EngineSeries): void {
    const { store } = stream;
    const page = store.page(series);
    const { at } = store;
    const isHistogram = stream.kind === 'histogram';
    this.#stream = stream;
    this.#page = page;
    this.#at = at;
    this.series = series;
    this.startTimeMs = series.schema.startTimeMs(series);
    this.value = page[at + (isHistogram ? SUM : 0)]!;
    this.count = isHistogram ? page[at + COUNT]! : 1;
  }

  bucket(index: number): number {
    return this.#page[this.#at + BUCKETS + index]!;
  }

  exemplar(bucket: number): Exemplar | undefined {
    return this.#stream?.exemplars(this.series)?.[bucket];
  }
}

/** A stream as its readers see it: series made from `before` on are left out. */
export function familyOf(stream: Stream, before: number): MetricFamily {
  const { scope, name, description, unit, valueType } = stream.descriptor;
  return {
    scope,
    name,
    description,
    unit,
    valueType,
    kind: stream.kind,
    hasSum: !(stream instanceof HistogramStream) || stream.tells.sum,
    hasDistinctLabels: true,
    boundaries: stream.boundaries,
    get size() {
      return stream.store.size;
    },
    points: () => pointsOf(stream, before),
  };
}

function* pointsOf(stream: Stream, before: number): Generator<FamilyPoint> {
  const cursor = new Cursor();
  for (const series of stream.series(before)) {
    cursor.move(stream, series);
    yield cursor;
  }
}
