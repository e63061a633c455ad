/** Metric streams: what a View makes of an instrument, over a store of points. */
import { type Attributes, type Context, context as contextApi, TraceFlags, trace } from '@opentelemetry/api';
import { InstrumentType } from '@opentelemetry/sdk-metrics';
import type { Exemplar, FamilyKind, MetricFamily } from './family.ts';
import { PointStore } from './point-store.ts';
import type { EngineSeries } from './schema.ts';
import type { SeriesRegistry } from './series-registry.ts';
import type { Tracing } from './tracing.ts';

/** Cells of a histogram's point before its buckets. */
export const COUNT = 0;
export const SUM = 1;
export const MIN = 2;
export const MAX = 3;
export const BUCKETS = 4;

export type Descriptor = Pick<MetricFamily, 'scope' | 'name' | 'description' | 'unit' | 'valueType'> & {
  readonly instrumentType: InstrumentType;
};

export interface HistogramShape {
  readonly boundaries: readonly number[];
  readonly recordMinMax: boolean;
}

export interface StreamOptions {
  readonly registry: SeriesRegistry;
  readonly descriptor: Descriptor;
  readonly limit: number;
  readonly onOverflow: () => void;
}

export abstract class Stream {
  // Before the other fields, so that a measurement finds it in the cache line that it looked at already.
  store: PointStore;
  /** Changes in its description alone. */
  descriptor: Descriptor;
  readonly width: number;
  abstract readonly kind: FamilyKind;
  readonly boundaries: readonly number[] = [];
  /** What an observable instrument is observing now, to be shown later. */
  next: PointStore | undefined;
  readonly #options: StreamOptions;

  constructor(options: StreamOptions, width = 1) {
    this.#options = options;
    this.descriptor = options.descriptor;
    this.width = width;
    this.store = this.createStore();
  }

  createStore(): PointStore {
    const { registry, limit, onOverflow } = this.#options;
    return new PointStore(registry, this.width, limit, onOverflow);
  }

  /** Shows the points of another store from now on; the one before is emptied for the next observations. */
  show(store: PointStore): void {
    const before = this.store;
    this.store = store;
    before.reset();
    this.next = before;
  }

  /**
   * Written out in each kind of stream: one method for all of them would be too polymorphic to be fast. Those of one number
   * find the last series' cell by themselves as well: an event does so eight times, and V8 inlines no more than 920 bytes of
   * bytecode into one function, in which every call within a call counts.
   */
  abstract record(value: number, attributes: Attributes | undefined, context?: Context): void;

  abstract recordTo(store: PointStore, value: number, attributes: Attributes | undefined): unknown;

  remove(series: EngineSeries): boolean {
    this.next?.remove(series);
    return this.store.remove(series);
  }

  /** Series older than the ordinal that have a point, while points come and go and stores are replaced. */
  series(before: number): Generator<EngineSeries> {
    return seriesOf(() => this.store, before);
  }

  exemplars(_series: EngineSeries): readonly (Exemplar | undefined)[] | undefined {
    return undefined;
  }
}

function* seriesOf(current: () => PointStore, before: number): Generator<EngineSeries> {
  const { schemas } = current().registry;
  for (let index = 0; index < schemas.length; index++) {
    const { rows } = schemas[index]!;
    for (let row = 0; row < rows.length; row++) {
      const column = current().columns[index];
      if (column === undefined) break;
      const series = rows[row];
      if (series !== undefined && series.ordinal < before && column.has(row)) yield series;
    }
  }
}

/** What these measure is never negative. */
const GROWING: ReadonlySet<InstrumentType> = new Set([
  InstrumentType.COUNTER,
  InstrumentType.OBSERVABLE_COUNTER,
  InstrumentType.HISTOGRAM,
]);

export class SumStream extends Stream {
  readonly kind: FamilyKind;

  constructor(options: StreamOptions) {
    super(options);
    const { instrumentType } = options.descriptor;
    this.kind = GROWING.has(instrumentType) ? 'counter' : 'updowncounter';
  }

  record(value: number, attributes: Attributes | undefined): void {
    const { store } = this;
    const { registry } = store;
    if (
      (attributes === registry.lastAttributes || registry.turnTo(attributes)) &&
      registry.lastSchema === store.nearSchema
    ) {
      const at = registry.lastAt + store.nearBase;
      const cells = registry.lastCells;
      const sum = cells[at]! + value;
      // NaN, and so no point. Number.isNaN() is a call as long as V8 has not inlined it.
      // biome-ignore lint/suspicious/noSelfCompare: the quickest way to see NaN
      if (sum === sum) {
        cells[at] = sum;
        return;
      }
    }
    this.recordTo(store, value, attributes);
  }

  recordTo(store: PointStore, value: number, attributes: Attributes | undefined): void {
    const page = store.locate(attributes);
    const { at } = store;
    page[at] = page[at]! + value;
  }
}

/**
 * What an observable counter reports is the sum itself; only what shares the overflow point is added up. A series that is
 * left out of a collection, since a callback failed, goes on afterwards: its total is no new one.
 */
