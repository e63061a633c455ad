import { EVENT_SCHEMA_VERSION, type PipelineEvent, type PipelineEventType } from './event.ts';
import type { JsonObject } from './json.ts';

const TYPES: ReadonlySet<string> = new Set<PipelineEventType>([
  'PipelineCreated',
  'PipelineStarted',
  'PipelineStopped',
  'PipelinePaused',
  'PipelineResumed',
  'BatchIngested',
  'BatchProcessed',
  'CheckpointUpdated',
  'PipelineFailed',
  'PipelineReset',
  'ConfigUpdated',
  'RetryScheduled',
  'BatchTimedOut',
  'BatchFailed',
  'RecordsDeadLettered',
  'PipelineRemoved',
]);

/**
 * What the journal holds, as today's event; or what is wrong with it. Version 1 is the only one so far: when a shape
 * changes, its old versions are turned into the new one here and nowhere else.
 */
export function upcast(data: JsonObject): PipelineEvent | { readonly unknown: string } {
  const { type, schemaVersion } = data;
  if (typeof type !== 'string' || !TYPES.has(type)) return { unknown: `event type ${JSON.stringify(type)}` };
  if (typeof schemaVersion !== 'number' || schemaVersion < 1 || schemaVersion > EVENT_SCHEMA_VERSION) {
    return { unknown: `schema version ${JSON.stringify(schemaVersion)} of event ${type}` };
  }
  return data as unknown as PipelineEvent;
}
