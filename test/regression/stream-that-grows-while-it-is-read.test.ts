import { expect, test } from '@jest/globals';
import { createMemoryJournal } from '../../src/journals/memory.ts';
import type { Journal } from '../../src/runtime/journal.ts';
import { readState } from '../../src/runtime/read-state.ts';
import { Lab } from '../support/lab.ts';

/** A pipeline with a snapshot of everything that it has done. */
async function snapshotted(): Promise<Lab> {
  const lab = new Lab({ limits: { snapshots: { every: 1, keep: 1, deleteEvents: false } } });
  const actor = await lab.running('orders');
  await actor.stop(0);
  return lab;
}

/** Appends after each answer to how far a stream goes, as another process may. */
function growing(inner: Journal, append: () => Promise<void>): Journal {
  return new Proxy(inner, {
    get(target, name: keyof Journal) {
      const method = (target[name] as (...args: unknown[]) => unknown).bind(target);
      if (name !== 'highestSequence' && name !== 'read') return method;
      if (name === 'read') {
        return async function* (...args: Parameters<Journal['read']>) {
          yield* target.read(...args);
          await append();
        };
      }
      return async (key: string) => {
        const highest = await target.highestSequence(key);
        await append();
        return highest;
      };
    },
  });
}

const STOPPED = {
  type: 'PipelineStopped',
  schemaVersion: 1,
  pipelineId: 'orders',
  timestamp: 1,
  reason: 'done',
};

test('an event that another process appends between a read and its check is no gap', async () => {
  const { journal, runtime } = await snapshotted();
  const before = await readState(journal.inner, 'orders');
  expect(before.state.status).toBe('running');
  const finalMetrics = before.state.status === 'running' ? before.state.metrics : undefined;
  let sequence = before.sequence;
  const append = async (): Promise<void> => {
    // One event in the middle of the reading, whenever that is.
    if (sequence > before.sequence) return;
    sequence += 1;
    await journal.inner.append('orders', before.sequence, [
      { data: JSON.parse(JSON.stringify({ ...STOPPED, finalMetrics })), tags: [], timestamp: 1 },
    ]);
  };
  const after = await readState(growing(journal.inner, append), 'orders');
  expect(after).toMatchObject({ sequence: before.sequence + 1, state: { status: 'stopped', stopReason: 'done' } });
  await runtime.stopAll(0);
});

test('an event that comes after the last one was read is no gap', async () => {
  const { journal, runtime } = await snapshotted();
  const before = await readState(journal.inner, 'orders');
  let isFirst = true;
  const append = async (): Promise<void> => {
    if (!isFirst) await journal.inner.append('orders', before.sequence, [{ data: {}, tags: [], timestamp: 1 }]);
    isFirst = false;
  };
  expect(await readState(growing(journal.inner, append), 'orders')).toEqual(before);
  await runtime.stopAll(0);
});

test('a stream that ends before it did when the reading began has a gap', async () => {
  const journal = createMemoryJournal();
  await journal.append('orders', 0, [{ data: {}, tags: [], timestamp: 1 }]);
  const empty = new Proxy(journal, {
    get: (target, name: keyof Journal) =>
      name === 'read' ? async function* () {} : (target[name] as (...args: unknown[]) => unknown).bind(target),
  });
  await expect(readState(empty, 'orders')).rejects.toMatchObject({ code: 'DATAFLOW_ERR_RECOVERY_GAP' });
});
