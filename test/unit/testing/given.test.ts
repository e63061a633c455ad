import { describe, expect, test } from '@jest/globals';
import { given } from '../../../src/testing/given.ts';
import { COMMANDS, created, started } from '../../support/stories.ts';

describe('given, when, then', () => {
  const running = given(created, started);

  test('fills in what an event leaves out, on both sides', () => {
    running.when({ type: 'PausePipeline', reason: 'x' }, { now: 5 }).then({ type: 'PipelinePaused', reason: 'x' });
    expect(running.state).toMatchObject({ id: 'pipeline', status: 'running' });
  });

  test.each([
    ['another event', () => running.when(COMMANDS.PausePipeline).then({ type: 'PipelineResumed' })],
    ['another field', () => running.when(COMMANDS.PausePipeline).then({ type: 'PipelinePaused', reason: 'no' })],
    [
      'another time',
      () => running.when(COMMANDS.PausePipeline).then({ type: 'PipelinePaused', reason: 'lunch', timestamp: 1 }),
    ],
    ['no event', () => running.when(COMMANDS.PausePipeline).then()],
    ['events of a refusal', () => running.when(COMMANDS.StartPipeline).then({ type: 'PipelineStarted' })],
    [
      'a refusal of what is accepted',
      () => running.when(COMMANDS.PausePipeline).thenRefused('DATAFLOW_ERR_COMMAND_REFUSED'),
    ],
    ['another code', () => running.when(COMMANDS.StartPipeline).thenRefused('DATAFLOW_ERR_BATCH_ACTIVE')],
    ['another state', () => running.when(COMMANDS.PausePipeline).thenState({ status: 'running' })],
    ['a state after a refusal', () => running.when(COMMANDS.StartPipeline).thenState({ status: 'running' })],
  ])('fails for %s', (_name, story) => {
    expect(story).toThrow(expect.objectContaining({ code: 'ERR_ASSERTION' }));
  });

  test('a query is accepted with no events', () => {
    given().when(COMMANDS.GetState).then().thenState({ status: 'empty' });
  });
});
