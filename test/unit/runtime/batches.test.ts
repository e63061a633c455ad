import { describe, expect, test } from '@jest/globals';
import type { Source } from '../../../src/runtime/connector.ts';
import { settle } from '../../../src/testing/manual-clock.ts';
import {
  coded,
  countingSource,
  createCommand,
  deferred,
  ingest,
  Lab,
  outcomeOf,
  payload,
  plain,
} from '../../support/lab.ts';

const count = (lab: Lab, type: string): number => lab.recorder.types().filter((each) => each === type).length;

describe('pause and stop while a batch runs', () => {
  test.each(['PausePipeline', 'StopPipeline', 'RemovePipeline'] as const)('%s lets it finish first', async (type) => {
    const lab = new Lab();
    const gate = deferred();
    lab.sink.onWrite = () => gate.promise;
    const actor = await lab.running('p');
    const batch = ingest(actor, 'a');
    await settle();
    const ended = actor.send({ type, reason: 'x' } as never);
    const state = await actor.send({ type: 'GetState' });
    expect(state.state).toMatchObject({ status: 'running', activeBatch: { batchId: 'a' } });
    expect(await outcomeOf(ended)).toBe('pending');
    gate.resolve();
    await expect(batch).resolves.toMatchObject({ batch: { successCount: 3 } });
    await ended;
    expect(actor.state.status).toBe(
      { PausePipeline: 'paused', StopPipeline: 'stopped', RemovePipeline: 'empty' }[type],
    );
    await settle();
    expect(lab.sink.closed).toBe(1);
    await lab.stop();
    expect(lab.clock.pending).toBe(0);
  });

  test('with abort the batch gets no outcome, its sender is told, and it runs again after the resume', async () => {
    const lab = new Lab();
    lab.sink.onWrite = ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const actor = await lab.running('p', { onInterrupt: 'abort' });
    const batch = ingest(actor, 'a');
    batch.catch(() => {});
    await settle();
    const paused = actor.send({ type: 'PausePipeline', reason: 'x' });
    expect(await outcomeOf(paused)).toBe('resolved');
    expect(await outcomeOf(batch)).toBe('DATAFLOW_ERR_BATCH_ABANDONED');
    expect(count(lab, 'BatchFailed')).toBe(0);
    lab.sink.onWrite = undefined;
    await actor.send({ type: 'ResumePipeline' });
    await expect(ingest(actor, 'a')).resolves.toMatchObject({ batch: { duplicate: false } });
    await lab.stop();
  });

  test('with abort a pause does not end before the writer has let go', async () => {
    const lab = new Lab();
    const gate = deferred();
    lab.sink.onWrite = () => gate.promise;
    const actor = await lab.running('p', { onInterrupt: 'abort' });
    ingest(actor, 'a').catch(() => {});
    await settle();
    const paused = actor.send({ type: 'PausePipeline', reason: 'x' });
    await actor.send({ type: 'GetState' });
    expect(await outcomeOf(paused)).toBe('pending');
    gate.resolve();
    expect(await outcomeOf(paused)).toBe('resolved');
    await lab.stop();
  });

  test('with abort a pause also ends an attempt that waits for the one before it', async () => {
    const lab = new Lab();
    const first = deferred();
    lab.sink.onWrite = ({ attempt }) => (attempt === 1 ? first.promise : new Promise(() => {}));
    const actor = await lab.running('p', { onInterrupt: 'abort', batchTimeoutMs: 100 });
    ingest(actor, 'a').catch(() => {});
    await settle();
    await lab.clock.advance(1200);
    const paused = actor.send({ type: 'PausePipeline', reason: 'x' });
    await settle();
    first.resolve();
    expect(await outcomeOf(paused)).toBe('resolved');
    expect(lab.sink.batchIds).toEqual(['a']);
    await lab.stop();
  });

  test('a pause during the wait for a retry happens at once', async () => {
    const lab = new Lab();
    lab.sink.onWrite = () => {
      throw coded('ECONNRESET');
    };
    const actor = await lab.running('p');
    const batch = ingest(actor, 'a');
    batch.catch(() => {});
    await settle();
    expect(actor.state).toMatchObject({ retryCount: 1 });
    await actor.send({ type: 'PausePipeline', reason: 'x' });
    expect(await outcomeOf(batch)).toBe('DATAFLOW_ERR_BATCH_ABANDONED');
    await lab.clock.advance(60_000);
    expect(lab.sink.written).toEqual([]);
    expect(actor.state).toMatchObject({ status: 'paused', retryCount: 1 });
    expect(lab.clock.pending).toBe(0);
    await lab.stop();
  });
});

