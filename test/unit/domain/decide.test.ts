import { describe, expect, test } from '@jest/globals';
import type { PipelineCommandType } from '../../../src/domain/command.ts';
import { decide } from '../../../src/domain/decide.ts';
import type { PipelineStatus } from '../../../src/domain/state.ts';
import { GIVEN_DEFAULTS, given } from '../../../src/testing/given.ts';
import { CONFIG } from '../../support/lab.ts';
import {
  COMMANDS,
  created,
  ingested,
  NO_METRICS,
  PERMANENT,
  processed,
  STORIES,
  started,
  TRANSIENT,
} from '../../support/stories.ts';

/** What each state accepts, and the events that follow; everything else is refused. */
const ACCEPTED: Readonly<Record<PipelineStatus, Partial<Record<PipelineCommandType, [string[], PipelineStatus]>>>> = {
  empty: { GetState: [[], 'empty'], CreatePipeline: [['PipelineCreated'], 'configured'] },
  configured: {
    GetState: [[], 'configured'],
    StartPipeline: [['PipelineStarted'], 'running'],
    UpdateConfig: [['ConfigUpdated'], 'configured'],
    StopPipeline: [['PipelineStopped'], 'stopped'],
    RemovePipeline: [['PipelineRemoved'], 'empty'],
  },
  running: {
    GetState: [[], 'running'],
    IngestBatch: [['BatchIngested'], 'running'],
    StopPipeline: [['PipelineStopped'], 'stopped'],
    PausePipeline: [['PipelinePaused'], 'paused'],
    ReportFailure: [['PipelineFailed'], 'failed'],
    UpdateCheckpoint: [['CheckpointUpdated'], 'running'],
    RemovePipeline: [['PipelineStopped', 'PipelineRemoved'], 'empty'],
  },
  paused: {
    GetState: [[], 'paused'],
    ResumePipeline: [['PipelineResumed'], 'running'],
    StopPipeline: [['PipelineStopped'], 'stopped'],
    RemovePipeline: [['PipelineStopped', 'PipelineRemoved'], 'empty'],
  },
  stopped: {
    GetState: [[], 'stopped'],
    StartPipeline: [['PipelineStarted'], 'running'],
    UpdateConfig: [['ConfigUpdated'], 'configured'],
    RemovePipeline: [['PipelineRemoved'], 'empty'],
  },
  failed: {
    GetState: [[], 'failed'],
    ResetPipeline: [['PipelineReset'], 'configured'],
    RemovePipeline: [['PipelineRemoved'], 'empty'],
  },
};

const SUBJECT: Readonly<Record<PipelineStatus, string>> = {
  empty: 'does not exist',
  configured: 'configured',
  running: 'running',
  paused: 'paused',
  stopped: 'stopped',
  failed: 'failed',
};

const PAIRS = (Object.keys(STORIES) as PipelineStatus[]).flatMap((status) =>
  (Object.keys(COMMANDS) as PipelineCommandType[]).map((command) => ({ status, command })),
);

describe('every command in every state', () => {
  test.each(PAIRS)('$status × $command', ({ status, command }) => {
    const story = given(...STORIES[status]);
    expect(story.state.status).toBe(status);
    const decision = decide(story.state, COMMANDS[command], GIVEN_DEFAULTS);
    const expected = ACCEPTED[status][command];
    if (expected === undefined) {
      if (decision.accepted) throw new Error(`accepted with ${decision.events.map(({ type }) => type)}`);
      const { code, message, problems } = decision.refusal;
      expect(code).toBe('DATAFLOW_ERR_COMMAND_REFUSED');
      expect(decision.refusal).toMatchObject({ command, status });
      expect(problems).toEqual([]);
      // The command, and what is wrong with the state or with the batch.
      expect(message).toMatch(new RegExp(`^${command} refused: `));
      const outcome = ['CompleteBatch', 'FailBatch', 'BatchTimeout'].includes(command) && status === 'running';
      if (outcome) expect(message).toContain('no batch is in progress, not b');
      // The pipeline, its state and the remedy after the last colon.
      else expect(message).toMatch(new RegExp(`pipeline pipeline .*${SUBJECT[status]}: \\w+.*$`));
      return;
    }
    const [types, after] = expected;
    if (!decision.accepted) throw new Error(decision.refusal.message);
    expect(decision.events.map(({ type }) => type)).toEqual(types);
    for (const event of decision.events) {
      expect(event).toMatchObject({ schemaVersion: 1, pipelineId: 'pipeline', timestamp: GIVEN_DEFAULTS.now });
    }
    given(...STORIES[status])
      .when(COMMANDS[command])
      .thenState({ status: after });
  });

  test('no remedy sends the caller back to the command that was just refused', () => {
    const words: Partial<Record<PipelineCommandType, RegExp>> = {
      StartPipeline: /start it/,
      StopPipeline: /stop it/,
      PausePipeline: /pause it/,
      ResumePipeline: /resume it/,
      ResetPipeline: /reset it/,
      CreatePipeline: /create it/,
    };
    for (const { status, command } of PAIRS) {
      const decision = decide(given(...STORIES[status]).state, COMMANDS[command], GIVEN_DEFAULTS);
      const word = words[command];
      if (!decision.accepted && word !== undefined) expect(decision.refusal.message).not.toMatch(word);
    }
  });
});