export class ObservedSumStream extends SumStream {
  /** The one observed last is at the end. */
  readonly #held = new Set<EngineSeries>();
  readonly #limit: number;

  constructor(options: StreamOptions) {
    super(options);
    this.#limit = options.limit;
  }

  override show(store: PointStore): void {
    for (const series of seriesOf(() => store, Number.POSITIVE_INFINITY)) {
      if (!this.#held.delete(series)) series.points += 1;
      this.#held.add(series);
    }
    super.show(store);
    const excess = this.#held.size - Math.max(this.#limit, store.size);
    for (const series of [...this.#held].slice(0, Math.max(0, excess))) this.#letGo(series);
  }

  override remove(series: EngineSeries): boolean {
    const isRemoved = super.remove(series);
    this.#letGo(series);
    return isRemoved;
  }

  #letGo(series: EngineSeries): void {
    if (this.#held.delete(series)) this.store.registry.release(series);
  }

  override record(value: number, attributes: Attributes | undefined): void {
    this.recordTo(this.store, value, attributes);
  }

  override recordTo(store: PointStore, value: number, attributes: Attributes | undefined): void {
    store.locatedOverflow = false;
    const page = store.locate(attributes);
    const { at } = store;
    page[at] = store.locatedOverflow ? page[at]! + value : value;
  }
}

export class LastValueStream extends Stream {
  readonly kind = 'gauge';

  record(value: number, attributes: Attributes | undefined): void {
    const { store } = this;
    const { registry } = store;
    if (
      (attributes === registry.lastAttributes || registry.turnTo(attributes)) &&
      registry.lastSchema === store.nearSchema
    ) {
      const at = registry.lastAt + store.nearBase;
      const cells = registry.lastCells;
      const before = cells[at]!;
      // biome-ignore lint/suspicious/noSelfCompare: the quickest way to see NaN
      if (before === before) {
        cells[at] = value;
        return;
      }
    }
    this.recordTo(store, value, attributes);
  }

  recordTo(store: PointStore, value: number, attributes: Attributes | undefined): void {
    const page = store.locate(attributes);
    page[store.at] = value;
  }
}

export class HistogramStream extends Stream {
  readonly kind = 'histogram';
  override readonly boundaries: readonly number[];
  /** What readers that have a choice are told: the range, and the sum where it cannot fall. */
  readonly tells: { readonly range: boolean; readonly sum: boolean };
  readonly #now: () => number;
  readonly #tracing: Tracing;
  /** Only series that were recorded within a sampled span have any. */
  readonly #exemplars = new Map<EngineSeries, (Exemplar | undefined)[]>();

  constructor(
    options: StreamOptions,
    { boundaries, recordMinMax }: HistogramShape,
    now: () => number,
    tracing: Tracing,
  ) {
    super(options, BUCKETS + boundaries.length + 1);
    this.boundaries = boundaries;
    this.tells = { range: recordMinMax, sum: GROWING.has(options.descriptor.instrumentType) };
    this.#now = now;
    this.#tracing = tracing;
  }

  record(value: number, attributes: Attributes | undefined, context?: Context): void {
    const bucket = this.recordTo(this.store, value, attributes);
    if (context !== undefined || this.#tracing.isOn) {
      this.#keepExemplar(value, attributes, bucket, context ?? contextApi.active());
    }
  }

  recordTo(store: PointStore, value: number, attributes: Attributes | undefined): number {
    const page = store.locate(attributes);
    const { at } = store;
    const bucket = this.#bucketOf(value);
    const count = page[at]!;
    if (count === 0 || value < page[at + MIN]!) page[at + MIN] = value;
    if (count === 0 || value > page[at + MAX]!) page[at + MAX] = value;
    page[at] = count + 1;
    page[at + SUM] = page[at + SUM]! + value;
    page[at + BUCKETS + bucket] = page[at + BUCKETS + bucket]! + 1;
    return bucket;
  }

  override remove(series: EngineSeries): boolean {
    this.#exemplars.delete(series);
    return super.remove(series);
  }

  override exemplars(series: EngineSeries): readonly (Exemplar | undefined)[] | undefined {
    return this.#exemplars.get(series);
  }

  /** A value on a boundary is in the bucket below it. */
  #bucketOf(value: number): number {
    const { boundaries } = this;
    let low = 0;
    let high = boundaries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= boundaries[middle]!) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #keepExemplar(value: number, attributes: Attributes | undefined, bucket: number, active: Context): void {
    const span = trace.getSpanContext(active);
    if (span === undefined || (span.traceFlags & TraceFlags.SAMPLED) === 0) return;
    const { registry } = this.store;
    const series = registry.known(attributes) ?? registry.resolve(attributes, () => false);
    if (series === undefined || !this.store.has(series)) return;
    const exemplars = this.#exemplars.get(series) ?? [];
    exemplars[bucket] = { value, timeMs: this.#now(), traceId: span.traceId, spanId: span.spanId };
    this.#exemplars.set(series, exemplars);
  }
}