describe('a fault', () => {
  test('is retried after 1, 2, 4, 8 and 16 s, then fails the pipeline and its sender', async () => {
    const lab = new Lab();
    const at: number[] = [];
    lab.sink.onWrite = () => {
      at.push(lab.clock.monotonic());
      throw coded('ETIMEDOUT');
    };
    const actor = await lab.running('p');
    const batch = ingest(actor, 'a');
    batch.catch(() => {});
    await lab.clock.advance(60_000);
    expect(at).toEqual([0, 1000, 3000, 7000, 15_000, 31_000]);
    await expect(batch).rejects.toMatchObject({ code: 'DATAFLOW_ERR_PIPELINE_FAILED' });
    expect(actor.state).toMatchObject({ status: 'failed', error: { code: 'TIMEOUT', errorType: 'sink' } });
    expect([count(lab, 'BatchFailed'), count(lab, 'RetryScheduled'), count(lab, 'PipelineFailed')]).toEqual([6, 5, 1]);
    expect(lab.clock.pending).toBe(0);
    await lab.stop();
  });

  test('after a timeout a sink that ignores its signal never meets a second writer', async () => {
    const lab = new Lab();
    const gates = [deferred(), deferred()];
    lab.sink.onWrite = ({ attempt }) => gates[attempt - 1]?.promise;
    const actor = await lab.running('p', { batchTimeoutMs: 1000 });
    const batch = ingest(actor, 'a');
    await settle();
    await lab.clock.advance(10_000);
    expect(count(lab, 'BatchTimedOut')).toBe(1);
    expect(lab.sink.writers).toBe(1);
    gates[0]!.resolve();
    await settle();
    expect(lab.sink.writers).toBe(1);
    gates[1]!.resolve();
    await expect(batch).resolves.toMatchObject({ batch: { successCount: 3 } });
    expect(lab.sink.mostWriters).toBe(1);
    expect(count(lab, 'BatchProcessed')).toBe(1);
    await lab.stop();
  });

  test('reported while the outcome waits leaves no retry behind that would block the pipeline', async () => {
    const lab = new Lab();
    const gate = deferred();
    lab.sink.onWrite = () => gate.promise;
    const actor = await lab.running('p');
    const batch = ingest(actor, 'a');
    await settle();
    // The append holds the actor, so that the report and the outcome are decided in one turn.
    const append = deferred();
    lab.journal.appendFaults.push({ kind: 'hold', until: append.promise });
    const held = actor.send({ type: 'UpdateCheckpoint' });
    await settle();
    const error = { errorType: 'sink', code: 'TIMEOUT', message: 'slow', retryable: true } as const;
    const reported = actor.send({ type: 'ReportFailure', error });
    lab.sink.onWrite = undefined;
    gate.resolve();
    await settle();
    append.resolve();
    await Promise.all([held, reported, batch]);
    await lab.clock.advance(60_000);
    const paused = actor.send({ type: 'PausePipeline', reason: 'x' });
    expect(await outcomeOf(paused)).toBe('resolved');
    await lab.stop();
  });

  test('a sink result that the journal cannot hold is a fault of the sink, not an endless loop', async () => {
    const lab = new Lab({ connectors: () => ({ sink: { write: async () => ({ committed: 1n as never }) } }) });
    const actor = await lab.running('p');
    await expect(ingest(actor, 'a')).rejects.toMatchObject({ code: 'DATAFLOW_ERR_PIPELINE_FAILED' });
    expect(actor.state).toMatchObject({ status: 'failed', error: { errorType: 'sink' } });
    await lab.stop();
  });

  test('a sink that refuses records it was not given fails, and no count becomes negative', async () => {
    const rejected = [0, 1, 2, 3, 4].map((index) => ({ index, code: 'BAD', message: 'bad' }));
    const lab = new Lab({ connectors: () => ({ sink: { write: async () => ({ rejected }) } }) });
    const actor = await lab.running('p');
    await expect(ingest(actor, 'a')).rejects.toMatchObject({ code: 'DATAFLOW_ERR_PIPELINE_FAILED' });
    await lab.stop();
  });
});

