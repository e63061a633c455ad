import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { MeterProvider, type PushMetricExporter } from '@opentelemetry/sdk-metrics';
import { createOtlpReader } from '../../../src/telemetry/otlp/otlp-reader.ts';
import { DEFAULT_TELEMETRY_CONFIG, mergeTelemetryConfig } from '../../../src/telemetry/telemetry-config.ts';
import { createManualClock, settle } from '../../../src/testing/manual-clock.ts';

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
const SILENT: PushMetricExporter = {
  export: () => {},
  forceFlush: () => new Promise(() => {}),
  shutdown: () => new Promise(() => {}),
};

function started(exporter: PushMetricExporter) {
  const clock = createManualClock();
  const timeouts: (number | undefined)[] = [];
  const open = async (timeoutMs?: number): Promise<PushMetricExporter> => {
    timeouts.push(timeoutMs);
    return exporter;
  };
  const reader = createOtlpReader(CONFIG, [], { clock, open });
  const provider = new MeterProvider({ readers: reader === undefined ? [] : [reader] });
  const meter = provider.getMeter('test');
  const state = { ended: false };
  const shutdown = async (): Promise<void> => {
    await provider.shutdown();
    state.ended = true;
  };
  return { clock, meter, timeouts, state, shutdown };
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
  expect(timeouts).toEqual([2500]);
  expect(String(warn.mock.calls.at(-1)?.[0])).toContain('1 exports of metrics did not reach http://backend:4318');
});

test('shutdown does not wait for a callback that never settles (R3)', async () => {
  const { clock, meter, state, shutdown } = started({ ...SILENT, export: (_metrics, done) => done({ code: 0 }) });
  meter.createObservableGauge('stuck').addCallback(() => new Promise(() => {}));
  const ending = shutdown();
  await settle();
  expect(state.ended).toBe(false);
  await clock.advance(1000);
  await ending;
});
