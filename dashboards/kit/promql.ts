import { INSTRUMENTS, type InstrumentKey } from '../../src/metrics/names.ts';

type OfKind<Kind> = {
  [K in InstrumentKey]: (typeof INSTRUMENTS)[K]['kind'] extends Kind ? K : never;
}[InstrumentKey];

export type CounterKey = OfKind<'counter'>;
export type GaugeKey = OfKind<'gauge'>;
export type HistogramKey = OfKind<'histogram'>;

/** The labels of a series: its attributes, and what Prometheus adds to each target. */
export type LabelOf<K extends InstrumentKey> = (typeof INSTRUMENTS)[K]['attributes'][number] | 'job' | 'instance';

/** What the variables of each dashboard select. */
export const TARGETS = 'job="$job",instance=~"$instance"';

/** The metric's name and the matchers of the dashboard's variables, then further ones. */
export function select(key: InstrumentKey, { suffix = '', where = '' } = {}): string {
  const { series, attributes } = INSTRUMENTS[key];
  const labels: readonly string[] = attributes;
  const matchers = [TARGETS];
  if (labels.includes('pipeline_id')) matchers.push('pipeline_id=~"$pipeline_id"');
  if (labels.includes('path')) matchers.push('path=~"dataflow/$pipeline_id"');
  if (where !== '') matchers.push(where);
  return `${series}${suffix}{${matchers.join(',')}}`;
}

export function aggregate(
  operator: 'sum' | 'max' | 'min' | 'avg' | 'count',
  by: readonly string[],
  of: string,
): string {
  return `${operator}${by.length === 0 ? '' : ` by (${by.join(', ')})`} (${of})`;
}

/** Increase a second. */
export function rate<K extends CounterKey>(key: K, by: readonly LabelOf<K>[] = [], where = ''): string {
  return aggregate('sum', by, `rate(${select(key, { where })}[$__rate_interval])`);
}

/**
 * Increase over the time range of the dashboard. A series that an event created within the range, with the first failure
 * for instance, has no zero before that event for `increase` to see: all that it counted is its increase.
 */
export function total<K extends CounterKey>(key: K, by: readonly LabelOf<K>[] = []): string {
  const counter = select(key);
  return aggregate(
    'sum',
    by,
    `increase(${counter}[$__range]) and ${counter} offset $__range or max_over_time(${counter}[$__range]) unless ${counter} offset $__range`,
  );
}

export function gauge<K extends GaugeKey>(
  operator: 'sum' | 'max' | 'min',
  key: K,
  by: readonly LabelOf<K>[] = [],
  where = '',
): string {
  return aggregate(operator, by, select(key, { where }));
}

/** 0 where there is nothing, for what is: a counter by error code exists only after the first error. */
export function orZero(expression: string, by: readonly LabelOf<'pipelineState'>[] = []): string {
  return `${expression} or ${gauge('sum', 'pipelineState', by)} * 0`;
}

/** Seconds since the moment that the gauge holds. */
export function age<K extends GaugeKey>(key: K, by: readonly LabelOf<K>[]): string {
  return `time() - ${gauge('max', key, by)}`;
}

/** A quantile over all processes; nothing, not NaN, while nothing is measured. */
export function quantile<K extends HistogramKey>(q: number, key: K, by: readonly LabelOf<K>[] = []): string {
  const buckets = `rate(${select(key, { suffix: '_bucket' })}[$__rate_interval])`;
  return `histogram_quantile(${q}, ${aggregate('sum', ['le', ...by], buckets)}) >= 0`;
}

/** What a process has counted since it started: for what it does before the first scrape, which no rate can see. */
export function sinceStart<K extends CounterKey>(key: K, by: readonly LabelOf<K>[] = []): string {
  return aggregate('sum', by, select(key));
}

export function quantileSinceStart<K extends HistogramKey>(q: number, key: K, by: readonly LabelOf<K>[] = []): string {
  return `histogram_quantile(${q}, ${aggregate('sum', ['le', ...by], select(key, { suffix: '_bucket' }))}) >= 0`;
}

/** Sum a second: of durations, the share of time spent. */
export function sumRate<K extends HistogramKey>(key: K, by: readonly LabelOf<K>[] = []): string {
  return aggregate('sum', by, `rate(${select(key, { suffix: '_sum' })}[$__rate_interval])`);
}

/** Measurements a second. */
export function countRate<K extends HistogramKey>(key: K, by: readonly LabelOf<K>[] = []): string {
  return aggregate('sum', by, `rate(${select(key, { suffix: '_count' })}[$__rate_interval])`);
}

export function mean<K extends HistogramKey>(key: K, by: readonly LabelOf<K>[] = []): string {
  return ratio(sumRate(key, by), countRate(key, by));
}

/** Observations a second by bucket, for a heatmap. */
export function bucketRates(key: HistogramKey): string {
  return aggregate('sum', ['le'], `rate(${select(key, { suffix: '_bucket' })}[$__rate_interval])`);
}

/** A quotient; nothing, not NaN, where the divisor is 0. */
export function ratio(dividend: string, divisor: string): string {
  return `(${dividend}) / (${divisor} > 0)`;
}

/** Only those instances on which a selected pipeline lives. */
export function whereSelectedPipelinesLive(expression: string): string {
  return `${expression} and on (instance) ${gauge('max', 'pipelineState', ['instance'])}`;
}
