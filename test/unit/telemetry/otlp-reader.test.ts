import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, type MetricProducer } from '@opentelemetry/sdk-metrics';
import { createOtlpReader } from '../../../src/telemetry/otlp/otlp-reader.ts';
import type { OtlpSender } from '../../../src/telemetry/otlp/otlp-sender.ts';
import { DEFAULT_TELEMETRY_CONFIG, mergeTelemetryConfig } from '../../../src/telemetry/telemetry-config.ts';
import { createManualClock, type ManualClock, settle } from '../../../src/testing/manual-clock.ts';

const CONFIG = mergeTelemetryConfig(DEFAULT_TELEMETRY_CONFIG, {
  otlp: { endpoint: 'http://backend:4318', intervalMs: 3_600_000 },
});

let warn: jest.SpiedFunction<typeof process.emitWarning>;

beforeEach(() => {
  warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
});
afterEach(() => {
  jest.restoreAllMocks();
});

/** A backend that takes a connection and never answers. */
const SILENT: OtlpSender = { send: () => new Promise(() => {}), close: () => {} };

interface Started {
  readonly temporality?: 'cumulative' | 'delta';
  /** Stands for callbacks that take their time. */
  readonly collecting?: (clock: ManualClock, timeoutMs: number | undefined) => Promise<void>;
}

function started(sender: OtlpSender, { temporality = 'cumulative', collecting }: Started = {}) {
  const clock = createManualClock();
  const nothing = { resourceMetrics: { resource: resourceFromAttributes({}), scopeMetrics: [] }, errors: [] };
  const producer: MetricProducer = {
    collect: async (options) => {
      await collecting?.(clock, options?.timeoutMillis);
      return nothing;
    },
  };
  const timeouts: number[] = [];
  const open = async (): Promise<OtlpSender> => ({
    close: () => sender.close(),
    send: (metrics, timeoutMs) => {
      timeouts.push(timeoutMs);
      return sender.send(metrics, timeoutMs);
    },
  });
  const reader = createOtlpReader(mergeTelemetryConfig(CONFIG, { otlp: { temporality } }), [producer], { clock, open });
  const provider = new MeterProvider({ readers: reader === undefined ? [] : [reader] });
  const meter = provider.getMeter('test');
  const state = { ended: false };
  const shutdown = async (): Promise<void> => {
    await provider.shutdown();
    state.ended = true;
  };
  const flush = () => provider.forceFlush();
  return { clock, meter, timeouts, state, shutdown, flush };
}

test('shutdown waits four and a half seconds for a silent backend, and no longer (R3)', async () => {
  const { clock, meter, timeouts, state, shutdown } = started(SILENT);
  meter.createCounter('hits').add(1);
  const ending = shutdown();
  await clock.advance(4499);
  expect(state.ended).toBe(false);
  await clock.advance(1);
  await ending;
  // What is sent last may not outlive the shutdown either.
  expect(timeouts).toEqual([4500]);
  expect(String(warn.mock.calls.at(-1)?.[0])).toContain('1 export of metrics did not reach http://backend:4318');
});

const TAKING: OtlpSender = { ...SILENT, send: async () => ({ status: 'taken' }) };

test('the last collection may take as long as sending leaves, its callbacks a second each (R3)', async () => {
  const given: (number | undefined)[] = [];
  const collecting: Started['collecting'] = async (clock, timeoutMs) => {
    given.push(timeoutMs);
    await new Promise<void>((resolve) => void clock.setTimeout(resolve, 3400));
  };
  const { clock, meter, timeouts, state, shutdown } = started(TAKING, { collecting });
  meter.createCounter('hits').add(1);
  const ending = shutdown();
  await clock.advance(3400);
  expect([timeouts, state.ended, given]).toEqual([[1100], true, [1000]]);
  await ending;
  expect(warn).not.toHaveBeenCalled();
});

test('a last collection that does not end is said, and goes nowhere afterwards (R3)', async () => {
  let end: () => void = () => {};
  const collecting = () => new Promise<void>((resolve) => (end = resolve));
  const { clock, meter, timeouts, shutdown } = started(TAKING, { collecting });
  meter.createCounter('hits').add(1);
  const ending = shutdown();
  await clock.advance(4500);
  await ending;
  expect(String(warn.mock.calls[0]?.[0])).toMatch(
    /before the end: the last values did not reach http:\/\/backend:4318/,
  );
  end();
  await settle();
  expect(timeouts).toEqual([]);
});

test.each(['cumulative', 'delta'] as const)(
  'a collection in progress does not stand in for the last one: %s (R3)',
  async (temporality) => {
    let calls = 0;
    const collecting = () => (++calls === 1 ? new Promise<never>(() => {}) : Promise.resolve());
    const sent: number[] = [];
    const send: OtlpSender['send'] = async ({ scopeMetrics }) => {
      sent.push(Number(scopeMetrics[0]?.metrics[0]?.dataPoints[0]?.value));
      return { status: 'taken' };
    };
    const { clock, meter, shutdown, flush } = started({ ...SILENT, send }, { temporality, collecting });
    const hits = meter.createCounter('hits');
    flush().catch(() => {});
    await settle();
    hits.add(7);
    const ending = shutdown();
    await clock.advance(4500);
    await ending;
    expect([calls, sent]).toEqual([2, [7]]);
    // Totals have come all the same, changes that the first one had taken have not.
    expect(warn).toHaveBeenCalledTimes(temporality === 'delta' ? 1 : 0);
  },
);

test('changes: the last collection has room in a full queue too (R3)', async () => {
  let isUp = false;
  let total = 0;
  const send: OtlpSender['send'] = async ({ scopeMetrics }) => {
    if (!isUp) return { status: 'failed', reason: 'HTTP 503' };
    total += Number(scopeMetrics[0]?.metrics[0]?.dataPoints[0]?.value);
    return { status: 'taken' };
  };
  const { meter, shutdown, flush } = started({ ...SILENT, send }, { temporality: 'delta' });
  const hits = meter.createCounter('hits');
  for (let count = 0; count < 40; count++) {
    hits.add(1);
    await flush();
  }
  isUp = true;
  await shutdown();
  expect(total).toBe(40);
});

test.each([
  ['that asks for a long pause', { status: 'failed', reason: 'HTTP 503', retryAfterMs: 60_000 }],
  ['that is down', { status: 'failed', reason: 'connection refused' }],
  ['that refuses', { status: 'refused', reason: 'HTTP 400' }],
] as const)('shutdown sends once and does not wait for a backend %s (R3)', async (_name, delivery) => {
  const { clock, meter, timeouts, shutdown } = started({ ...SILENT, send: async () => delivery });
  meter.createCounter('hits').add(1);
  await shutdown();
  expect(timeouts).toHaveLength(1);
  expect(clock.pending).toBe(0);
});
