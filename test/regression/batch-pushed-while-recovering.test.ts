import { expect, test } from '@jest/globals';
import { Pipeline } from '../../src/platform/pipeline.ts';
import { Lab } from '../support/lab.ts';

test('a batch that is pushed to a pipeline which is still recovering moves its checkpoint', async () => {
  const first = new Lab();
  await first.running('orders');
  const next = first.next();
  const actor = next.runtime.spawn('orders');
  const host = { assertOpen: () => {}, updateConfig: () => Promise.reject(new Error('not asked')) };
  const pipeline = new Pipeline({ id: 'orders', actor: () => actor }, host);
  expect(actor.state.status).toBe('empty');
  await pipeline.ingest({ batchId: 'one', records: [1, 2, 3], sourceOffset: 0 });
  expect(await pipeline.state()).toMatchObject({ status: 'running', checkpoint: { offset: 3 } });
  await next.stop();
});
