import type { JsonObject } from '../domain/json.ts';
import { tagsOf } from '../domain/tags.ts';
import type { JournalEvent } from './journal.ts';
import type { Step } from './running.ts';

/** What the journal is given of a step. The tags name the connectors that the pipeline has after the event. */
export function toJournalEvent({ event, after, before }: Step): JournalEvent {
  const config = after.status !== 'empty' ? after.config : before.status !== 'empty' ? before.config : undefined;
  return { data: event as unknown as JsonObject, tags: tagsOf(event, config), timestamp: event.timestamp };
}
