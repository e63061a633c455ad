import type { PipelineEvent, PipelineEventType } from './event.ts';
import type { PipelineConfig } from './spec.ts';

const TOPICS: Readonly<Record<PipelineEventType, readonly string[]>> = {
  PipelineCreated: ['pipeline-lifecycle'],
  PipelineStarted: ['pipeline-lifecycle'],
  PipelineStopped: ['pipeline-lifecycle'],
  PipelinePaused: ['pipeline-lifecycle'],
  PipelineResumed: ['pipeline-lifecycle'],
  PipelineReset: ['pipeline-lifecycle', 'error-recovery'],
  PipelineRemoved: ['pipeline-lifecycle'],
  ConfigUpdated: ['pipeline-lifecycle'],
  PipelineFailed: ['pipeline-lifecycle', 'failure-events'],
  BatchIngested: ['batch-events'],
  BatchProcessed: ['batch-events', 'metrics'],
  CheckpointUpdated: ['batch-events'],
  BatchFailed: ['batch-events', 'failure-events'],
  RecordsDeadLettered: ['batch-events', 'failure-events'],
  BatchTimedOut: ['batch-events', 'timeout-events'],
  RetryScheduled: ['retry-events', 'error-recovery'],
};

/** The tags under which projections find the event, in a fixed order; connector tags only where a config is known. */
export function tagsOf(event: PipelineEvent, config: PipelineConfig | undefined): readonly string[] {
  return tagsFor(event.type, config?.source.type, config?.sink.type);
}

type Lists = Map<string | undefined, Map<string | undefined, Map<string | undefined, readonly string[]>>>;
const lists: Lists = new Map();

/** Events by the million share a few dozen tag lists, so each list is made once and found without a new string. */
function tagsFor(type: PipelineEventType, source: string | undefined, sink: string | undefined): readonly string[] {
  const known = lists.get(type)?.get(source)?.get(sink);
  if (known !== undefined) return known;
  const tags = ['pipeline-events', 'all-events', ...TOPICS[type]];
  if (source !== undefined) tags.push(`source-${source}`);
  if (sink !== undefined) tags.push(`sink-${sink}`);
  nested(nested(lists, type), source).set(sink, Object.freeze(tags));
  return tags;
}

function nested<K, V>(outer: Map<K, Map<string | undefined, V>>, key: K): Map<string | undefined, V> {
  let inner = outer.get(key);
  if (inner === undefined) {
    inner = new Map();
    outer.set(key, inner);
  }
  return inner;
}
