import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { query, timeseries } from '../kit/panels.ts';
import { age, gauge } from '../kit/promql.ts';

const PIPELINE = ['pipeline_id'] as const;
const BY_PIPELINE = '{{pipeline_id}}';

export function checkpointAge(): Builder<Panel> {
  return timeseries({
    title: 'Age of the checkpoint',
    description: 'Time since the checkpoint moved. After a crash, what came in since then is read again.',
    unit: 's',
    queries: [query(age('checkpointTimestamp', PIPELINE), BY_PIPELINE)],
  });
}

export function lastBatchAge(): Builder<Panel> {
  return timeseries({
    title: 'Time since the last batch',
    description: 'Grows while a pipeline waits for its source, is stuck, or does not run.',
    unit: 's',
    queries: [query(age('lastBatchTimestamp', PIPELINE), BY_PIPELINE)],
  });
}

export function sourceLag(): Builder<Panel> {
  return timeseries({
    title: 'Source lag',
    description: 'Records of the source not read yet; only for sources that know how many these are.',
    unit: 'short',
    empty: 'No source that knows its lag',
    queries: [query(gauge('sum', 'sourceLag', PIPELINE), BY_PIPELINE)],
  });
}