describe('batch ids', () => {
  test('a batch that was processed is answered with its result, after a restart too', async () => {
    const first = new Lab();
    const actor = await first.running('p');
    await ingest(actor, 'a');
    const lab = first.next();
    const again = lab.runtime.spawn('p');
    const result = { batchId: 'a', successCount: 3, failureCount: 0, processingTimeMs: 0, duplicate: true };
    await expect(ingest(again, 'a')).resolves.toMatchObject({ batch: result });
    expect(lab.sink.written).toEqual([]);
    expect(lab.journal.appends).toEqual([]);
    expect(lab.recorder.deduplicated).toBe(1);
    await lab.stop();
  });

  test('a second batch is refused while one is active, and so is the same one', async () => {
    const lab = new Lab();
    const gate = deferred();
    lab.sink.onWrite = () => gate.promise;
    const actor = await lab.running('p');
    const batch = ingest(actor, 'a');
    const others = [ingest(actor, 'b'), ingest(actor, 'a')];
    expect(await Promise.all(others.map(outcomeOf))).toEqual([
      'DATAFLOW_ERR_BATCH_ACTIVE',
      'DATAFLOW_ERR_BATCH_ACTIVE',
    ]);
    gate.resolve();
    await batch;
    expect(lab.sink.batchIds).toEqual(['a']);
    await lab.stop();
  });

  test('a batch that a dead process left without an outcome runs again from the checkpoint', async () => {
    const first = new Lab({ connectors: () => ({ source: countingSource(30) }) });
    let writes = 0;
    first.sink.onWrite = () => (++writes === 2 ? new Promise(() => {}) : undefined);
    await first.running('p');
    expect(await first.replayed('p')).toMatchObject({ activeBatch: { batchId: 'p:10' } });
    const lab = first.next({ connectors: () => ({ source: countingSource(30) }) });
    const actor = lab.runtime.spawn('p');
    await lab.clock.advance(1000);
    expect(lab.sink.batchIds).toEqual(['p:10', 'p:20']);
    expect(actor.state).toMatchObject({
      status: 'stopped',
      stopReason: 'source completed',
      metrics: { totalRecordsProcessed: 30 },
    });
    expect(count(lab, 'BatchProcessed')).toBe(2);
    expect(plain(actor.state)).toEqual(plain(await lab.replayed('p')));
    await lab.stop();
  });

  test('a source whose offset does not move is an error, not a repetition that is dropped', async () => {
    const stuck: Source = {
      async *read() {
        yield { records: [1], nextOffset: 'page' };
        yield { records: [2], nextOffset: 'page' };
      },
    };
    const lab = new Lab({ connectors: () => ({ source: stuck }) });
    const actor = await lab.running('p');
    await settle();
    expect(lab.sink.written.map(({ records }) => records)).toEqual([[1]]);
    expect(actor.state).toMatchObject({
      status: 'failed',
      error: { code: 'DATAFLOW_ERR_COMMAND_INVALID', errorType: 'source' },
    });
    await lab.stop();
  });
});

