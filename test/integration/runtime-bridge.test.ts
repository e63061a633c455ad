import { describe, expect, test } from '@jest/globals';
import { runChild } from '../support/run-child.ts';

/** Counts what a process starts, under the names that async_hooks has for it. */
const COUNTING = `
import { createHook } from 'node:async_hooks';
import childProcess from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import { PerformanceObserver } from 'node:perf_hooks';
import v8 from 'node:v8';
const counts = {};
let isCounting = true;
const count = (type) => { if (isCounting) counts[type] = (counts[type] ?? 0) + 1; };
const counted = (target, method, type) => {
  const original = target[method];
  target[method] = function (...args) { count(type); return original.apply(this, args); };
};
createHook({ init: (_id, type) => count(type) }).enable();
counted(PerformanceObserver.prototype, 'observe', 'OBSERVER');
counted(v8.GCProfiler.prototype, 'start', 'GCPROFILER');
counted(childProcess, 'spawnSync', 'SPAWNSYNC');
counted(childProcess, 'execSync', 'SPAWNSYNC');
counted(childProcess, 'execFileSync', 'SPAWNSYNC');
syncBuiltinESMExports();
`;

describe('no processes', () => {
  const collecting = (groups: string[]) => `${COUNTING}
    const { startTelemetry } = await import('dist:telemetry/start-telemetry.js');
    const { DEFAULT_TELEMETRY_CONFIG, mergeTelemetryConfig } = await import('dist:telemetry/telemetry-config.js');
    const host = ${JSON.stringify(groups)}.length === 0 ? {} : { host: { groups: ${JSON.stringify(groups)} } };
    const telemetry = await startTelemetry({ config: mergeTelemetryConfig(DEFAULT_TELEMETRY_CONFIG, host) });
    await telemetry.scrape();
    await telemetry.collect();
    await telemetry.shutdown();
    console.log((counts.PROCESSWRAP ?? 0) + (counts.SPAWNSYNC ?? 0));`;

  test('starting and collecting with the default groups spawns none', async () => {
    expect(await runChild(collecting([]))).toEqual({ code: 0, out: '0\n', err: '' });
  });

  test('the network group does: the count can tell', async () => {
    expect(Number((await runChild(collecting(['system.network']))).out)).toBeGreaterThan(0);
  });
});

describe('metrics.enabled', () => {
  const starting = (enabled: boolean) => `${COUNTING}
    isCounting = false;
    const { startPlatform } = await import('dist:index.js');
    isCounting = true;
    const platform = await startPlatform({
      env: {}, configFile: false, journal: { kind: 'memory' }, statusPage: { enabled: false },
      metrics: { enabled: ${enabled}, prometheus: { port: 0 }, otlp: { endpoint: 'http://127.0.0.1:1' }, tickInterval: 60000 },
    });
    isCounting = false;
    console.log(JSON.stringify(counts));
    await platform.shutdown();`;
  const WATCHED = ['Timeout', 'TCPSERVERWRAP', 'OBSERVER', 'GCPROFILER', 'ELDHISTOGRAM', 'PROCESSWRAP'];

  async function started(enabled: boolean): Promise<Record<string, number>> {
    const { code, out } = await runChild(starting(enabled), { flags: ['--no-warnings'] });
    expect(code).toBe(0);
    const counts = JSON.parse(out) as Record<string, number>;
    return Object.fromEntries(WATCHED.map((type) => [type, counts[type] ?? 0]));
  }

  test('false starts no timer, no observer, no server', async () => {
    expect(await started(false)).toEqual(Object.fromEntries(WATCHED.map((type) => [type, 0])));
  });

  test('true does: the counts can tell', async () => {
    const counts = await started(true);
    for (const type of ['Timeout', 'TCPSERVERWRAP', 'GCPROFILER']) expect(counts[type]).toBeGreaterThan(0);
  });
});

test('promotion and pauses are what V8 itself traces', async () => {
  const script = `
    import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
    import { startGcMetrics } from 'dist:telemetry/gc-metrics.js';
    import { Pulse } from 'dist:telemetry/pulse.js';
    class Reader extends MetricReader { async onForceFlush() {} async onShutdown() {} }
    const reader = new Reader();
    const provider = new MeterProvider({ readers: [reader] });
    const stop = startGcMetrics(provider.getMeter('test'), new Pulse());
    await new Promise((resolve) => setTimeout(resolve, 50));
    console.log('BEGIN');
    const kept = [];
    for (let round = 0; round < 40; round++) {
      for (let index = 0; index < 20_000; index++) kept.push({ index, text: 'x' + index });
      await new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    console.log('END');
    const { resourceMetrics } = await reader.collect();
    stop();
    const found = {};
    for (const { metrics } of resourceMetrics.scopeMetrics)
      for (const { descriptor, dataPoints } of metrics)
        for (const { attributes, value } of dataPoints)
          found[descriptor.name + (attributes.gc ?? attributes['v8js.gc.type'] ?? '')] = value.count ?? value;
    console.log('FOUND ' + JSON.stringify(found));`;
  const { out } = await runChild(script, { flags: ['--trace-gc-nvp'] });
  // From the start of the metrics to the collection; what comes before and after is not theirs.
  const traced = out.slice(out.indexOf('BEGIN'), out.indexOf('END'));
  const scavenges = traced.split('\n').filter((line) => / gc=s /.test(line));
  const promoted = scavenges.reduce((sum, line) => sum + Number(/ promoted=(\d+)/.exec(line)?.[1] ?? 0), 0);
  const found = JSON.parse(/FOUND (.*)/.exec(out)?.[1] ?? '{}') as Record<string, number>;
  expect(promoted).toBeGreaterThan(10_000_000);
  expect((found['jvm.gc.promotion'] ?? 0) / promoted).toBeGreaterThan(0.9);
  expect((found['jvm.gc.promotion'] ?? 0) / promoted).toBeLessThan(1.1);
  expect(scavenges.length).toBeGreaterThan(5);
  expect(Math.abs((found['jvm.gc.pauseminor'] ?? 0) - scavenges.length)).toBeLessThanOrEqual(2);
  for (const kind of ['minor', 'major']) expect(found[`v8js.gc.duration${kind}`]).toBe(found[`jvm.gc.pause${kind}`]);
});

test('hundreds of collections cost no memory, and the old space need not be collected for it', async () => {
  const script = `
    import { MetricsEngine } from 'dist:telemetry/engine/metrics-engine.js';
    import { startGcMetrics } from 'dist:telemetry/gc-metrics.js';
    import { Pulse } from 'dist:telemetry/pulse.js';
    const engine = new MetricsEngine();
    const stop = startGcMetrics(engine.getMeter('test'), new Pulse());
    const count = () => {
      let sum = 0;
      for (const { name, points } of engine.families())
        if (name === 'jvm.gc.pause') for (const { count } of points()) sum += count;
      return sum;
    };
    const kept = [];
    for (let number = 0; count() < 600; number++) {
      for (let index = 0; index < 20_000; index++) kept[index % 3000] = { index, list: [index, number], text: 'x' + index };
      await new Promise((resolve) => setImmediate(resolve));
      // As often as somebody looks.
      if (number % 10 === 0) await engine.observe();
    }
    stop();
    console.log(Math.round(process.memoryUsage().rss / 2 ** 20));`;
  const { code, out } = await runChild(script);
  expect(code).toBe(0);
  // MiB. A profiler writes 4 kB a collection for as long as it is about: with one for each look that is 350 more.
  expect(Number(out)).toBeLessThan(200);
});
