import type { Attributes, Context, MetricAdvice } from '@opentelemetry/api';
import {
  AggregationType,
  type IAttributesProcessor,
  InstrumentType,
  type ViewOptions,
} from '@opentelemetry/sdk-metrics';
import type { Descriptor } from './streams.ts';

/** The boundaries that OpenTelemetry prescribes where nobody says any. */
const DEFAULT_BOUNDARIES = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000];

export type Shape =
  | { readonly type: 'sum' }
  | { readonly type: 'gauge' }
  | { readonly type: 'histogram'; readonly boundaries: readonly number[]; readonly recordMinMax: boolean };

/** One stream that an instrument feeds. */
export interface StreamPlan {
  readonly name: string;
  readonly description: string;
  readonly shape: Shape;
  readonly processors: readonly IAttributesProcessor[];
  readonly limit: number | undefined;
}

export interface InstrumentRequest extends Descriptor {
  readonly advice: MetricAdvice;
}

function matches(view: ViewOptions, { scope, name, unit, instrumentType }: InstrumentRequest): boolean {
  const { instrumentName, instrumentType: type, instrumentUnit, meterName, meterVersion, meterSchemaUrl } = view;
  return (
    (instrumentName === undefined || wildcard(instrumentName).test(name)) &&
    (type === undefined || type === instrumentType) &&
    (instrumentUnit === undefined || instrumentUnit === unit) &&
    (meterName === undefined || meterName === scope.name) &&
    (meterVersion === undefined || meterVersion === (scope.version ?? '')) &&
    // As in the SDK, a meter that says no schema is selected whatever schema is wanted.
    (meterSchemaUrl === undefined || scope.schemaUrl === undefined || meterSchemaUrl === scope.schemaUrl)
  );
}

function wildcard(pattern: string): RegExp {
  const source = pattern.replaceAll(/[\\^$.+?()[\]{}|]/g, String.raw`\$&`).replaceAll('*', '.*');
  return new RegExp(`^${source}$`);
}

/**
 * What the Views make of an instrument, as in the SDK: one stream for each that matches, the default where none does, none
 * where it is dropped. On purpose it differs in this:
 * - Two Views that give streams of one name would count everything twice: the first wins. One that drops takes nothing from
 *   the others.
 * - Every `*` of a name stands for any characters, not the first one alone.
 * - Equal boundaries are one, since no format can show two buckets of one bound.
 * - Exponential histograms have explicit buckets.
 */
export function planStreams(views: readonly ViewOptions[], request: InstrumentRequest): StreamPlan[] {
  const matching = views.filter((view) => matches(view, request));
  const plans = new Map<string, StreamPlan>();
  for (const view of matching.length === 0 ? [{}] : matching) {
    const { name = request.name, description = request.description, attributesProcessors = [] } = view;
    const shape = shapeOf(view, request);
    const key = name.toLowerCase();
    if (shape === undefined || plans.has(key)) continue;
    const limit = view.aggregationCardinalityLimit;
    plans.set(key, { name, description, shape, processors: attributesProcessors, limit });
  }
  return [...plans.values()];
}

function shapeOf({ aggregation }: ViewOptions, request: InstrumentRequest): Shape | undefined {
  switch (aggregation?.type) {
    case AggregationType.DROP:
      return undefined;
    case AggregationType.SUM:
      return { type: 'sum' };
    case AggregationType.LAST_VALUE:
      return { type: 'gauge' };
    case AggregationType.EXPLICIT_BUCKET_HISTOGRAM:
      return histogram(aggregation.options?.boundaries ?? DEFAULT_BOUNDARIES, aggregation.options?.recordMinMax);
    case AggregationType.EXPONENTIAL_HISTOGRAM:
      return histogram(adviceOf(request), aggregation.options?.recordMinMax);
    default:
      return defaultShape(request);
  }
}

function defaultShape(request: InstrumentRequest): Shape {
  switch (request.instrumentType) {
    case InstrumentType.HISTOGRAM:
      return histogram(adviceOf(request));
    case InstrumentType.GAUGE:
    case InstrumentType.OBSERVABLE_GAUGE:
      return { type: 'gauge' };
    default:
      return { type: 'sum' };
  }
}

function histogram(boundaries: readonly number[], recordMinMax = true): Shape {
  return { type: 'histogram', boundaries: finite(boundaries), recordMinMax };
}

function adviceOf({ advice }: InstrumentRequest): readonly number[] {
  return advice.explicitBucketBoundaries ?? DEFAULT_BOUNDARIES;
}

/** Ascending, each once; the bucket without an upper bound is always there. */
function finite(boundaries: readonly number[]): readonly number[] {
  return [...new Set(boundaries)].filter(Number.isFinite).sort((a, b) => a - b);
}

export function processed(
  attributes: Attributes,
  processors: readonly IAttributesProcessor[],
  context?: Context,
): Attributes {
  let result = attributes;
  for (const processor of processors) result = processor.process(result, context);
  return result;
}
