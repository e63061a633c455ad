import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import { MappingType, type Panel, type ValueMapping } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard, row } from './kit/dashboard.ts';
import { host, UP } from './kit/host-series.ts';
import { instanceLink, UIDS } from './kit/links.ts';
import { query, type Steps, stat, stateTimeline, timeseries } from './kit/panels.ts';
import { aggregate, gauge, rate, select } from './kit/promql.ts';
import { table } from './kit/table.ts';
import { eventLoop } from './panels/event-loop.ts';

const INSTANCE = ['instance'] as const;
const up = aggregate('max', INSTANCE, UP);
const residentMemory = aggregate('max', INSTANCE, host('processMemory'));

function number(title: string, description: string, expression: string, steps?: Steps): Builder<Panel> {
  return stat({ title, description, unit: 'short', noValue: '0', expression, ...(steps && { steps }) });
}

const RED: Steps = [['green'], ['red', 1]];

const instances = table({
  title: 'Instances',
  description: 'Each process now. Its name leads to its health. One that is down has no values but the first.',
  labels: [
    { label: 'instance', title: 'Instance', link: instanceLink('${__value.raw}') },
    { label: 'version', title: 'Version' },
    { label: 'node_version', title: 'Node.js' },
  ],
  values: [
    { title: 'Up', expression: up, unit: 'bool_yes_no', steps: [['red'], ['green', 1]] },
    {
      title: 'Build',
      expression: gauge('max', 'buildInfo', ['instance', 'version', 'node_version']),
      unit: 'none',
      hidden: true,
    },
    { title: 'Running', expression: gauge('sum', 'pipelinesRunning', INSTANCE), unit: 'short' },
    {
      title: 'Failed',
      expression: gauge('sum', 'pipelinesFailed', INSTANCE),
      unit: 'short',
      steps: [['text'], ['red', 1]],
    },
    { title: 'Records/s', expression: rate('recordsProcessed', INSTANCE), unit: 'short', decimals: 1 },
    { title: 'CPU', expression: gauge('max', 'cpuUsage', INSTANCE), unit: 'percentunit', decimals: 1 },
    { title: 'Resident memory', expression: residentMemory, unit: 'bytes' },
    {
      title: 'Heap usage',
      expression: `${gauge('max', 'heapUsed', INSTANCE)} / ${gauge('max', 'heapMax', INSTANCE)}`,
      unit: 'percentunit',
      decimals: 1,
      steps: [['text'], ['red', 0.9]],
    },
    { title: 'Loop delay p99', expression: gauge('max', 'loopDelayP99', INSTANCE), unit: 's' },
    {
      title: 'Loop utilization',
      expression: gauge('max', 'loopUtilization', INSTANCE),
      unit: 'percentunit',
      decimals: 1,
      steps: [['text'], ['red', 0.9]],
    },
  ],
});

const UP_NAMES: readonly ValueMapping[] = [
  {
    type: MappingType.ValueToText,
    options: { 0: { text: 'down', color: 'red' }, 1: { text: 'up', color: 'green' } },
  },
];

