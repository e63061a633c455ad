import type { Exemplar, FamilyPoint, MetricFamily } from './family.ts';
import type { EngineSeries } from './schema.ts';
import { BUCKETS, COUNT, type Stream, SUM } from './streams.ts';

class Cursor implements FamilyPoint {
  series!: EngineSeries;
  startTimeMs = 0;
  value = 0;
  count = 0;
  #page!: Float64Array;
  #at = 0;
  readonly #stream: Stream;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  move(series: EngineSeries): void {
    const { store, kind } = this.#stream;
    this.series = series;
    this.startTimeMs = series.schema.startTimeMs(series);
    this.#page = store.page(series);
    this.#at = store.at;
    const isHistogram = kind === 'histogram';
    this.value = this.#page[this.#at + (isHistogram ? SUM : 0)]!;
    this.count = isHistogram ? this.#page[this.#at + COUNT]! : 1;
  }

  bucket(index: number): number {
    return this.#page[this.#at + BUCKETS + index]!;
  }

  exemplar(bucket: number): Exemplar | undefined {
    return this.#stream.exemplars(this.series)?.[bucket];
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
    hasDistinctLabels: true,
    boundaries: stream.boundaries,
    get size() {
      return stream.store.size;
    },
    *points() {
      const cursor = new Cursor(stream);
      for (const series of stream.series(before)) {
        cursor.move(series);
        yield cursor;
      }
    },
  };
}
