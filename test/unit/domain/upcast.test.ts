import { expect, test } from '@jest/globals';
import type { JsonObject } from '../../../src/domain/json.ts';
import { upcast } from '../../../src/domain/upcast.ts';
import { created } from '../../support/stories.ts';

test("an event of today's version is taken as it is", () => {
  const data = { ...created, schemaVersion: 1, pipelineId: 'p', timestamp: 1 } as unknown as JsonObject;
  expect(upcast(data)).toBe(data);
});

test.each([
  [{ type: 'PipelineExploded', schemaVersion: 1 }, 'event type "PipelineExploded"'],
  [{ type: 'toString', schemaVersion: 1 }, 'event type "toString"'],
  [{ schemaVersion: 1 }, 'event type undefined'],
  [{ type: 7, schemaVersion: 1 }, 'event type 7'],
  [{ type: 'PipelineStarted' }, 'schema version undefined of event PipelineStarted'],
  [{ type: 'PipelineStarted', schemaVersion: 2 }, 'schema version 2 of event PipelineStarted'],
  [{ type: 'PipelineStarted', schemaVersion: 0 }, 'schema version 0 of event PipelineStarted'],
  [{ type: 'PipelineStarted', schemaVersion: '1' }, 'schema version "1" of event PipelineStarted'],
] as [JsonObject, string][])('%p is named, not guessed at', (data, unknown) => {
  expect(upcast(data)).toEqual({ unknown });
});
