import type { JournalEvent } from '../../runtime/journal.ts';
import { checkEvent, serialise } from '../journal-input.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
const CONTROL = /[\0-\x1f]/;

/** An event as text, as it goes to the server and comes back from it. */
export interface EventText {
  readonly data: string;
  /** As an array of PostgreSQL. */
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
    tags: arrayText(event.tags),
    metadata: event.metadata === undefined ? null : serialise('The metadata of an event', event.metadata),
    timestamp: event.timestamp,
  };
}

export function sizeOf({ data, tags, metadata }: EventText): number {
  return data.length + tags.length + (metadata?.length ?? 0);
}

/** As PostgreSQL writes an array of one dimension. */
export function arrayText(elements: readonly (string | number | null | undefined)[]): string {
  return `{${elements.map(elementText).join(',')}}`;
}

function elementText(element: string | number | null | undefined): string {
  if (typeof element === 'number') return String(element);
  if (typeof element !== 'string') return 'NULL';
  // A backslash takes what follows as it is, so JSON's quotes will do for all but what JSON writes as \n or \u0001.
  return CONTROL.test(element) ? `"${element.replace(/["\\]/g, '\\$&')}"` : JSON.stringify(element);
}
