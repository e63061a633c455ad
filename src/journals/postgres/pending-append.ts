import type { JournalEvent } from '../../runtime/journal.ts';
import { checkEvent, serialise } from '../journal-input.ts';

/** An event as text, as it goes to the server and comes back from it. */
export interface EventText {
  readonly data: string;
  readonly tags: string;
  readonly metadata: string | null;
  readonly timestamp: number;
}

export interface PendingAppend {
  readonly key: string;
  /** The sequence number before the first of the events. */
  readonly after: number;
  readonly events: readonly EventText[];
  /** The lease it was made under; undefined without one. */
  readonly epoch: number | undefined;
  /** UTF-16 units. */
  readonly size: number;
  resolve(): void;
  reject(error: unknown): void;
}

export function eventText(event: JournalEvent): EventText {
  checkEvent(event);
  return {
    data: serialise('An event', event.data),
    tags: JSON.stringify(event.tags),
    metadata: event.metadata === undefined ? null : serialise('The metadata of an event', event.metadata),
    timestamp: event.timestamp,
  };
}

export function sizeOf({ data, tags, metadata }: EventText): number {
  return data.length + tags.length + (metadata?.length ?? 0);
}

/** One row of the JSON that the append statement reads; text inside is quoted once more, and so stays as it is. */
export function rowOf(key: string, sequence: number, event: EventText): string {
  const metadata = event.metadata === null ? 'null' : JSON.stringify(event.metadata);
  return `{"k":${key},"s":${sequence},"t":${event.tags},"c":${event.timestamp},"d":${JSON.stringify(event.data)},"m":${metadata}}`;
}
