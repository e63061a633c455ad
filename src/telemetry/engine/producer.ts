/**
 * Owns what one reader has been told: the official form of the engine's numbers, cumulative or as deltas.
 *
 * R1 The deltas of a series add up to its cumulative value, to its last one where it was removed; each begins where the
 *    collection before ended. A series that did not change is left out of deltas.
 * R2 A series that was removed and made again starts anew; where both fall between two collections, one delta tells of both.
 * R3 Long collections give the event loop its turns.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Attributes, HrTime } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  type AggregationOption,
  AggregationTemporality,
  AggregationType,
  type CollectionResult,
  type DataPoint,
  DataPointType,
  type Histogram,
  InstrumentType,
  type MetricCollectOptions,
  type MetricData,
  type MetricProducer,
  type ScopeMetrics,
} from '@opentelemetry/sdk-metrics';
import { hrTime } from './family.ts';
import { Reported } from './reported.ts';
import { Rests, restOf } from './rests.ts';
import type { EngineSeries } from './schema.ts';
import type { SeriesRegistry } from './series-registry.ts';
import { BUCKETS, HistogramStream, MAX, MIN, type Stream, SUM } from './streams.ts';

const POINTS_A_TURN = 2000;
const OBSERVABLES: ReadonlySet<InstrumentType> = new Set([
  InstrumentType.OBSERVABLE_COUNTER,
  InstrumentType.OBSERVABLE_GAUGE,
  InstrumentType.OBSERVABLE_UP_DOWN_COUNTER,
]);

export type AggregationSelector = (instrument: InstrumentType) => AggregationOption;

export type TemporalitySelector = (instrument: InstrumentType) => AggregationTemporality;

export interface EngineProducerOptions {
  readonly observe: (timeoutMs: number | undefined) => Promise<readonly unknown[]>;
  readonly now: () => number;
  /** Default: cumulative. */
  readonly temporality?: TemporalitySelector;
  /** What of the instruments the reader drops; it has no other choice of aggregations than the engine's. */
  readonly aggregation?: AggregationSelector;
}

export class EngineProducer implements MetricProducer {
  readonly #streams: readonly Stream[];
  readonly #registry: SeriesRegistry;
  readonly #options: EngineProducerOptions;
  readonly #reported = new Map<Stream, Reported>();
  readonly #rests = new Rests();
  #collecting: Promise<unknown> = Promise.resolve();

  constructor(streams: readonly Stream[], registry: SeriesRegistry, options: EngineProducerOptions) {
    this.#streams = streams;
    this.#registry = registry;
    this.#options = options;
  }

  /** Collections of one reader follow each other: two at once would both report the same delta. */
  collect(options?: MetricCollectOptions): Promise<CollectionResult> {
    const collected = this.#collecting.then(() => this.#collect(options?.timeoutMillis));
    this.#collecting = collected.catch(() => {});
    return collected;
  }

  /** To be called before the series is removed from the stream. */
  leaving(stream: Stream, series: EngineSeries): void {
    // What is observed comes again by itself.
    if (!this.#isDelta(stream) || this.#isDropped(stream) || isObservable(stream) || !stream.store.has(series)) return;
    const page = stream.store.page(series);
    const { at } = stream.store;
    const reported = this.#reportedOf(stream);
    const since = reported.since(series, page, at);
    if (since === 'unchanged') return;
    const cells = page.slice(at, at + stream.width);
    for (const [index, value] of since?.cells.entries() ?? []) cells[index]! -= value;
    if (cells.every((value) => value === 0)) return;
    const startMs = since?.startMs ?? reported.startOfNew(series.schema.startTimeMs(series));
    this.#rests.add(stream, series, startMs, cells);
  }

  async #collect(timeoutMs: number | undefined): Promise<CollectionResult> {
    const errors = await this.#options.observe(timeoutMs);
    const before = this.#registry.nextOrdinal;
    const scopes = new Map<object, { scope: ScopeMetrics['scope']; metrics: MetricData[] }>();
    let sinceTurn = 0;
    for (const stream of this.#streams) {
      if ((stream.store.size === 0 && !this.#rests.has(stream)) || this.#isDropped(stream)) continue;
      const metric = this.#reader(stream);
      for (const series of stream.series(before)) {
        metric.add(series);
        sinceTurn += 1;
        if (sinceTurn >= POINTS_A_TURN) {
          sinceTurn = 0;
          await nextTurn();
        }
      }
      const data = metric.end();
      if (data === undefined) continue;
      const { scope } = stream.descriptor;
      const entry = scopes.get(scope) ?? { scope: { version: '', ...scope }, metrics: [] };
      entry.metrics.push(data);
      scopes.set(scope, entry);
    }
    return {
      resourceMetrics: { resource: resourceFromAttributes({}), scopeMetrics: [...scopes.values()] },
      errors: [...errors],
    };
  }

  #isDropped({ descriptor }: Stream): boolean {
    return this.#options.aggregation?.(descriptor.instrumentType).type === AggregationType.DROP;
  }

  #isDelta({ kind, descriptor }: Stream): boolean {
    const wanted = this.#options.temporality?.(descriptor.instrumentType);
    return wanted === AggregationTemporality.DELTA && kind !== 'gauge';
  }

