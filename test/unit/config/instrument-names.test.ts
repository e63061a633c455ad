import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { ConfigOptions } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load-config.ts';
import type { DataflowError } from '../../../src/errors.ts';
import { INSTRUMENT_LIST } from '../../../src/metrics/names.ts';

type Metrics = NonNullable<ConfigOptions['metrics']>;

const load = (metrics: Metrics) => loadConfig({ env: {}, file: false, options: { metrics } });

async function problemsOf(metrics: Metrics) {
  const error: DataflowError = await load(metrics).then(
    () => {
      throw new Error('it loaded');
    },
    (reason) => reason,
  );
  expect(error.code).toBe('DATAFLOW_ERR_CONFIG_INVALID');
  return error.problems;
}

describe('buckets', () => {
  test.each<[string, string]>([
    ['*', 'without wildcards'],
    ['dataflow.*', 'without wildcards'],
    ['app.latency.?', 'without wildcards'],
    ['app latency', 'the name of an instrument: a letter'],
    ['1app', 'the name of an instrument: a letter'],
    ['', 'the name of an instrument: a letter'],
    ['a'.repeat(256), 'the name of an instrument: a letter'],
    ['dataflow.batches.processed', 'dataflow.batches.processed is a counter, which has no buckets'],
    ['dataflow_batches_processed_total', 'dataflow.batches.processed is a counter'],
    ['jvm.memory.heap.used', 'jvm.memory.heap.used is a gauge'],
    ['process_cpu_usage', 'process.cpu.usage is a gauge'],
    ['nodejs.eventloop.delay.p99', 'nodejs.eventloop.delay.p99 is a gauge'],
    ['dataflow_batch_duration_seconds', 'did you mean dataflow.batch.duration?'],
    ['dataflow_batch_duration_seconds_bucket', 'did you mean dataflow.batch.duration?'],
    ['dataflow_batch_processing_time_ms', 'did you mean dataflow.batch.processing.time.ms?'],
    ['Dataflow.Batch.Duration', 'did you mean dataflow.batch.duration?'],
    ['dataflow.batch.duraton', 'did you mean dataflow.batch.duration?'],
    ['nact.actor.procesing.time', 'did you mean nact.actor.processing.time?'],
    ['JVM_gc.pauses', 'did you mean jvm.gc.pause?'],
    ['process.memory.usage', 'one of dataflow.batch.processing.time.ms, dataflow.batch.duration,'],
    ['v8js.memory.heap.limit.by.space', 'a histogram of the platform'],
    ['dataflow', 'a histogram of the platform'],
  ])('%p is not the name of a histogram', async (name, expected) => {
    const problems = await problemsOf({ buckets: { [name]: [1, 2] } });
    expect(problems).toEqual([
      {
        path: expect.stringMatching(/^metrics\.buckets\../),
        expected: expect.stringContaining(expected),
        got: name === '' ? 'an empty name' : expect.stringMatching(/^the name "/),
      },
    ]);
  });

  test('bad names and bad boundaries are said together', async () => {
    const problems = await problemsOf({ buckets: { 'dataflow.*': [2, 1], 'jvm.gc.pause': [] } });
    expect(problems.map(({ path }) => path)).toEqual([
      'metrics.buckets."dataflow.*"',
      'metrics.buckets."dataflow.*".1',
      'metrics.buckets.jvm.gc.pause',
    ]);
  });

  test('each histogram of the platform has them, and any name of another namespace', async () => {
    const ours = INSTRUMENT_LIST.filter(({ kind }) => kind === 'histogram').map(({ name }) => name);
    const names = [...ours, 'app.latency', 'http.server.request.duration', 'dataflow-app/latency', 'Orders_size'];
    const buckets = Object.fromEntries(names.map((name) => [name, [1, 2]]));
    expect((await load({ buckets })).metrics.buckets).toEqual(buckets);
  });
});

describe('a filter', () => {
  test.each<[string, string]>([
    ['dataflow.batches.procesed', 'did you mean dataflow.batches.processed?'],
    ['dataflow_batches_processed_total', 'did you mean dataflow.batches.processed?'],
    ['process_cpu_usage', 'did you mean process.cpu.usage?'],
    ['Dataflow.Batches.Processed', 'did you mean dataflow.batches.processed?'],
    ['dataflow.*', 'did you mean dataflow.**?'],
    ['DATAFLOW.**', 'did you mean dataflow.**?'],
    ['dataflow.btaches.*', 'did you mean dataflow.batches.**?'],
    ['nact.acter.**', 'did you mean nact.actor.**?'],
    ['jvm.*.heap', '* stays within one dotted part'],
    ['nodejs.eventlop.**', 'did you mean nodejs.eventloop.**?'],
    ['dataflow', '* stays within one dotted part'],
  ])('does not take %p, which selects nothing', async (glob, expected) => {
    const problems = await problemsOf({ filter: { include: ['**', glob], exclude: [glob, 'app.*'] } });
    expect(problems).toEqual([
      { path: 'metrics.filter.include.1', expected: expect.stringContaining(expected), got: JSON.stringify(glob) },
      { path: 'metrics.filter.exclude.0', expected: expect.stringContaining(expected), got: JSON.stringify(glob) },
    ]);
  });

  test.each([
    [[], ['**']],
    [['dataflow.**'], ['dataflow.**']],
    [
      ['dataflow.batches.*', 'app.*'],
      ['dataflow.**', 'app.*'],
    ],
    [['batches.*'], []],
    [[], ['dataflow.**', 'nact.**', 'jvm.**', 'nodejs.**', 'v8js.**', 'process.**', 'system.**']],
  ])('that leaves nothing is refused: include %j, exclude %j', async (include, exclude) => {
    expect(await problemsOf({ filter: { include, exclude } })).toEqual([
      { path: 'metrics.filter', expected: expect.stringContaining('metrics.enabled: false'), got: 'none' },
    ]);
  });

  test.each([
    [['app.**', 'dataflow.**'], []],
    [['**'], ['v8js.**', 'http.*', 'process.runtime.*', 'system.disk.*']],
    [['system.**'], ['system.network.io']],
    [['process.memory.usage'], []],
    [['**.duration', 'data*.**'], ['jvm.gc.*']],
    [['dataflow.metrics.series'], []],
  ])('is taken: include %j, exclude %j', async (include, exclude) => {
    expect((await load({ filter: { include, exclude } })).metrics.filter).toEqual({ include, exclude });
  });

  test('that leaves nothing is nothing to refuse where metrics are off', async () => {
    const filter = { exclude: ['**'] };
    expect((await load({ enabled: false, filter })).metrics.filter).toEqual({ include: [], ...filter });
  });

  test('an empty one is known by all levels together', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'dataflow-filter-'));
    await writeFile(join(cwd, 'dataflow.yaml'), 'metrics: { filter: { include: [nact.**] } }');
    const options = { metrics: { filter: { exclude: ['nact.**'] } } };
    await expect(loadConfig({ env: {}, cwd, options })).rejects.toMatchObject({
      problems: [{ path: 'metrics.filter' }],
    });
    await rm(cwd, { recursive: true });
  });
});
