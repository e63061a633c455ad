import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { stringify } from 'yaml';
import {
  age,
  mean,
  orZero,
  quantile,
  rate,
  total,
  whereSelectedPipelinesLive,
} from '../../../dashboards/kit/promql.ts';
import { withValues } from '../../support/dashboards.ts';
import { missing } from '../../support/prometheus-server.ts';

const TARGET = 'job="dataflow-platform",instance="a"';
const ORDERS = `${TARGET},pipeline_id="orders"`;
const STATE = `dataflow_pipeline_state{${ORDERS},state="running"}`;
const FAILED = `dataflow_batches_failed_total{${ORDERS},error_code="GONE"}`;
const RUNNING = { [STATE]: '1x60' };

interface Case {
  readonly of: string;
  readonly expression: string;
  /** One sample a minute, in promtool's notation. */
  readonly series: Readonly<Record<string, string>>;
  /** After an hour: labels and value. */
  readonly samples: readonly { readonly labels: string; readonly value: number }[];
}

const cases: readonly Case[] = [
  {
    of: 'total: the failure with which a series begins counts',
    expression: total('batchesFailed'),
    series: { [FAILED]: '_x40 1x20' },
    samples: [{ labels: '{}', value: 1 }],
  },
  {
    of: 'total: what was before the time range does not count',
    expression: total('batchesFailed', ['error_code']),
    series: { [FAILED]: '7x60' },
    samples: [{ labels: '{error_code="GONE"}', value: 0 }],
  },
  {
    of: 'total: a restart loses nothing',
    expression: total('batchesFailed'),
    series: { [FAILED]: '5+1x30 0+1x29' },
    samples: [{ labels: '{}', value: 59 }],
  },
  {
    of: 'orZero: no failure is 0, by pipeline',
    expression: orZero(rate('batchesFailed', ['pipeline_id']), ['pipeline_id']),
    series: RUNNING,
    samples: [{ labels: '{pipeline_id="orders"}', value: 0 }],
  },
  {
    of: 'orZero: no pipeline is nothing',
    expression: orZero(total('batchesFailed')),
    series: {},
    samples: [],
  },
  {
    of: 'quantile: over all processes, from summed buckets',
    expression: quantile(0.5, 'batchDuration'),
    series: Object.fromEntries(
      ['a', 'b'].flatMap((instance) => {
        const labels = `job="dataflow-platform",instance="${instance}",pipeline_id="orders"`;
        return [
          [`dataflow_batch_duration_seconds_bucket{${labels},le="1"}`, '0+60x60'],
          [`dataflow_batch_duration_seconds_bucket{${labels},le="+Inf"}`, '0+60x60'],
        ];
      }),
    ),
    samples: [{ labels: '{}', value: 0.5 }],
  },
  {
    of: 'quantile: idle is nothing, not NaN',
    expression: quantile(0.5, 'batchDuration'),
    series: {
      [`dataflow_batch_duration_seconds_bucket{${ORDERS},le="1"}`]: '5x60',
      [`dataflow_batch_duration_seconds_bucket{${ORDERS},le="+Inf"}`]: '5x60',
    },
    samples: [],
  },
  {
    of: 'mean: the quotient of what was added',
    expression: mean('batchProcessingTime', ['pipeline_id']),
    series: {
      [`dataflow_batch_processing_time_ms_sum{${ORDERS}}`]: '0+600x60',
      [`dataflow_batch_processing_time_ms_count{${ORDERS}}`]: '0+60x60',
    },
    samples: [{ labels: '{pipeline_id="orders"}', value: 10 }],
  },
  {
    of: 'mean: idle is nothing, not NaN',
    expression: mean('batchProcessingTime', ['pipeline_id']),
    series: {
      [`dataflow_batch_processing_time_ms_sum{${ORDERS}}`]: '600x60',
      [`dataflow_batch_processing_time_ms_count{${ORDERS}}`]: '60x60',
    },
    samples: [],
  },
  {
    of: 'age: seconds since the timestamp',
    expression: age('checkpointTimestamp', ['pipeline_id']),
    series: { [`dataflow_checkpoint_timestamp_seconds{${ORDERS}}`]: '3500x60' },
    samples: [{ labels: '{pipeline_id="orders"}', value: 100 }],
  },
  {
    of: 'whereSelectedPipelinesLive: other processes are left out',
    expression: whereSelectedPipelinesLive('max by (instance) (process_cpu_usage)'),
    series: {
      ...RUNNING,
      'process_cpu_usage{job="dataflow-platform",instance="a"}': '0.1x60',
      'process_cpu_usage{job="dataflow-platform",instance="b"}': '0.2x60',
    },
    samples: [{ labels: '{instance="a"}', value: 0.1 }],
  },
];

function asPromtool({ expression, series, samples }: Case): string {
  const input = Object.entries(series).map(([name, values]) => ({ series: name, values }));
  const expectation = {
    expr: withValues(expression, { __rate_interval: '5m' }),
    eval_time: '1h',
    exp_samples: samples,
  };
  return stringify({
    rule_files: [],
    tests: [{ interval: '1m', input_series: input, promql_expr_test: [expectation] }],
  });
}

const noPromtool = missing('promtool');
const because = noPromtool === undefined ? '' : `: skipped, ${noPromtool}`;

(noPromtool === undefined ? test : test.skip).each(cases)(`$of${because}`, (given) => {
  const folder = mkdtempSync(join(tmpdir(), 'dataflow-promql-'));
  const file = join(folder, 'test.yml');
  writeFileSync(file, asPromtool(given));
  const { status, stderr, stdout } = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8' });
  rmSync(folder, { recursive: true, force: true });
  expect([status, stdout + stderr]).toEqual([0, expect.stringContaining('SUCCESS')]);
});
