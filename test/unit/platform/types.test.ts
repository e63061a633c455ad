/** What typical users write: `tsc` is the test, and the two that run show that it also works. */
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import {
  type Batch,
  type BatchResult,
  type CodeSink,
  DataflowError,
  type ErrorCode,
  type PipelineSpec,
  type PipelineState,
  type Source,
  startPlatform,
} from '../../../src/index.ts';
import { folderWith } from '../../support/folder.ts';

interface Order {
  readonly id: string;
  readonly amount: number;
}

test('the example of the product', async () => {
  const folder = await folderWith({ 'orders.ndjson': '{"amount":0}\n{"amount":5}\n' });
  const platform = await startPlatform({
    journal: { kind: 'embedded', path: join(folder, 'data') },
    metrics: { prometheus: { port: 0 } },
    statusPage: { enabled: false },
    configFile: false,
    env: {},
  });
  const orders = await platform.spawnPipeline({
    id: 'orders',
    name: 'orders',
    description: 'orders to the warehouse',
    source: { type: 'file', connectionString: join(folder, 'orders.ndjson'), batchSize: 500 },
    transforms: [{ type: 'filter', config: { expression: 'record.amount > 0' } }],
    sink: { type: 'file', connectionString: join(folder, 'out/orders.ndjson'), batchSize: 500 },
  });
  await orders.start();
  const end: PipelineState = await orders.completion();
  expect(end).toMatchObject({ status: 'stopped', stopReason: 'source completed' });
  await platform.shutdown();
});

test('parts from code need no casts', async () => {
  const warehouse: Order[] = [];
  async function* read(): AsyncGenerator<Order> {
    yield { id: 'a', amount: 1 };
    yield { id: 'b', amount: 0 };
  }
  class Warehouse implements CodeSink {
    async write(orders: readonly Order[]): Promise<void> {
      warehouse.push(...orders);
    }
  }
  const spec: PipelineSpec = {
    id: 'orders',
    source: read(),
    transforms: [
      (order: Order) => (order.amount > 0 ? order : undefined),
      async (order: Order): Promise<Order[]> => [order, { ...order, id: `${order.id}2` }],
      (order, { offset, batchId }) => ({ ...order, id: `${order.id}-${offset}-${batchId.length}` }),
      { type: 'filter', config: { expression: 'true' } },
    ],
    sink: new Warehouse(),
    deadLetter: {
      write(records) {
        for (const record of records) String(record);
      },
    },
    retry: { maxRetries: 1 },
  };
  await using platform = await startPlatform({
    journal: { kind: 'memory' },
    metrics: { enabled: false },
    statusPage: { enabled: false },
    configFile: false,
    env: {},
  });
  const pipeline = await platform.spawnPipeline(spec);
  await pipeline.start();
  await pipeline.completion();
  expect(warehouse.map(({ id }) => id)).toEqual(['a-0-8', 'a2-0-8']);
});

/** Never called: it only has to compile. */
async function typicalUses(): Promise<void> {
  const platform = await startPlatform();
  const source: Source = {
    async *read({ offset }, { batchSize, signal }) {
      if (!signal.aborted) yield { records: new Array(batchSize).fill(offset), nextOffset: 'cursor' };
    },
  };
  const pushed = await platform.spawnPipeline({
    id: 'pushed',
    sink: { write: async () => ({ committed: { at: 1 } }) },
  });
  await platform.spawnPipeline({ id: 'own', source, sink: { type: 'stdout', connectionString: '-' } });
  const batch: Batch = { batchId: '1', records: [{ id: 'a' }], sourceOffset: 0 };
  const result: BatchResult = await pushed.ingest(batch);
  result.successCount.toFixed();
  try {
    await pushed.stop();
  } catch (error) {
    const code: ErrorCode | undefined = error instanceof DataflowError ? error.code : undefined;
    if (code === 'DATAFLOW_ERR_COMMAND_REFUSED') throw error;
  }
  platform.registerSource('kafka', ({ connectionString, options }) => [connectionString, options]);
  platform.registerTransform('upper', () => (record) => String(record).toUpperCase());
  platform.registerSink('collect', () => ({ write: (_records, { batchId }) => void batchId }));
  // @ts-expect-error a sink is needed
  await platform.spawnPipeline({ id: 'none' });
  // @ts-expect-error no such method
  pushed.begin();
  // @ts-expect-error no such code
  const wrong: ErrorCode = 'DATAFLOW_ERR_NOPE';
  void wrong;
}
void typicalUses;