describe('a batch', () => {
  const active = [created, started, ingested('b')] as const;

  test('its outcome and its checkpoint are decided together', () => {
    given(...active)
      .when(COMMANDS.CompleteBatch)
      .then(
        { type: 'RecordsDeadLettered', batchId: 'b', count: 1, errorCode: 'X' },
        { type: 'BatchProcessed', batchId: 'b', successCount: 2, failureCount: 1, processingTimeMs: 4 },
        {
          type: 'CheckpointUpdated',
          checkpoint: { offset: 10, source: { byte: 5 }, sink: 99, timestamp: GIVEN_DEFAULTS.now, recordsProcessed: 2 },
        },
      )
      .thenState({
        activeBatch: null,
        retryCount: 0,
        recentBatches: [['b', 2, 1, 4]],
        metrics: {
          totalRecordsProcessed: 2,
          totalRecordsFailed: 1,
          totalBatchesProcessed: 1,
          averageProcessingTimeMs: 4,
          lastProcessedAt: GIVEN_DEFAULTS.now,
          throughputPerSecond: 500,
        },
      });
  });

  test('a second one is refused while the first is active, and may be sent again later', () => {
    given(...active)
      .when({ ...COMMANDS.IngestBatch, batchId: 'c' })
      .thenRefused('DATAFLOW_ERR_BATCH_ACTIVE');
  });

  test('one that nobody works on any more gives way', () => {
    given(...active)
      .when({ ...COMMANDS.IngestBatch, batchId: 'c' }, { activeBatchOrphaned: true })
      .then({ type: 'BatchIngested', batchId: 'c', recordCount: 3, sourceOffset: 7 });
  });

  test('one that was processed is answered with its result, also while another is active', () => {
    const { state } = given(...active, processed('b', 3, 1, 9), ingested('c'));
    expect(decide(state, COMMANDS.IngestBatch, GIVEN_DEFAULTS)).toEqual({
      accepted: true,
      events: [],
      duplicate: { batchId: 'b', successCount: 3, failureCount: 1, processingTimeMs: 9, duplicate: true },
    });
  });

  test.each(['CompleteBatch', 'FailBatch', 'BatchTimeout'] as const)(
    'a late %s of an earlier one is refused',
    (type) => {
      given(created, started, ingested('other')).when(COMMANDS[type]).thenRefused('DATAFLOW_ERR_COMMAND_REFUSED');
    },
  );

  test('a retried fault schedules the next attempt', () => {
    given(...active)
      .when(COMMANDS.FailBatch)
      .then(
        { type: 'BatchFailed', batchId: 'b', error: TRANSIENT, attempt: 1 },
        { type: 'RetryScheduled', error: TRANSIENT, retryCount: 1, backoffMs: 1000 },
      )
      .thenState({ retryCount: 1, activeBatch: { batchId: 'b', recordCount: 3, sourceOffset: 0, attempt: 2 } });
  });

  test('a timeout is a fault with code TIMEOUT', () => {
    const error = {
      errorType: 'system' as const,
      code: 'TIMEOUT',
      message: 'batch b took longer than 300000 ms',
      retryable: true,
    };
    given(...active)
      .when(COMMANDS.BatchTimeout)
      .then(
        { type: 'BatchTimedOut', batchId: 'b', timeoutMs: 300_000 },
        { type: 'BatchFailed', batchId: 'b', error, attempt: 1 },
        { type: 'RetryScheduled', error, retryCount: 1, backoffMs: 1000 },
      );
  });

  test.each([
    ['a permanent fault', PERMANENT, 0],
    ['a retried code that the error vetoes', { ...TRANSIENT, retryable: false }, 0],
    ['a retryable error of a code that is not retried', { ...TRANSIENT, code: 'BAD_DATA' }, 0],
    ['a retried fault without retries left', TRANSIENT, 5],
  ])('%s fails the pipeline', (_name, error, retryCount) => {
    const retries = { type: 'RetryScheduled' as const, error: TRANSIENT, retryCount, backoffMs: 1 };
    given(...active, retries)
      .when({ type: 'FailBatch', batchId: 'b', error })
      .then({ type: 'BatchFailed', batchId: 'b', error, attempt: 1 }, { type: 'PipelineFailed', error })
      .thenState({ status: 'failed', error, checkpoint: { offset: 0, timestamp: null, recordsProcessed: 0 } });
  });

  test('the last retry is still made', () => {
    given(...active, { type: 'RetryScheduled', error: TRANSIENT, retryCount: 4, backoffMs: 1 })
      .when(COMMANDS.FailBatch)
      .thenState({ status: 'running', retryCount: 5 });
  });

  test('with no retries at all the first fault is the last', () => {
    const config = { ...CONFIG, retry: { ...CONFIG.retry, maxRetries: 0 } };
    given({ ...created, config } as typeof created, started, ingested('b'))
      .when(COMMANDS.FailBatch)
      .thenState({ status: 'failed' });
  });
});