describe('a pulling pipeline', () => {
  test.each([1, 2, 7])('reads all of it in order with %i batches ahead', async (prefetchBatches) => {
    const lab = new Lab({ limits: { prefetchBatches }, connectors: () => ({ source: countingSource(95) }) });
    const actor = await lab.running('p');
    await settle(200);
    expect(lab.sink.written.flatMap(({ records }) => records)).toEqual(Array.from({ length: 95 }, (_, i) => i));
    expect(actor.state).toMatchObject({ status: 'stopped', checkpoint: { offset: 95, recordsProcessed: 95 } });
    await lab.stop();
    expect(lab.clock.pending).toBe(0);
  });

  test('reads no further ahead than it may while the sink is slow', async () => {
    let read = 0;
    const source = countingSource(1000, () => {
      read += 1;
    });
    const lab = new Lab({ connectors: () => ({ source }) });
    const gate = deferred();
    lab.sink.onWrite = () => gate.promise;
    await lab.running('p');
    await settle(100);
    expect(read).toBeLessThanOrEqual(3);
    gate.resolve();
    await lab.stop();
  });

  test('a source error is retried from the checkpoint', async () => {
    let faults = 2;
    const source = countingSource(40, (offset) => {
      if (offset === 20 && faults-- > 0) throw coded('ECONNRESET');
    });
    const lab = new Lab({ connectors: () => ({ source }) });
    const actor = await lab.running('p');
    await lab.clock.advance(10_000);
    expect(lab.sink.batchIds).toEqual(['p:0', 'p:10', 'p:20', 'p:30']);
    expect(actor.state).toMatchObject({ status: 'stopped', metrics: { totalRecordsProcessed: 40 } });
    expect(count(lab, 'RetryScheduled')).toBe(2);
    expect(count(lab, 'BatchFailed')).toBe(0);
    await lab.stop();
  });

  test('a batch that a caller pushes takes its turn, and the source goes on', async () => {
    const gate = deferred();
    const lab = new Lab({
      connectors: () => ({ source: countingSource(30, (offset) => (offset === 10 ? gate.promise : undefined)) }),
    });
    const actor = await lab.running('p');
    await settle();
    await expect(ingest(actor, 'pushed')).resolves.toMatchObject({ batch: { successCount: 3 } });
    expect(actor.state).toMatchObject({ checkpoint: { offset: 10, recordsProcessed: 13 } });
    gate.resolve();
    await lab.clock.advance(1000);
    expect(lab.sink.batchIds).toEqual(['p:0', 'pushed', 'p:10', 'p:20']);
    expect(actor.state.status).toBe('stopped');
    await lab.stop();
  });

  test('a source that fails while a pushed batch is worked on is read again', async () => {
    let faults = 1;
    const gate = deferred();
    const source = countingSource(20, async (offset) => {
      if (offset !== 10 || faults-- <= 0) return;
      await gate.promise;
      throw coded('ECONNRESET');
    });
    const lab = new Lab({ connectors: () => ({ source }) });
    const actor = await lab.running('p');
    await settle();
    let held = true;
    lab.sink.onWrite = ({ signal }) =>
      held ? new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))) : undefined;
    const pushed = ingest(actor, 'pushed');
    await settle();
    gate.resolve();
    await settle();
    held = false;
    await lab.clock.advance(10_000);
    await expect(pushed).resolves.toMatchObject({ batch: { successCount: 3 } });
    expect(actor.state).toMatchObject({ status: 'stopped', checkpoint: { offset: 20 } });
    await lab.stop();
  });

  test('a stop of the runtime drains what was begun and begins no new reading', async () => {
    const lab = new Lab({ connectors: () => ({ source: countingSource(1000) }) });
    const gate = deferred();
    lab.sink.onWrite = () => gate.promise;
    const actor = await lab.running('p');
    await settle();
    const stopped = lab.runtime.stopAll(10_000);
    await settle();
    expect(await outcomeOf(stopped)).toBe('pending');
    gate.resolve();
    await stopped;
    expect(actor.state).toMatchObject({
      status: 'running',
      activeBatch: null,
      checkpoint: { offset: Number(lab.sink.written.length * 10) },
    });
    expect(lab.clock.pending).toBe(0);
  });

  test('a stop whose time ends aborts the batch and tells its sender', async () => {
    const lab = new Lab();
    lab.sink.onWrite = () => new Promise(() => {});
    const actor = await lab.running('p');
    const batch = ingest(actor, 'a');
    batch.catch(() => {});
    await settle();
    const stopped = lab.runtime.stopAll(5000);
    await lab.clock.advance(20_000);
    await stopped;
    expect(await outcomeOf(batch)).toBe('DATAFLOW_ERR_SHUTDOWN_TIMEOUT');
    expect(lab.clock.pending).toBe(0);
    expect(await lab.replayed('p')).toMatchObject({ status: 'running', activeBatch: { batchId: 'a' } });
  });
});

describe('a sink is told what it may take for its own', () => {
  async function freshAfter(lab: Lab, fresh: boolean[]): Promise<boolean | undefined> {
    await settle();
    return lab.sink.opened >= 0 ? fresh.at(-1) : undefined;
  }

  test('fresh until the first batch was begun, also where that one failed; an explicit checkpoint changes nothing', async () => {
    const fresh: boolean[] = [];
    let broken = true;
    const lab = new Lab({
      connectors: () => ({
        sink: {
          open: async (context) => void fresh.push(context.fresh),
          write: async () => {
            if (broken) throw new Error('half a line was written');
          },
        },
      }),
    });
    const actor = await lab.running('p');
    expect(await freshAfter(lab, fresh)).toBe(true);
    await actor.send({ type: 'UpdateCheckpoint' });
    await actor.send({ type: 'StopPipeline', reason: 'x' });
    await actor.send({ type: 'StartPipeline' });
    expect(await freshAfter(lab, fresh)).toBe(true);
    await expect(ingest(actor, 'a')).rejects.toMatchObject({ code: 'DATAFLOW_ERR_PIPELINE_FAILED' });
    broken = false;
    await actor.send({ type: 'ResetPipeline' });
    await actor.send({ type: 'StartPipeline' });
    expect(await freshAfter(lab, fresh)).toBe(false);
    await lab.stop();
  });
});

