import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { context, trace } from '@opentelemetry/api';
import { node } from '@opentelemetry/sdk-node';
import { type Platform, startPlatform } from '../../src/index.ts';
import { type OpenMetricsFamily, parseOpenMetrics } from '../support/openmetrics-parser.ts';

let provider: node.NodeTracerProvider;
let platform: Platform;

beforeEach(async () => {
  provider = new node.NodeTracerProvider();
  // The context manager that carries the active span is the SDK's own, on AsyncLocalStorage.
  provider.register();
  platform = await startPlatform({
    env: {},
    configFile: false,
    journal: { kind: 'memory' },
    statusPage: { enabled: false },
    metrics: {
      prometheus: { host: '127.0.0.1', port: 0 },
      host: { groups: [] },
      runtime: { enabled: false },
      process: { enabled: false },
    },
  });
});

afterEach(async () => {
  await platform.shutdown();
  await provider.shutdown();
  trace.disable();
  context.disable();
});

async function openMetrics(): Promise<Map<string, OpenMetricsFamily>> {
  const headers = { accept: 'application/openmetrics-text; version=1.0.0', connection: 'close' };
  const response = await fetch(platform.metricsUrl!, { headers });
  return parseOpenMetrics(await response.text());
}

function exemplarsOf(families: Map<string, OpenMetricsFamily>, family: string, pipelineId: string) {
  const samples = families.get(family)?.samples.filter(({ labels }) => labels.pipeline_id === pipelineId) ?? [];
  return samples.flatMap(({ exemplar }) => (exemplar === undefined ? [] : [exemplar.labels]));
}

test('a batch that is pushed in a span has exemplars with the trace of its sender, retries included', async () => {
  const seen: (string | undefined)[] = [];
  let failures = 1;
  const pipeline = await platform.spawnPipeline({
    id: 'pushed',
    sink: {
      async write() {
        seen.push(trace.getActiveSpan()?.spanContext().traceId);
        if (failures-- > 0) throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
      },
    },
    retry: { maxRetries: 3, initialMs: 1, maxMs: 1, jitter: 0 },
  });
  await pipeline.start();
  const sent: { readonly trace_id: string; readonly span_id: string }[] = [];
  const tracer = trace.getTracer('test');
  for (const batchId of ['first', 'second']) {
    await tracer.startActiveSpan(batchId, async (span) => {
      const { traceId, spanId } = span.spanContext();
      sent.push({ trace_id: traceId, span_id: spanId });
      await pipeline.ingest({ batchId, records: [1], sourceOffset: 0 });
      span.end();
    });
  }
  const [first, second] = sent;
  expect(seen).toEqual([first?.trace_id, first?.trace_id, second?.trace_id]);
  const families = await openMetrics();
  for (const family of ['dataflow_batch_processing_time_ms', 'dataflow_batch_duration_seconds']) {
    const exemplars = exemplarsOf(families, family, 'pushed');
    expect(exemplars).toContainEqual(second);
    for (const exemplar of exemplars) expect(sent).toContainEqual(exemplar);
  }
});

test('batches of a source have none, whoever started the pipeline, and neither have unsampled ones', async () => {
  const sink = { write: async () => {} };
  const tracer = trace.getTracer('test');
  await tracer.startActiveSpan('starter', async (span) => {
    const pulled = await platform.spawnPipeline({ id: 'pulled', source: [{ n: 1 }], sink });
    await pulled.start();
    await pulled.completion();
    const pushed = await platform.spawnPipeline({ id: 'unsampled', sink });
    await pushed.start();
    const unsampled = trace.setSpanContext(context.active(), { ...span.spanContext(), traceFlags: 0 });
    await context.with(unsampled, () => pushed.ingest({ batchId: 'b', records: [1], sourceOffset: 0 }));
    span.end();
  });
  const families = await openMetrics();
  for (const id of ['pulled', 'unsampled']) {
    expect(exemplarsOf(families, 'dataflow_batch_processing_time_ms', id)).toEqual([]);
    const count = families
      .get('dataflow_batch_processing_time_ms')
      ?.samples.find(({ name, labels }) => name.endsWith('_count') && labels.pipeline_id === id);
    expect(count?.value).toBe(1);
  }
});