export const cluster = dashboard({
  uid: UIDS.cluster,
  title: 'Cluster',
  description:
    'All processes beside each other: which are up, what they run, and how the pipelines are spread over them.',
  tags: ['processes'],
  rows: [
    row(
      'Now',
      number('Instances up', 'Targets that Prometheus can scrape.', `sum (${UP})`, [['green']]),
      number('Instances down', 'Targets that Prometheus cannot scrape.', `count (${UP} == 0)`, RED),
      number(
        'Versions',
        'Different versions of this package in use; more than one while an update is rolled out.',
        `count (count by (version) (${select('buildInfo')}))`,
        [['green'], ['yellow', 2]],
      ),
      number('Pipelines', 'Those that run, on all selected instances.', gauge('sum', 'pipelinesRunning')),
      number('Failed pipelines', 'On all selected instances.', gauge('sum', 'pipelinesFailed'), RED),
      number(
        'Pipelines run twice',
        'A pipeline belongs to exactly one process: one that two processes run reads and writes twice.',
        `count (count by (pipeline_id) (${select('pipelineState', { where: 'state="running"' })} == 1) > 1) or vector(0)`,
        RED,
      ),
    ),
    row(
      'Instances',
      instances,
      stateTimeline({
        title: 'Up',
        description: 'Whether Prometheus could scrape the process.',
        unit: 'none',
        height: 6,
        query: query(up, '{{instance}}'),
        mappings: UP_NAMES,
      }),
    ),
    row(
      'Pipelines by instance',
      timeseries({
        title: 'Pipelines by instance and state',
        description:
          'How the selected pipelines are spread. They move when a process ends: its numbers go, another grow.',
        unit: 'short',
        stacked: true,
        queries: [
          query(aggregate('sum', ['instance', 'state'], `${select('pipelineState')} == 1`), '{{instance}} {{state}}'),
        ],
      }),
      timeseries({
        title: 'Records processed by instance',
        description: 'Records per second.',
        unit: 'cps',
        stacked: true,
        queries: [query(rate('recordsProcessed', INSTANCE), '{{instance}}')],
      }),
      timeseries({
        title: 'Failed attempts by instance',
        description: 'Failed attempts of batches per second. On one instance only: look there, not at the pipelines.',
        unit: 'cps',
        stacked: true,
        empty: 'No failures',
        queries: [query(rate('batchesFailed', INSTANCE), '{{instance}}')],
      }),
    ),
    row(
      'Ownership',
      timeseries({
        title: 'Pipelines owned',
        description: 'Leases that each process holds, where processes share the pipelines. They should be even.',
        unit: 'short',
        stacked: true,
        width: 6,
        empty: 'Nothing is shared',
        queries: [query(gauge('max', 'clusterPipelinesOwned', INSTANCE), '{{instance}}')],
      }),
      timeseries({
        title: 'Nodes seen',
        description: 'Live processes as each of them sees them. Two numbers for long: some cannot reach the database.',
        unit: 'short',
        width: 6,
        empty: 'Nothing is shared',
        queries: [query(gauge('max', 'clusterNodes', INSTANCE), '{{instance}}')],
      }),
      timeseries({
        title: 'Takeovers',
        description:
          'Pipelines a second that a process took over from one that had crashed, frozen or lost its connection.',
        unit: 'short',
        width: 6,
        empty: 'Nothing is shared',
        queries: [query(rate('clusterTakeovers', INSTANCE), '{{instance}}')],
      }),
      timeseries({
        title: 'Fenced appends',
        description:
          'Appends a second of a process that did not know yet that another one owns the pipeline. None was written.',
        unit: 'short',
        width: 6,
        empty: 'Nothing is shared',
        queries: [query(rate('clusterAppendsFenced', INSTANCE), '{{instance}}')],
      }),
    ),
    row(
      'Processes',
      timeseries({
        title: 'Resident memory by instance',
        description: 'What each process takes of its machine.',
        unit: 'bytes',
        queries: [query(residentMemory, '{{instance}}')],
      }),
      timeseries({
        title: 'Heap usage by instance',
        description: 'Used part of the V8 heap limit.',
        unit: 'percentunit',
        max: 1,
        steps: [['green'], ['red', 0.9]],
        queries: [
          query(`${gauge('max', 'heapUsed', INSTANCE)} / ${gauge('max', 'heapMax', INSTANCE)}`, '{{instance}}'),
        ],
      }),
      timeseries({
        title: 'CPU usage by instance',
        description: 'Share of all cores of its machine that each process used.',
        unit: 'percentunit',
        queries: [query(gauge('max', 'cpuUsage', INSTANCE), '{{instance}}')],
      }),
    ),
    eventLoop(),
  ],
});
