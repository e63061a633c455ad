import { expect, test } from '@jest/globals';
import { startTestPlatform } from '../../src/testing/test-platform.ts';

test('a batch that is sent again just before its pipeline is removed brings no series back', async () => {
  const { platform } = await startTestPlatform();
  const pipeline = await platform.spawnPipeline({ id: 'orders', sink: { write: () => {} } });
  await pipeline.start();
  const batch = { batchId: 'b', records: [1], sourceOffset: 0 };
  await pipeline.ingest(batch);
  const again = pipeline.ingest(batch);
  // Both commands come to the actor in one turn.
  await null;
  await platform.removePipeline('orders');
  expect(await again).toMatchObject({ duplicate: true });
  expect(JSON.stringify(await platform.metrics.snapshot())).not.toContain('"orders"');
  await platform.shutdown();
});