describe('a sink that is long in opening', () => {
  test('is told to give up before another one is opened; one that has opened goes on', async () => {
    const signals: AbortSignal[] = [];
    const abortedAtOpen: boolean[][] = [];
    const lab = new Lab({
      connectors: () => ({
        sink: {
          open: ({ signal }) => {
            abortedAtOpen.push(signals.map(({ aborted }) => aborted));
            signals.push(signal);
            return signals.length === 1 ? new Promise(() => {}) : undefined;
          },
          write: () => {},
        },
      }),
    });
    const actor = await lab.running('p');
    await lab.clock.advance(40_000);
    await ingest(actor, 'a');
    expect(abortedAtOpen).toEqual([[], [true]]);
    expect(signals[0]!.reason).toMatchObject({ code: 'TIMEOUT' });
    expect(signals[1]!.aborted).toBe(false);
    await lab.stop();
    expect(signals[1]!.aborted).toBe(true);
  });
});

describe('a full disk', () => {
  test('refuses commands at once, acknowledges nothing, and goes on when there is room', async () => {
    const lab = new Lab();
    const actor = await lab.running('p');
    let full = true;
    lab.journal.alwaysOnAppend = () =>
      full ? { kind: 'reject', error: coded('DATAFLOW_ERR_JOURNAL_FULL') } : undefined;
    for (let i = 0; i < 3; i++) {
      const batch = ingest(actor, 'a');
      batch.catch(() => {});
      await lab.clock.advance(10_000);
      expect(await outcomeOf(batch)).toBe('DATAFLOW_ERR_JOURNAL_FULL');
    }
    expect(lab.sink.written).toEqual([]);
    full = false;
    await expect(ingest(actor, 'a')).resolves.toMatchObject({ batch: { duplicate: false } });
    await lab.stop();
  });

  test('the outcome of a batch waits for room and is not worked out twice', async () => {
    const lab = new Lab();
    const actor = await lab.running('p');
    let full = true;
    lab.journal.alwaysOnAppend = (_key, events) =>
      full && events.some(({ data }) => data.type === 'BatchProcessed')
        ? { kind: 'reject', error: coded('DATAFLOW_ERR_JOURNAL_FULL') }
        : undefined;
    const batch = ingest(actor, 'a');
    await lab.clock.advance(60_000);
    expect(await outcomeOf(batch)).toBe('pending');
    full = false;
    await lab.clock.advance(20_000);
    await expect(batch).resolves.toMatchObject({ batch: { duplicate: false } });
    expect(lab.sink.batchIds).toEqual(['a']);
    await lab.stop();
    expect(lab.clock.pending).toBe(0);
  });
});

test('a removed pipeline may be created again and knows nothing of its past', async () => {
  const lab = new Lab();
  const actor = await lab.running('p');
  await ingest(actor, 'a');
  await actor.send({ type: 'RemovePipeline' });
  expect(actor.state).toEqual({ status: 'empty' });
  await actor.send(createCommand('p'));
  await actor.send({ type: 'StartPipeline' });
  await expect(ingest(actor, 'a')).resolves.toMatchObject({ batch: { duplicate: false } });
  expect(actor.state).toMatchObject({ metrics: { totalBatchesProcessed: 1 } });
  expect(plain(actor.state)).toEqual(plain(await lab.replayed('p')));
  await lab.stop();
});

test('a batch without its records is answered, not waited for', async () => {
  const lab = new Lab();
  const actor = await lab.running('p');
  const sent = actor.send({ type: 'IngestBatch', batchId: 'a', recordCount: 1, sourceOffset: 0 });
  expect(await outcomeOf(sent)).toBe('DATAFLOW_ERR_BATCH_ABANDONED');
  await expect(
    actor.send({ type: 'IngestBatch', batchId: 'b', recordCount: 1, sourceOffset: 0 }, payload('b', [1])),
  ).resolves.toBeDefined();
  await lab.stop();
});
