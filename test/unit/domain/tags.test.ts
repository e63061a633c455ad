import { expect, test } from '@jest/globals';
import type { PipelineEvent, PipelineEventType } from '../../../src/domain/event.ts';
import { tagsOf } from '../../../src/domain/tags.ts';
import { CONFIG } from '../../support/lab.ts';

const tags = (type: PipelineEventType, source?: string, sink = 'file') =>
  tagsOf(
    { type } as PipelineEvent,
    source === undefined
      ? undefined
      : { ...CONFIG, source: { ...CONFIG.source, type: source }, sink: { ...CONFIG.sink, type: sink } },
  );

test.each([
  ['PipelineCreated', ['pipeline-lifecycle']],
  ['PipelineFailed', ['pipeline-lifecycle', 'failure-events']],
  ['PipelineReset', ['pipeline-lifecycle', 'error-recovery']],
  ['BatchIngested', ['batch-events']],
  ['BatchProcessed', ['batch-events', 'metrics']],
  ['BatchFailed', ['batch-events', 'failure-events']],
  ['BatchTimedOut', ['batch-events', 'timeout-events']],
  ['RetryScheduled', ['retry-events', 'error-recovery']],
  ['CheckpointUpdated', ['batch-events']],
] as [PipelineEventType, string[]][])('%s', (type, topics) => {
  expect(tags(type, 'kafka')).toEqual(['pipeline-events', 'all-events', ...topics, 'source-kafka', 'sink-file']);
});

test('without a configuration there are no connector tags', () => {
  expect(tags('PipelineRemoved')).toEqual(['pipeline-events', 'all-events', 'pipeline-lifecycle']);
});

test('type names that look alike when joined keep their own tags', () => {
  expect(tags('BatchIngested', 'a b', 'c').slice(-2)).toEqual(['source-a b', 'sink-c']);
  expect(tags('BatchIngested', 'a', 'b c').slice(-2)).toEqual(['source-a', 'sink-b c']);
});

test('a list is shared and cannot be changed by who gets it', () => {
  expect(tags('BatchIngested', 'x')).toBe(tags('BatchIngested', 'x'));
  expect(() => (tags('BatchIngested', 'x') as string[]).sort()).toThrow(TypeError);
});
