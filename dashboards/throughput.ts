import { dashboard, row } from './kit/dashboard.ts';
import { UIDS } from './kit/links.ts';
import { query, timeseries } from './kit/panels.ts';
import { countRate } from './kit/promql.ts';
import {
  averageProcessingTime,
  batchDuration,
  durationByPipeline,
  durations,
  journalAppend,
  processingTime,
  timeSpent,
} from './panels/duration.ts';
import { eventLoop } from './panels/event-loop.ts';
import { checkpointAge, lastBatchAge, sourceLag } from './panels/freshness.ts';
import {
  batchesProcessed,
  checkpointUpdates,
  currentThroughput,
  deduplicated,
  inFlight,
  recordsPerBatch,
  recordsProcessed,
} from './panels/throughput.ts';

export const throughput = dashboard({
  uid: UIDS.throughput,
  title: 'Throughput',
  description: 'How much goes through, how long a batch takes, and how fresh the result is.',
  tags: ['pipelines'],
  rows: [
    row(
      'Batches and records',
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
      durationByPipeline(),
      durations(),
      timeSpent(),
    ),
    row('Freshness', checkpointAge(), lastBatchAge(), sourceLag()),
    row(
      'Commits',
      checkpointUpdates(),
      journalAppend(),
      timeseries({
        title: 'Journal appends',
        description: 'Appends per second by process; one holds the events of a whole batch.',
        unit: 'cps',
        queries: [query(countRate('journalAppendDuration', ['instance']), '{{instance}}')],
      }),
    ),
    eventLoop(),
  ],
});