describe('a reported failure', () => {
  test('counts as a failed attempt of the batch in progress', () => {
    given(created, started, ingested('b'))
      .when({ type: 'ReportFailure', error: TRANSIENT })
      .then(
        { type: 'BatchFailed', batchId: 'b', error: TRANSIENT, attempt: 1 },
        { type: 'RetryScheduled', error: TRANSIENT, retryCount: 1, backoffMs: 1000 },
      );
  });

  test('but not of a batch that nobody works on', () => {
    given(created, started, ingested('b'))
      .when({ type: 'ReportFailure', error: TRANSIENT }, { activeBatchOrphaned: true })
      .then({ type: 'RetryScheduled', error: TRANSIENT, retryCount: 1, backoffMs: 1000 });
  });
});

test('what is kept: checkpoint, metrics and recent batches live through stop, start, pause, failure and reset', () => {
  const checkpoint = { offset: 3, timestamp: 5, recordsProcessed: 3 };
  const worked = [
    created,
    started,
    ingested('b'),
    processed('b'),
    { type: 'CheckpointUpdated' as const, checkpoint },
    { type: 'RetryScheduled' as const, error: TRANSIENT, retryCount: 3, backoffMs: 1 },
  ];
  const recentBatches = [['b', 3, 0, 10]];
  const kept = { checkpoint, recentBatches };
  const stop = { type: 'PipelineStopped' as const, reason: 'r', finalMetrics: NO_METRICS };
  given(...worked, stop)
    .when(COMMANDS.StartPipeline)
    .thenState({ ...kept, status: 'running', retryCount: 0 });
  given(...worked, { type: 'PipelinePaused', reason: 'r' })
    .when(COMMANDS.ResumePipeline)
    .thenState({ ...kept, status: 'running', retryCount: 3 });
  given(...worked, { type: 'PipelineFailed', error: PERMANENT })
    .when(COMMANDS.ResetPipeline)
    .thenState({ ...kept, status: 'configured' });
  given(...worked, stop)
    .when(COMMANDS.UpdateConfig)
    .thenState({ ...kept, status: 'configured', name: 'n2', description: 'd2' });
});

test('a removed id starts from nothing', () => {
  given(created, started, ingested('b'), processed('b'), { type: 'PipelineRemoved' })
    .when(COMMANDS.CreatePipeline)
    .thenState({
      status: 'configured',
      recentBatches: [],
      begun: false,
      metrics: NO_METRICS,
      checkpoint: { offset: 0, timestamp: null, recordsProcessed: 0 },
    });
});

test('an explicit checkpoint moves its time alone', () => {
  given(created, started, { type: 'CheckpointUpdated', checkpoint: { offset: 3, timestamp: 5, recordsProcessed: 3 } })
    .when(COMMANDS.UpdateCheckpoint, { now: 77 })
    .thenState({ checkpoint: { offset: 3, timestamp: 77, recordsProcessed: 3 }, begun: false });
});
