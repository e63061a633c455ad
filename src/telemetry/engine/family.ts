import type { Attributes, HrTime, ValueType } from '@opentelemetry/api';
import type { ResourceMetrics, ScopeMetrics } from '@opentelemetry/sdk-metrics';

/** How a family's points behave: `counter` only grows, `updowncounter` is a sum that may fall. */
export type FamilyKind = 'counter' | 'updowncounter' | 'gauge' | 'histogram';

/**
 * One attribute set, shared by every instrument that has a point for it. What a writer makes of the attributes (label
 * text) can therefore be kept once for all of a pipeline's instruments.
 */
export interface Series {
  /** Frozen, keys sorted, safe as label names, values well-formed UTF-16. The same object for the series' whole life. */
  readonly attributes: Attributes;
  /** For the writer alone: undefined until it puts something here; it dies with the series. */
  cache: string | undefined;
}

/** A measurement that was made inside a sampled span. */
export interface Exemplar {
  readonly value: number;
  /** ms since the epoch. */
  readonly timeMs: number;
  readonly traceId: string;
  readonly spanId: string;
}

/**
 * A point of a family. One object is moved along the points, so it must be read before the next step of the iteration
 * and without waiting in between; it must not be kept.
 */
export interface FamilyPoint {
  readonly series: Series;
  /** ms since the epoch; when this series began to count from 0. */
  readonly startTimeMs: number;
  /** The number; for a histogram its sum. */
  readonly value: number;
  /** Histograms: number of measurements. */
  readonly count: number;
  /** Histograms: measurements in the bucket alone, not cumulative; `boundaries.length` is the last, unbounded one. */
  bucket(index: number): number;
  /** Histograms: the last exemplar of the bucket. */
  exemplar(bucket: number): Exemplar | undefined;
}

/**
 * One metric with its cumulative points. Iterating reads the live numbers lazily, so a writer may stop between two
 * points, let the event loop run and go on: a series that is removed meanwhile is left out, one that is created
 * meanwhile waits for the next collection, and none comes twice.
 */
export interface MetricFamily {
  readonly scope: { readonly name: string; readonly version?: string; readonly schemaUrl?: string };
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly valueType: ValueType;
  readonly kind: FamilyKind;
  /** Upper bounds, ascending, without +Inf; empty unless a histogram. */
  readonly boundaries: readonly number[];
  /** Histograms: whether `value` may be shown. A sum that can fall, as of an up-down counter, is none. */
  readonly hasSum: boolean;
  /** No two points give the same labels: their attributes are guarded. */
  readonly hasDistinctLabels: boolean;
  /** Points there are now. */
  readonly size: number;
  points(): Iterable<FamilyPoint>;
}

/** What one scrape writes: the SDK's metrics as they are, and the engine's families to be walked in slices. */
export interface Scrape {
  readonly resource: ResourceMetrics['resource'];
  /** Runtime, host and user instruments. */
  readonly scopeMetrics: readonly ScopeMetrics[];
  /** The instruments of our own scopes; may be iterated more than once. */
  readonly families: Iterable<MetricFamily>;
}

/** ms since the epoch as the pair of seconds and nanoseconds that the SDK's data points carry. */
export function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}
