import { dashboard, row } from './kit/dashboard.ts';
import { pipelineLink, UIDS } from './kit/links.ts';
import { query, stat, timeseries } from './kit/panels.ts';
import { gauge, orZero, rate, ratio, total } from './kit/promql.ts';
import { table } from './kit/table.ts';
import { eventLoop } from './panels/event-loop.ts';
import {
  batchFailureRatio,
  batchTimeouts,
  deadLetters,
  deadLettersByCode,
  failedAttempts,
  failuresByCode,
  inRange,
  recordFailureRatio,
  retriesByCode,
} from './panels/failures.ts';

const PIPELINE = ['pipeline_id'] as const;
const CODE = ['pipeline_id', 'error_code'] as const;

const errors = table({
  title: 'Errors by pipeline and code',
  description: 'What failed in the time range, and with which code. The name of a pipeline leads to its own page.',
  labels: [
    { label: 'pipeline_id', title: 'Pipeline', link: pipelineLink('${__value.raw}') },
    { label: 'error_code', title: 'Error code' },
  ],
  values: [
    { title: 'Failed attempts', expression: total('batchesFailed', CODE), unit: 'short', decimals: 0 },
    { title: 'Retries', expression: total('retriesScheduled', CODE), unit: 'short', decimals: 0 },
    { title: 'Dead letters', expression: total('recordsDeadLettered', CODE), unit: 'short', decimals: 0 },
  ],
});

export const errorsAndRetries = dashboard({
  uid: UIDS.errorsAndRetries,
  title: 'Errors and Retries',
  description: 'What fails, with which code, in which pipeline, and whether retrying helps.',
  tags: ['pipelines'],
  rows: [
    row(
      'In this time range',
      inRange(
        'Total timeouts',
        'Attempts that ran into the batch timeout in the time range.',
        'batchesTimeouts',
        'red',
      ),
      failedAttempts(),
      inRange('Retries', 'Retries that were scheduled in the time range.', 'retriesScheduled', 'orange'),
      inRange(
        'Records failed',
        'Records that a source, a transform or a sink refused in the time range.',
        'recordsFailed',
        'orange',
      ),
      deadLetters(),
      stat({
        title: 'Failed pipelines',
        description: 'Pipelines that are failed now: nothing happens in them until somebody resets them.',
        unit: 'short',
        steps: [['green'], ['red', 1]],
        expression: gauge('sum', 'pipelineState', [], 'state="failed"'),
      }),
    ),
    row(
      'Batches',
      batchFailureRatio(),
      timeseries({
        title: 'Batch failures',
        description: 'Failed attempts of batches, retried or final, per second.',
        unit: 'cps',
        queries: [query(orZero(rate('batchesFailed', PIPELINE), PIPELINE), '{{pipeline_id}}')],
      }),
      failuresByCode(),
    ),
    row(
      'Retries and timeouts',
      retriesByCode(),
      timeseries({
        title: 'Retries for a batch that succeeds',
        description: 'Retries scheduled for each batch processed. Above 1 most work is done more than twice.',
        unit: 'short',
        empty: 'No retries',
        queries: [
          query(ratio(rate('retriesScheduled', PIPELINE), rate('batchesProcessed', PIPELINE)), '{{pipeline_id}}'),
        ],
      }),
      batchTimeouts(),
    ),
    row(
      'Records',
      recordFailureRatio(),
      timeseries({
        title: 'Record failures',
        description: 'Records that a source, a transform or a sink refused, per second.',
        unit: 'cps',
        queries: [query(rate('recordsFailed', PIPELINE), '{{pipeline_id}}')],
      }),
      deadLettersByCode(),
    ),
    row('Which', errors),
    eventLoop(),
  ],
});
