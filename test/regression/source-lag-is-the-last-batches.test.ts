import { expect, test } from '@jest/globals';
import { startTestPlatform } from '../../src/testing/test-platform.ts';
import { pollFor } from '../support/poll.ts';

test('the lag of a source is shown with the batch that said it, and no longer', async () => {
  const { platform, metricValue } = await startTestPlatform();
  const lags: (number | undefined)[] = [5, Number.NaN, 7, undefined];
  let next = (): void => {};
  const turn = () =>
    new Promise<void>((resolve) => {
      next = resolve;
    });
  const pipeline = await platform.spawnPipeline({
    id: 'orders',
    source: {
      async *read() {
        for (const lagRecords of lags) {
          yield { records: [1], ...(lagRecords !== undefined && { lagRecords }) };
          await turn();
        }
        yield { records: [1], lagRecords: 3 };
      },
    },
    sink: { write: () => {} },
  });
  const lag = () => metricValue('dataflow.source.lag.records', { pipeline_id: 'orders' });
  await pipeline.start();
  for (const [index, expected] of [5, undefined, 7, undefined].entries()) {
    await pollFor(
      () => pipeline.state(),
      (state) => state.status === 'running' && state.checkpoint.offset === index + 1,
    );
    expect(await lag()).toBe(expected);
    next();
  }
  await pipeline.completion();
  expect(await lag()).toBeUndefined();
  await platform.shutdown();
});
