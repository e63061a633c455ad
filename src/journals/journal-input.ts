import { DataflowError } from '../errors.ts';
import type { JournalEvent, ReadAllOptions, Snapshot, SnapshotSelection } from '../runtime/journal.ts';

function invalid(what: string, remedy: string): DataflowError {
  return new DataflowError('DATAFLOW_ERR_JOURNAL_INPUT_INVALID', `${what}; ${remedy}`);
}

const LONE_SURROGATE = /\p{Cs}/u;

/**
 * Text that every journal gives back as it came. A lone surrogate has no UTF-8 form, so two different keys would
 * become one in a database; a NUL ends a string in PostgreSQL and in many shells.
 */
function isStorableText(text: unknown): text is string {
  return typeof text === 'string' && text.length > 0 && !LONE_SURROGATE.test(text) && !text.includes('\0');
}

export function checkKey(key: string): void {
  if (!isStorableText(key)) {
    throw invalid(
      `The persistence key ${JSON.stringify(key)} cannot be stored`,
      'use a non-empty string without NUL and without lone surrogates',
    );
  }
}

export function checkSequence(name: string, value: number, minimum: number): void {
  if (!Number.isSafeInteger(value) || value < minimum) {
    throw invalid(`${name} is ${String(value)}`, `pass a whole number of at least ${minimum}`);
  }
}

/** `from` and `to` of a read, cut to what can exist; the range is empty when `from > to`. */
export function checkRange(from = 1, to = Number.MAX_SAFE_INTEGER): { from: number; to: number } {
  if (Number.isNaN(from) || Number.isNaN(to))
    throw invalid('A bound of the read is NaN', 'pass numbers or leave it out');
  return { from: Math.max(1, Math.ceil(from)), to: Math.min(Number.MAX_SAFE_INTEGER, Math.floor(to)) };
}

/** Tags seen and found good: pipelines use a handful of them, again and again. */
const knownTags = new Set<string>();
const KNOWN_TAGS_LIMIT = 10_000;

function checkTags(tags: readonly string[]): void {
  if (!Array.isArray(tags)) throw invalid('The tags of an event are not an array', 'pass an array of strings');
  for (const tag of tags) {
    if (knownTags.has(tag)) continue;
    if (!isStorableText(tag)) {
      throw invalid(
        `The tag ${JSON.stringify(tag)} cannot be stored`,
        'use a non-empty string without NUL and without lone surrogates',
      );
    }
    if (knownTags.size >= KNOWN_TAGS_LIMIT) knownTags.clear();
    knownTags.add(tag);
  }
}

function checkTimestamp(timestamp: number): void {
  if (!Number.isFinite(timestamp)) {
    throw invalid(`The timestamp is ${String(timestamp)}`, 'pass milliseconds since the epoch');
  }
}

export function unserialisable(what: string, cause?: unknown): DataflowError {
  return new DataflowError(
    'DATAFLOW_ERR_JOURNAL_INPUT_INVALID',
    `${what} cannot be written as JSON; remove cycles, functions and big integers from it`,
    { cause },
  );
}

/** Throws where JSON cannot hold the value at all; what JSON drops or changes is the caller's promise (see the port). */
export function serialise(what: string, value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw unserialisable(what, error);
  }
  if (text === undefined) throw unserialisable(what);
  return text;
}

export function checkEvent(event: JournalEvent): void {
  if (typeof event.data !== 'object' || event.data === null) {
    throw invalid('The data of an event is not an object', 'wrap it in one');
  }
  checkTags(event.tags);
  checkTimestamp(event.timestamp);
  const { metadata } = event;
  if (metadata === undefined) return;
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    throw invalid('The metadata of an event is not an object', 'wrap it in one, or leave it out');
  }
}

export function checkSnapshot(key: string, snapshot: Snapshot): void {
  checkKey(key);
  checkSequence('The sequence number of the snapshot', snapshot.sequence, 0);
  checkTimestamp(snapshot.timestamp);
}

/** The bounds of a selection of snapshots; one that was left out is beyond every snapshot. */
export function checkSelection(key: string, selection: SnapshotSelection = {}): Required<SnapshotSelection> {
  checkKey(key);
  const { maxSequence = Number.MAX_SAFE_INTEGER, maxTimestamp = Number.MAX_SAFE_INTEGER } = selection;
  for (const [name, bound] of Object.entries({ maxSequence, maxTimestamp })) {
    if (typeof bound !== 'number' || Number.isNaN(bound)) {
      throw invalid(`${name} of the snapshots is ${String(bound)}`, 'pass a number or leave it out');
    }
  }
  return {
    maxSequence: Math.min(Number.MAX_SAFE_INTEGER, Math.floor(maxSequence)),
    maxTimestamp: Math.min(Number.MAX_SAFE_INTEGER, maxTimestamp),
  };
}

/** Where a reading of all events begins, and which tag it is about. */
export function checkReadAll({ after = 0, tag }: ReadAllOptions): { after: number; tag: string | undefined } {
  checkSequence('The offset to read after', after, 0);
  if (tag !== undefined && !isStorableText(tag)) {
    throw invalid(`No event has the tag ${JSON.stringify(tag)}`, 'use a non-empty string, or leave it out');
  }
  return { after, tag };
}

export function checkProjection(name: string, offset = 0): void {
  if (!isStorableText(name)) {
    throw invalid(
      `The name of the projection ${JSON.stringify(name)} cannot be stored`,
      'use a non-empty string without NUL and without lone surrogates',
    );
  }
  checkSequence(`The offset of the projection ${JSON.stringify(name)}`, offset, 0);
}

export function closedError(): DataflowError {
  return new DataflowError('DATAFLOW_ERR_JOURNAL_CLOSED', 'The journal was closed; open it again before using it');
}

/** `after + 1` is not the next free sequence number, or another event has taken one of them. */
export function conflictError(key: string, sequence: number, highest: number): DataflowError {
  const message =
    sequence > highest
      ? `Event ${sequence} of ${JSON.stringify(key)} would leave a gap: the journal ends at ${highest}; recover the pipeline from the journal before it goes on`
      : `Another event is stored as number ${sequence} of ${JSON.stringify(key)}; a second writer was at work: recover the pipeline from the journal before it goes on`;
  return new DataflowError('DATAFLOW_ERR_JOURNAL_CONFLICT', message, { details: { key, sequence, highest } });
}

export function tooLargeError(key: string, sequence: number, cause: unknown): DataflowError {
  return new DataflowError(
    'DATAFLOW_ERR_JOURNAL_INPUT_INVALID',
    `Event ${sequence} of ${JSON.stringify(key)} is larger than a row of the database may be; split it`,
    { cause },
  );
}
