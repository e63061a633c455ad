import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { query, stat, timeseries } from '../kit/panels.ts';
import { type CounterKey, orZero, rate, ratio, total } from '../kit/promql.ts';

const PIPELINE = ['pipeline_id'] as const;
const BY_PIPELINE = '{{pipeline_id}}';

const attempts = `${rate('batchesProcessed', PIPELINE)} + (${orZero(rate('batchesFailed', PIPELINE), PIPELINE)})`;
const records = `${rate('recordsProcessed', PIPELINE)} + ${rate('recordsFailed', PIPELINE)}`;

/** How many in the time range, coloured from the first on. */
export function inRange(
  title: string,
  description: string,
  key: CounterKey,
  color: 'orange' | 'red',
  width = 4,
): Builder<Panel> {
  return stat({
    title,
    description,
    unit: 'short',
    width,
    decimals: 0,
    instant: true,
    steps: [['green'], [color, 1]],
    expression: orZero(total(key)),
  });
}

export function failedAttempts(width?: number): Builder<Panel> {
  const description = 'Attempts of batches that failed in the time range, retried or final.';
  return inRange('Failed attempts', description, 'batchesFailed', 'red', width);
}

export function deadLetters(width?: number): Builder<Panel> {
  const description = 'Records written to the dead-letter sinks in the time range.';
  return inRange('Dead letters', description, 'recordsDeadLettered', 'orange', width);
}

export function batchFailureRatio(): Builder<Panel> {
  return timeseries({
    title: 'Batch failure ratio',
    description: 'Failed attempts of batches, retried or final, among all attempts.',
    unit: 'percentunit',
    max: 1,
    steps: [['green'], ['red', 0.1]],
    empty: 'No batches',
    queries: [query(ratio(orZero(rate('batchesFailed', PIPELINE), PIPELINE), attempts), BY_PIPELINE)],
  });
}

export function recordFailureRatio(): Builder<Panel> {
  return timeseries({
    title: 'Record failure ratio',
    description: 'Records that a source, a transform or a sink refused, among all records.',
    unit: 'percentunit',
    max: 1,
    empty: 'No records',
    queries: [query(ratio(rate('recordsFailed', PIPELINE), records), BY_PIPELINE)],
  });
}

export function failuresByCode(): Builder<Panel> {
  return timeseries({
    title: 'Batch failures by error code',
    description:
      'Failed attempts per second, by the codes of the README. The first one of a code has no rate; totals count it.',
    unit: 'cps',
    stacked: true,
    empty: 'No failures',
    queries: [query(rate('batchesFailed', ['error_code']), '{{error_code}}')],
  });
}

export function retriesByCode(): Builder<Panel> {
  return timeseries({
    title: 'Retries by error code',
    description: 'Retries that were scheduled, per second. With backoff even a batch that always fails gives few.',
    unit: 'cps',
    stacked: true,
    empty: 'No retries',
    queries: [query(rate('retriesScheduled', ['error_code']), '{{error_code}}')],
  });
}

export function batchTimeouts(): Builder<Panel> {
  return timeseries({
    title: 'Batch timeouts',
    description:
      'Attempts that ran into the batch timeout, per minute: with the default of 5 minutes, 0.2 is the most.',
    unit: 'cpm',
    queries: [query(`${rate('batchesTimeouts', PIPELINE)} * 60`, BY_PIPELINE)],
  });
}

export function deadLettersByCode(): Builder<Panel> {
  return timeseries({
    title: 'Dead letters by error code',
    description: 'Records written to the dead-letter sink, per second.',
    unit: 'cps',
    stacked: true,
    empty: 'No dead letters',
    queries: [query(rate('recordsDeadLettered', ['error_code']), '{{error_code}}')],
  });
}