  #reader(stream: Stream) {
    const { kind, descriptor, boundaries, width } = stream;
    const told = stream instanceof HistogramStream ? stream.tells : { range: true, sum: true };
    const isDelta = this.#isDelta(stream);
    const rests = this.#rests.take(stream);
    const endMs = this.#options.now();
    const endTime = hrTime(endMs);
    // What an observable's histogram holds is this collection's alone, and so a delta already.
    const reported = isDelta && !(kind === 'histogram' && isObservable(stream)) ? this.#reportedOf(stream) : undefined;
    const numbers: DataPoint<number>[] = [];
    const histograms: DataPoint<Histogram>[] = [];
    let lastStartMs = Number.NaN;
    let lastStart: HrTime = endTime;

    const push = (startMs: number, attributes: Attributes, cell: (index: number) => number): void => {
      if (startMs !== lastStartMs) {
        lastStartMs = startMs;
        lastStart = hrTime(startMs);
      }
      const point = { startTime: lastStart, endTime, attributes };
      if (kind !== 'histogram') {
        numbers.push({ ...point, value: cell(0) });
        return;
      }
      const counts = Array.from({ length: width - BUCKETS }, (_, index) => cell(BUCKETS + index));
      // The smallest and largest of a delta are not known: the cells hold those since the start.
      const hasRange = told.range && !isDelta && cell(0) > 0;
      const range = hasRange ? { min: cell(MIN), max: cell(MAX) } : {};
      const sum = told.sum ? { sum: cell(SUM) } : {};
      histograms.push({
        ...point,
        value: { ...range, ...sum, count: cell(0), buckets: { boundaries: [...boundaries], counts } },
      });
    };

    const add = (series: EngineSeries): void => {
      const page = stream.store.page(series);
      const { at } = stream.store;
      const since = reported?.since(series, page, at);
      if (since === 'unchanged') return;
      // A total that fell was set back: it is what came since.
      const isReset = since !== undefined && kind === 'counter' && page[at]! < since.cells[0]!;
      const before = isReset ? undefined : since?.cells;
      const rest = restOf(rests, series);
      const ownStartMs = series.schema.startTimeMs(series);
      const startMs = rest?.startMs ?? since?.startMs ?? reported?.startOfNew(ownStartMs) ?? ownStartMs;
      const cell = (index: number): number => page[at + index]! - (before?.[index] ?? 0) + (rest?.cells[index] ?? 0);
      push(startMs, series.attributes, cell);
      reported?.keep(series, page, at, endMs);
    };

    const end = (): MetricData | undefined => {
      for (const { startMs, attributes, cells } of rests?.values() ?? [])
        push(startMs, attributes, (index) => cells[index]!);
      reported?.end(stream, endMs);
      if (numbers.length + histograms.length === 0) return undefined;
      const { name, description, unit, valueType, instrumentType } = descriptor;
      const base = {
        // `type` is not in the interface, and some exporters read it all the same.
        descriptor: { name, description, unit, valueType, type: instrumentType, advice: {} },
        aggregationTemporality: isDelta ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE,
      };
      if (kind === 'histogram') return { ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints: histograms };
      if (kind === 'gauge') return { ...base, dataPointType: DataPointType.GAUGE, dataPoints: numbers };
      return { ...base, dataPointType: DataPointType.SUM, dataPoints: numbers, isMonotonic: kind === 'counter' };
    };
    return { add, end };
  }

  #reportedOf(stream: Stream): Reported {
    let reported = this.#reported.get(stream);
    if (reported === undefined) {
      reported = new Reported(stream.width);
      this.#reported.set(stream, reported);
    }
    return reported;
  }
}

function isObservable({ descriptor }: Stream): boolean {
  return OBSERVABLES.has(descriptor.instrumentType);
}
