import { expect, test } from '@jest/globals';
import { quietTelemetry, scrape } from '../support/collect-metrics.ts';

test('labels that differ in an empty value are one sample', async () => {
  const telemetry = quietTelemetry();
  const counter = telemetry.meterProvider.getMeter('user').createCounter('hits');
  counter.add(1, { a: 'x' });
  counter.add(1, { a: 'x', b: '' });
  const samples = (await scrape(telemetry)).get('hits_total')?.samples;
  expect(samples?.map(({ labels }) => labels)).toEqual([{ a: 'x' }]);
  await telemetry.shutdown();
});
