import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { PipelineCommand } from '../../src/domain/command.ts';
import { decide } from '../../src/domain/decide.ts';
import type { PipelineEvent } from '../../src/domain/event.ts';
import { evolve } from '../../src/domain/evolve.ts';
import { initialState, type PipelineState } from '../../src/domain/state.ts';
import { upcast } from '../../src/domain/upcast.ts';
import { decodeSnapshot, encodeSnapshot } from '../../src/runtime/snapshots.ts';
import { anyCommand, anyEvent } from '../support/arbitraries.ts';
import { plain } from '../support/lab.ts';

const STATUSES = ['empty', 'configured', 'running', 'paused', 'stopped', 'failed'];

function live(commands: readonly (readonly [PipelineCommand, boolean])[]) {
  let state = initialState();
  const events: PipelineEvent[] = [];
  const states: PipelineState[] = [state];
  for (const [index, [command, activeBatchOrphaned]] of commands.entries()) {
    const before = JSON.stringify(state);
    const context = { pipelineId: 'p', now: 1000 + index, random: (index % 7) / 7, activeBatchOrphaned };
    const decision = decide(state, command, context);
    expect(JSON.stringify(state)).toBe(before);
    if (!decision.accepted) {
      expect(decision.refusal.message).toContain(command.type);
      continue;
    }
    for (const event of decision.events) {
      events.push(event);
      state = evolve(state, event);
      states.push(state);
      checkInvariants(state);
    }
  }
  return { state, events, states };
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** What holds in every state, however it came about. */
function checkInvariants(state: PipelineState): void {
  expect(STATUSES).toContain(state.status);
  if (state.status === 'empty') {
    expect(Object.keys(state)).toEqual(['status']);
    return;
  }
  const { metrics, recentBatches, checkpoint, begun } = state;
  const counts = [metrics.totalRecordsProcessed, metrics.totalRecordsFailed, metrics.totalBatchesProcessed];
  expect(counts.every(isCount)).toBe(true);
  expect(metrics.averageProcessingTimeMs >= 0 && Number.isFinite(metrics.averageProcessingTimeMs)).toBe(true);
  expect(metrics.throughputPerSecond >= 0 && Number.isFinite(metrics.throughputPerSecond)).toBe(true);
  expect(metrics.lastProcessedAt === null).toBe(metrics.totalBatchesProcessed === 0);
  expect(isCount(checkpoint.recordsProcessed)).toBe(true);
  const ids = recentBatches.toArray().map(([id]) => id);
  expect(ids.length).toBeLessThanOrEqual(1000);
  expect(new Set(ids).size).toBe(ids.length);
  expect(recentBatches.size).toBe(ids.length);
  expect(ids.length).toBeLessThanOrEqual(metrics.totalBatchesProcessed);
  expect('activeBatch' in state).toBe(state.status === 'running');
  expect('retryCount' in state).toBe(state.status === 'running' || state.status === 'paused');
  if ('retryCount' in state) expect(isCount(state.retryCount)).toBe(true);
  if (state.status === 'running' && state.activeBatch !== null) {
    expect(state.activeBatch.attempt).toBeGreaterThanOrEqual(1);
    expect(begun).toBe(true);
  }
  if (ids.length > 0) expect(begun).toBe(true);
}

const story = fc.array(fc.tuple(anyCommand, fc.boolean()), { maxLength: 80, size: 'max' });

test('replaying the events from the journal gives the live state', () => {
  fc.assert(
    fc.property(story, (commands) => {
      const { state, events } = live(commands);
      const stored = JSON.parse(JSON.stringify(events)) as PipelineEvent[];
      const replayed = stored.map((data) => upcast(data as never) as PipelineEvent).reduce(evolve, initialState());
      expect(plain(replayed)).toEqual(plain(state));
    }),
    { numRuns: 300 },
  );
});

test('a snapshot taken at any point, with the events after it, gives the live state', () => {
  fc.assert(
    fc.property(story, fc.nat(), (commands, point) => {
      const { state, events, states } = live(commands);
      const sequence = point % states.length;
      const saved = { sequence, state: plain(encodeSnapshot(states[sequence]!)) as never, timestamp: 1 };
      const recovered = events.slice(sequence).reduce(evolve, decodeSnapshot(saved)!);
      expect(plain(recovered)).toEqual(plain(state));
    }),
    { numRuns: 200 },
  );
});

test('the totals are the sums over what was decided since the creation', () => {
  fc.assert(
    fc.property(story, (commands) => {
      const { state, events } = live(commands);
      if (state.status === 'empty') return;
      const since = events.slice(events.findLastIndex(({ type }) => type === 'PipelineCreated'));
      const processed = since.filter((event) => event.type === 'BatchProcessed');
      const sum = (of: (event: (typeof processed)[number]) => number) =>
        processed.reduce((n, event) => n + of(event), 0);
      const { metrics, checkpoint } = state;
      expect(metrics.totalBatchesProcessed).toBe(processed.length);
      expect(metrics.totalRecordsProcessed).toBe(sum(({ successCount }) => successCount));
      expect(metrics.totalRecordsFailed).toBe(sum(({ failureCount }) => failureCount));
      expect(checkpoint.recordsProcessed).toBe(metrics.totalRecordsProcessed);
      const mean = processed.length === 0 ? 0 : sum(({ processingTimeMs }) => processingTimeMs) / processed.length;
      expect(metrics.averageProcessingTimeMs).toBeCloseTo(mean, 3);
      // No batch id is ever processed twice in one life.
      expect(new Set(processed.map(({ batchId }) => batchId)).size).toBe(processed.length);
    }),
    { numRuns: 300 },
  );
});

test('no stream of events, however strange, breaks an invariant', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 100, size: 'max' }), (events) => {
      let state = initialState();
      for (const event of events) {
        state = evolve(state, event);
        checkInvariants(state);
      }
    }),
    { numRuns: 300 },
  );
});
