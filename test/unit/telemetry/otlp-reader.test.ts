import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { createOtlpReader } from '../../../src/telemetry/otlp/otlp-reader.ts';
import type { OtlpSender } from '../../../src/telemetry/otlp/otlp-sender.ts';
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
const SILENT: OtlpSender = { send: () => new Promise(() => {}), close: () => {} };

function started(sender: OtlpSender) {
  const clock = createManualClock();
  const timeouts: number[] = [];
  const open = async (): Promise<OtlpSender> => ({
    close: () => sender.close(),
    send: (metrics, timeoutMs) => {
      timeouts.push(timeoutMs);
      return sender.send(metrics, timeoutMs);
    },
  });
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
  expect(String(warn.mock.calls.at(-1)?.[0])).toContain('1 export of metrics did not reach http://backend:4318');
});

test('shutdown does not wait for a callback that never settles (R3)', async () => {
  const { clock, meter, state, shutdown } = started({ ...SILENT, send: async () => ({ status: 'taken' }) });
  meter.createObservableGauge('stuck').addCallback(() => new Promise(() => {}));
  const ending = shutdown();
  await settle();
  expect(state.ended).toBe(false);
  await clock.advance(1000);
  await ending;
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
