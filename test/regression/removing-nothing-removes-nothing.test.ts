import { expect, test } from '@jest/globals';
import { METER_NAME } from '../../src/metrics/names.ts';
import { PipelineMetricsReporter } from '../../src/metrics/reporter.ts';
import { MetricsEngine } from '../../src/telemetry/engine/metrics-engine.ts';
import { quietTelemetry, scrape } from '../support/collect-metrics.ts';
import { sampleValue } from '../support/prometheus-parser.ts';

test.each(['', null, undefined, 7, {}, Symbol('id')])(
  'removing the pipeline %p takes no other one away',
  async (id) => {
    const telemetry = quietTelemetry();
    const warnings: string[] = [];
    const reporter = new PipelineMetricsReporter(telemetry.meterProvider.getMeter(METER_NAME), {
      series: telemetry.series!,
      warn: (message) => warnings.push(message),
    });
    reporter.recordBatchProcessed('p', 1, 0, 1);
    reporter.removePipeline(id as never);
    const families = await scrape(telemetry);
    expect(sampleValue(families, 'dataflow_batches_processed_total', { pipeline_id: 'p' })).toBe(1);
    expect(warnings).toEqual([expect.stringContaining('removePipeline: pipelineId')]);
    reporter.close();
    await telemetry.shutdown();
  },
);

test('attributes that no series can have match none', () => {
  const engine = new MetricsEngine();
  const counter = engine.getMeter('m').createCounter('c');
  counter.add(1, { pipeline_id: 'p' });
  counter.add(1);
  expect(engine.remove({ pipeline_id: '' })).toBe(0);
  expect(engine.remove({ pipeline_id: undefined })).toBe(0);
  expect(engine.remove({ pipeline_id: 'p', error_code: '' })).toBe(0);
  expect(engine.size).toBe(2);
});

test('totals that are none are refused in plain words', () => {
  const warnings: string[] = [];
  const telemetry = quietTelemetry();
  const reporter = new PipelineMetricsReporter(telemetry.meterProvider.getMeter(METER_NAME), {
    warn: (message) => warnings.push(message),
  });
  for (const metrics of [null, undefined, 7, 'x']) reporter.updatePipelineMetrics('p', metrics as never);
  expect(warnings).toEqual([expect.stringMatching(/^updatePipelineMetrics: totalRecordsProcessed must be/)]);
  reporter.close();
  return telemetry.shutdown();
});
