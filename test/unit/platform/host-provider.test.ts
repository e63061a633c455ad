import { afterEach, describe, expect, jest, test } from '@jest/globals';
import type { MeterProvider } from '@opentelemetry/api';
import type { DataflowError } from '../../../src/errors.ts';
import { MetricsReporter, startPlatform } from '../../../src/index.ts';

const gone = new Error('the provider is gone; password=hunter2');

const unused = () => {};
const methods = {
  createCounter: unused,
  createHistogram: unused,
  createObservableCounter: unused,
  createObservableGauge: unused,
  addBatchObservableCallback: unused,
  removeBatchObservableCallback: unused,
};

const bad: { what: string; provider: unknown; got: string; cause?: unknown }[] = [
  { what: 'a mapping', provider: {}, got: 'a mapping' },
  { what: 'null', provider: null, got: 'null' },
  { what: 'a number', provider: 5, got: '5' },
  { what: 'one whose getMeter is no function', provider: { getMeter: 'x' }, got: 'a mapping' },
  {
    what: 'one without a meter',
    provider: { getMeter: () => undefined },
    got: 'one whose meter is without createCounter, createHistogram, ',
  },
  {
    what: 'one whose meter is of an older kind',
    provider: { getMeter: () => ({ ...methods, createObservableGauge: undefined }) },
    got: 'one whose meter is without createObservableGauge',
  },
  {
    what: 'one that throws',
    provider: {
      getMeter() {
        throw gone;
      },
    },
    got: 'one whose getMeter throws: the provider is gone; password=***',
    cause: gone,
  },
];

const startPlatformWith = (meterProvider: unknown) =>
  startPlatform({
    env: {},
    configFile: false,
    journal: { kind: 'memory' },
    meterProvider: meterProvider as MeterProvider,
    statusPage: { enabled: false },
    runtime: { mailboxLimit: 0 },
  });
const initWith = (meterProvider: unknown) =>
  MetricsReporter.init({ env: {}, meterProvider: meterProvider as MeterProvider, metrics: { seriesLimit: 0 } });

afterEach(() => {
  jest.restoreAllMocks();
});

describe.each([
  ['startPlatform', startPlatformWith, 'runtime.mailboxLimit'],
  ['MetricsReporter.init', initWith, 'metrics.seriesLimit'],
] as const)('%s refuses, with every other problem,', (_name, start, other) => {
  test.each(bad)('$what as a MeterProvider', async ({ provider, got, cause }) => {
    jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const error: DataflowError = await start(provider).then(
      () => {
        throw new Error('it started');
      },
      (reason) => reason,
    );
    expect(error).toMatchObject({ code: 'DATAFLOW_ERR_CONFIG_INVALID', disposition: 'fatal' });
    expect(error.cause).toBe(cause);
    const expected = 'a MeterProvider of @opentelemetry/api';
    expect(error.problems.map(({ path }) => path).sort()).toEqual(['meterProvider', other]);
    expect(error.problems.find(({ path }) => path === 'meterProvider')).toEqual({
      path: 'meterProvider',
      expected,
      got: expect.stringContaining(got),
    });
    expect(error.message).not.toContain('hunter2');
  });
});
