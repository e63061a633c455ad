import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { query, timeseries } from '../kit/panels.ts';
import { gauge, rate, ratio } from '../kit/promql.ts';

const PIPELINE = ['pipeline_id'] as const;
const BY_PIPELINE = '{{pipeline_id}}';

export function batchesProcessed(): Builder<Panel> {
  return timeseries({
    title: 'Batches processed',
    description: 'Batches that succeeded, per second.',
    unit: 'cps',
    queries: [query(rate('batchesProcessed', PIPELINE), BY_PIPELINE)],
  });
}

export function recordsProcessed(): Builder<Panel> {
  return timeseries({
    title: 'Records processed',
    description: 'Records that went through without an error, those that a filter drops included, per second.',
    unit: 'cps',
    queries: [query(rate('recordsProcessed', PIPELINE), BY_PIPELINE)],
  });
}

export function currentThroughput(): Builder<Panel> {
  return timeseries({
    title: 'Current throughput',
    description:
      'Records per second over the last tick interval, as the process itself measures it; 0 when idle or not running.',
    unit: 'cps',
    queries: [query(gauge('sum', 'recordsThroughput', PIPELINE), BY_PIPELINE)],
  });
}

export function recordsPerBatch(): Builder<Panel> {
  return timeseries({
    title: 'Records in a batch',
    description: 'Average size of the batches that succeeded. Small batches cost a commit each.',
    unit: 'short',
    empty: 'No batches',
    queries: [query(ratio(rate('recordsProcessed', PIPELINE), rate('batchesProcessed', PIPELINE)), BY_PIPELINE)],
  });
}

export function inFlight(): Builder<Panel> {
  return timeseries({
    title: 'Batches in progress',
    description: 'One at most for each pipeline; one that stays without batches processed is a slow or stuck batch.',
    unit: 'short',
    queries: [query(gauge('sum', 'batchesInflight', PIPELINE), BY_PIPELINE)],
  });
}

export function deduplicated(): Builder<Panel> {
  return timeseries({
    title: 'Batches deduplicated',
    description:
      'Batches that a caller sent again after they had been processed, per second. They were answered, not processed.',
    unit: 'cps',
    queries: [query(rate('batchesDeduplicated', PIPELINE), BY_PIPELINE)],
  });
}

export function checkpointUpdates(): Builder<Panel> {
  return timeseries({
    title: 'Checkpoint updates',
    description: 'Per second. None while batches are processed: progress would be lost in a crash.',
    unit: 'cps',
    queries: [query(rate('checkpointUpdates', PIPELINE), BY_PIPELINE)],
  });
}
