import { describe, expect, test } from '@jest/globals';
import { evolve } from '../../../src/domain/evolve.ts';
import type { PipelineStatus } from '../../../src/domain/state.ts';
import { type EventBody, given } from '../../../src/testing/given.ts';
import { CONFIG, plain } from '../../support/lab.ts';
import {
  created,
  failed,
  ingested,
  NO_METRICS,
  processed,
  STORIES,
  started,
  stopped,
  TRANSIENT,
} from '../../support/stories.ts';

const EVENTS: readonly EventBody[] = [
  created,
  started,
  stopped,
  { type: 'PipelinePaused', reason: 'r' },
  { type: 'PipelineResumed' },
  ingested('b'),
  processed('b'),
  { type: 'CheckpointUpdated', checkpoint: { offset: 9, timestamp: 1, recordsProcessed: 9 } },
  failed,
  { type: 'PipelineReset' },
  { type: 'ConfigUpdated', name: 'n', description: 'd', newConfig: CONFIG },
  { type: 'RetryScheduled', error: TRANSIENT, retryCount: 2, backoffMs: 5 },
  { type: 'BatchTimedOut', batchId: 'b', timeoutMs: 1 },
  { type: 'BatchFailed', batchId: 'b', error: TRANSIENT, attempt: 1 },
  { type: 'RecordsDeadLettered', batchId: 'b', count: 1, errorCode: 'X' },
  { type: 'PipelineRemoved' },
];

/** The events that mean something in a state, and where they lead; all others leave the state as it is. */
const MOVES: Readonly<Record<PipelineStatus, Partial<Record<EventBody['type'], PipelineStatus>>>> = {
  empty: { PipelineCreated: 'configured' },
  configured: {
    PipelineStarted: 'running',
    PipelineStopped: 'stopped',
    ConfigUpdated: 'configured',
    PipelineRemoved: 'empty',
  },
  running: {
    PipelineStopped: 'stopped',
    PipelinePaused: 'paused',
    PipelineFailed: 'failed',
    BatchIngested: 'running',
    CheckpointUpdated: 'running',
    RetryScheduled: 'running',
    PipelineRemoved: 'empty',
  },
  paused: { PipelineResumed: 'running', PipelineStopped: 'stopped', PipelineRemoved: 'empty' },
  stopped: { PipelineStarted: 'running', ConfigUpdated: 'configured', PipelineRemoved: 'empty' },
  failed: { PipelineReset: 'configured', PipelineRemoved: 'empty' },
};

describe('every event in every state', () => {
  const pairs = (Object.keys(STORIES) as PipelineStatus[]).flatMap((status) =>
    EVENTS.map((event) => ({ status, event, name: event.type })),
  );

  test.each(pairs)('$status × $name', ({ status, event }) => {
    const before = given(...STORIES[status]).state;
    const frozen = JSON.stringify(before);
    const whole = { schemaVersion: 1, pipelineId: 'pipeline', timestamp: 1, ...event } as Parameters<typeof evolve>[1];
    const after = evolve(before, whole);
    const to = MOVES[status][event.type];
    if (to === undefined) expect(plain(after)).toEqual(plain(before));
    else expect(after.status).toBe(to);
    expect(JSON.stringify(before)).toBe(frozen);
  });

  test('every event type of the registry is in this table', () => {
    expect(new Set(EVENTS.map(({ type }) => type)).size).toBe(16);
  });
});

describe('a processed batch', () => {
  test('averages the processing time, keeps the throughput where no time passed', () => {
    const { state } = given(
      created,
      started,
      ingested('a'),
      { ...processed('a', 100, 2, 50), timestamp: 111 } as EventBody,
      ingested('b'),
      { ...processed('b', 10, 0, 0), timestamp: 222 } as EventBody,
    );
    expect(state).toMatchObject({
      metrics: {
        totalRecordsProcessed: 110,
        totalRecordsFailed: 2,
        totalBatchesProcessed: 2,
        averageProcessingTimeMs: 25,
        lastProcessedAt: 222,
        throughputPerSecond: 2000,
      },
    });
  });

  test('that is not the active one counts nothing', () => {
    const { state } = given(created, started, ingested('a'), processed('other'));
    expect(state).toMatchObject({ metrics: NO_METRICS, activeBatch: { batchId: 'a' } });
  });

  test('ends the retries', () => {
    const retried = { type: 'RetryScheduled' as const, error: TRANSIENT, retryCount: 4, backoffMs: 1 };
    expect(given(created, started, ingested('a'), retried, processed('a')).state).toMatchObject({ retryCount: 0 });
  });
});

test.each([
  ['pause', { type: 'PipelinePaused', reason: 'r' }],
  ['stop', stopped],
  ['failure', failed],
] as [string, EventBody][])('a %s keeps in mind that a batch was begun', (_name, event) => {
  const { state } = given(created, started, ingested('a'), event);
  expect(state).toMatchObject({ begun: true });
  expect(state).not.toHaveProperty('activeBatch');
});
