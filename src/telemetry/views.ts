import { AggregationType, InstrumentType, type ViewOptions } from '@opentelemetry/sdk-metrics';
import { DEFAULT_ERROR_CODES } from '../metrics/error-codes.ts';
import { INSTRUMENT_LIST, type InstrumentDefinition } from '../metrics/names.ts';
import type { TelemetryConfig } from './telemetry-config.ts';

/**
 * At most one View for each instrument: two that match one instrument double its values. Instruments that are not ours
 * get one only where buckets are configured for them. Buckets are for histograms alone: what else has the name, or what a
 * wildcard in it selects, keeps its kind.
 */
export function viewsFor(config: TelemetryConfig, wanted: (name: string) => boolean): ViewOptions[] {
  const boundaries = new Map<string, readonly number[]>(Object.entries(config.buckets));
  for (const { name, kind, buckets } of INSTRUMENT_LIST) {
    if (kind !== 'histogram') boundaries.delete(name);
    else if (buckets !== undefined && !boundaries.has(name)) boundaries.set(name, buckets);
  }
  const views: ViewOptions[] = [];
  const limitOf = seriesLimitFor(config.seriesLimit);
  for (const { name } of INSTRUMENT_LIST) {
    if (!wanted(name)) views.push({ instrumentName: name, aggregation: { type: AggregationType.DROP } });
  }
  for (const [name, buckets] of boundaries) {
    if (!wanted(name)) continue;
    views.push({
      instrumentName: name,
      instrumentType: InstrumentType.HISTOGRAM,
      aggregationCardinalityLimit: limitOf(name),
      aggregation: { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM, options: { boundaries: [...buckets] } },
    });
  }
  return views;
}

/**
 * What each attribute beside `pipeline_id` multiplies the series of a pipeline by: at most, and as a rule for error codes.
 * A reporter alone may be told of every change from one of the six states to another.
 */
const SERIES_A_PIPELINE: Readonly<Record<string, number>> = {
  to_state: 30,
  state: 5,
  error_code: 10,
  gc: 5,
  'v8js.gc.type': 5,
  'v8js.heap.space.name': 20,
  'nodejs.eventloop.state': 2,
};
/** One pipeline may meet every code that there is, and `OTHER`. */
const ERROR_CODES = DEFAULT_ERROR_CODES + 1;

/** The limit is said in pipelines; an instrument with further attributes has several series for each. */
export function seriesLimitFor(seriesLimit: number): (instrument: string) => number {
  const definitions = new Map<string, InstrumentDefinition>(INSTRUMENT_LIST.map((entry) => [entry.name, entry]));
  return (instrument) => {
    const attributes = definitions.get(instrument)?.attributes ?? [];
    const limit = attributes.reduce((series, name) => series * (SERIES_A_PIPELINE[name] ?? 1), seriesLimit);
    return attributes.includes('error_code') ? Math.max(limit, ERROR_CODES) : limit;
  };
}
