import { dashboard, row } from './kit/dashboard.ts';
import { pipelineLink, UIDS } from './kit/links.ts';
import { query, type StatSpec, stat, timeseries } from './kit/panels.ts';
import { age, gauge, orZero, quantile, rate, select, total } from './kit/promql.ts';
import { table } from './kit/table.ts';
import { eventLoop } from './panels/event-loop.ts';
import { deadLetters, failedAttempts } from './panels/failures.ts';
import { sourceLag } from './panels/freshness.ts';
import { STATE_COLORS, states } from './panels/states.ts';
import { recordsProcessed } from './panels/throughput.ts';

const PIPELINE = ['pipeline_id'] as const;

function count(
  title: string,
  key: 'pipelinesRunning' | 'pipelinesPaused' | 'pipelinesStopped' | 'pipelinesFailed',
  steps: StatSpec['steps'],
) {
  return stat({
    title,
    description:
      'Number of pipelines in this state on the selected instances; the choice of pipelines does not narrow it.',
    unit: 'short',
    width: 3,
    expression: gauge('sum', key),
    ...(steps && { steps }),
  });
}

const pipelines = table({
  title: 'Pipelines',
  description:
    'Each pipeline now: where it lives, its state, its pace, what failed in the time range, and how far behind it is. Its name leads to its own page.',
  height: 10,
  labels: [
    { label: 'pipeline_id', title: 'Pipeline', link: pipelineLink('${__value.raw}') },
    { label: 'state', title: 'State', colors: STATE_COLORS },
    { label: 'instance', title: 'Instance' },
  ],
  values: [
    {
      title: 'In this state',
      expression: `max by (pipeline_id, state, instance) (${select('pipelineState')} == 1)`,
      unit: 'none',
      hidden: true,
    },
    { title: 'Records/s', expression: rate('recordsProcessed', PIPELINE), unit: 'short', decimals: 1 },
    { title: 'Batches/s', expression: rate('batchesProcessed', PIPELINE), unit: 'short', decimals: 2 },
    { title: 'Batch p95', expression: quantile(0.95, 'batchDuration', PIPELINE), unit: 's' },
    {
      title: 'Failed attempts',
      expression: orZero(total('batchesFailed', PIPELINE), PIPELINE),
      unit: 'short',
      decimals: 0,
      steps: [['text'], ['red', 1]],
    },
    {
      title: 'Records failed',
      expression: total('recordsFailed', PIPELINE),
      unit: 'short',
      decimals: 0,
      steps: [['text'], ['orange', 1]],
    },
    { title: 'Age of the checkpoint', expression: age('checkpointTimestamp', PIPELINE), unit: 's' },
    { title: 'Source lag', expression: gauge('sum', 'sourceLag', PIPELINE), unit: 'short' },
  ],
});

export const pipelineOverview = dashboard({
  uid: UIDS.pipelineOverview,
  title: 'Pipeline Overview',
  description: 'Which pipelines there are, in which state, how fast, and which need attention.',
  tags: ['pipelines'],
  rows: [
    row(
      'Now',
      count('Running pipelines', 'pipelinesRunning', [['green']]),
      count('Failed pipelines', 'pipelinesFailed', [['green'], ['red', 1]]),
      count('Paused pipelines', 'pipelinesPaused', [['text'], ['yellow', 1]]),
      count('Stopped pipelines', 'pipelinesStopped', undefined),
      stat({
        title: 'Throughput',
        description: 'Records per second of the selected pipelines, as their processes measure it.',
        unit: 'cps',
        width: 3,
        expression: gauge('sum', 'recordsThroughput'),
      }),
      failedAttempts(3),
      deadLetters(3),
      stat({
        title: 'Oldest checkpoint',
        description: 'Age of the checkpoint, of the running pipeline that has waited longest; empty when none runs.',
        unit: 's',
        width: 3,
        noValue: '–',
        expression: `max (${age('checkpointTimestamp', PIPELINE)} and on (pipeline_id) ${select('pipelineState', { where: 'state="running"' })} == 1)`,
      }),
    ),
    row('Pipelines', pipelines, states(8)),
    row(
      'Changes and pace',
      timeseries({
        title: 'State transitions',
        description: 'Changes of state per minute, by the states before and after.',
        unit: 'cpm',
        queries: [
          query(`${rate('stateTransitions', ['from_state', 'to_state'])} * 60`, '{{from_state}} → {{to_state}}'),
        ],
      }),
      recordsProcessed(),
      sourceLag(),
    ),
    eventLoop(),
  ],
});
