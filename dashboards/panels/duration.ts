import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { heatmap, query, timeseries } from '../kit/panels.ts';
import { bucketRates, type HistogramKey, mean, quantile, sumRate } from '../kit/promql.ts';

const PIPELINE = ['pipeline_id'] as const;
const BY_PIPELINE = '{{pipeline_id}}';

/** Median, 95th and 99th percentile over everything selected. */
function percentiles(title: string, description: string, unit: string, key: HistogramKey): Builder<Panel> {
  const queries = [0.5, 0.95, 0.99].map((q) => query(quantile(q, key), `p${q * 100}`));
  return timeseries({ title: `${title} (p50, p95, p99)`, description, unit, queries, empty: 'Nothing measured' });
}

export function processingTime(): Builder<Panel> {
  return percentiles(
    'Processing time',
    'Time of batches that succeeded. Its buckets end at 10 s, whatever is slower reads 10 s: for slow batches look at the duration.',
    'ms',
    'batchProcessingTime',
  );
}

export function batchDuration(): Builder<Panel> {
  return percentiles(
    'Duration of a batch',
    'The same time in seconds, with buckets up to the default batch timeout of 300 s.',
    's',
    'batchDuration',
  );
}

export function averageProcessingTime(): Builder<Panel> {
  return timeseries({
    title: 'Average processing time',
    description: 'Of batches that succeeded; a gap while a pipeline is idle.',
    unit: 'ms',
    empty: 'No batches',
    queries: [query(mean('batchProcessingTime', PIPELINE), BY_PIPELINE)],
  });
}

export function durationByPipeline(): Builder<Panel> {
  return timeseries({
    title: 'Duration of a batch by pipeline (p95)',
    description: 'Which pipeline is slow: 19 of 20 of its batches took no longer than this.',
    unit: 's',
    empty: 'No batches',
    queries: [query(quantile(0.95, 'batchDuration', PIPELINE), BY_PIPELINE)],
  });
}

export function durations(): Builder<Panel> {
  return heatmap({
    title: 'Durations of batches',
    description: 'Batches per second by duration: two bands are two kinds of batches, which percentiles hide.',
    unit: 's',
    expression: bucketRates('batchDuration'),
  });
}

export function timeSpent(): Builder<Panel> {
  return timeseries({
    title: 'Share of time in batches',
    description:
      'Seconds spent in batches that succeeded, per second. Near 1 a pipeline works without a pause; far below it waits for its source.',
    unit: 'percentunit',
    queries: [query(sumRate('batchDuration', PIPELINE), BY_PIPELINE)],
  });
}

export function journalAppend(): Builder<Panel> {
  return percentiles(
    'Journal append',
    'Time until appended events were durable. Every batch waits for it; a slow disk shows here first.',
    's',
    'journalAppendDuration',
  );
}
