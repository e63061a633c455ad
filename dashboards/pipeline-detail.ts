import { dashboard, row } from './kit/dashboard.ts';
import { UIDS } from './kit/links.ts';
import { stat } from './kit/panels.ts';
import { age, aggregate, gauge, quantile, select } from './kit/promql.ts';
import { trackedActors } from './panels/actors.ts';
import { averageProcessingTime, batchDuration, durations, processingTime, timeSpent } from './panels/duration.ts';
import { eventLoopOfPipelines } from './panels/event-loop.ts';
import {
  batchFailureRatio,
  batchTimeouts,
  deadLetters,
  deadLettersByCode,
  failedAttempts,
  failuresByCode,
  recordFailureRatio,
  retriesByCode,
} from './panels/failures.ts';
import { checkpointAge, lastBatchAge, sourceLag } from './panels/freshness.ts';
import { states } from './panels/states.ts';
import {
  batchesProcessed,
  checkpointUpdates,
  currentThroughput,
  deduplicated,
  inFlight,
  recordsPerBatch,
  recordsProcessed,
} from './panels/throughput.ts';

const PIPELINE = ['pipeline_id'] as const;

const now = row(
  'Now',
  stat({
    title: 'State',
    description: 'The state of each selected pipeline, and the process on which it lives.',
    unit: 'none',
    width: 6,
    nameOnly: true,
    instant: true,
    legend: '{{pipeline_id}}: {{state}} on {{instance}}',
    expression: `max by (pipeline_id, state, instance) (${select('pipelineState')} == 1)`,
  }),
  stat({
    title: 'Records',
    description: 'Records per second, as the process itself measures it.',
    unit: 'cps',
    width: 3,
    expression: gauge('sum', 'recordsThroughput'),
  }),
  stat({
    title: 'Batch p95',
    description: '19 of 20 batches took no longer than this.',
    unit: 's',
    width: 3,
    noValue: '–',
    expression: quantile(0.95, 'batchDuration'),
  }),
  stat({
    title: 'Oldest checkpoint',
    description: 'Time since the checkpoint moved, of the selected pipeline that has waited longest.',
    unit: 's',
    width: 3,
    noValue: '–',
    expression: aggregate('max', [], age('checkpointTimestamp', PIPELINE)),
  }),
  stat({
    title: 'Records not read',
    description: 'Of the source; empty where it does not know.',
    unit: 'short',
    width: 3,
    noValue: '–',
    expression: gauge('sum', 'sourceLag'),
  }),
  failedAttempts(3),
  deadLetters(3),
);

export const pipelineDetail = dashboard({
  uid: UIDS.pipelineDetail,
  title: 'Pipeline Detail',
  description: 'Everything about one pipeline, or a few side by side.',
  tags: ['pipelines'],
  rows: [
    now,
    row('State', states(5)),
    row(
      'Throughput',
      batchesProcessed(),
      recordsProcessed(),
      currentThroughput(),
      recordsPerBatch(),
      inFlight(),
      deduplicated(),
    ),
    row(
      'Time of a batch',
      processingTime(),
      batchDuration(),
      averageProcessingTime(),
      durations(),
      timeSpent(),
      checkpointUpdates(),
    ),
    row(
      'Errors and retries',
      batchFailureRatio(),
      failuresByCode(),
      retriesByCode(),
      recordFailureRatio(),
      deadLettersByCode(),
      batchTimeouts(),
    ),
    row('Freshness', checkpointAge(), lastBatchAge(), sourceLag()),
    trackedActors(),
    eventLoopOfPipelines(),
  ],
});
