import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Json, JsonObject } from '../../domain/json.ts';
import type { GlobalEvent, StoredEvent } from '../../runtime/journal.ts';
import type { EventRows, GlobalRows } from './protocol.ts';
import { corruptError } from './sqlite-errors.ts';

function parse(directory: string, what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw corruptError(directory, `${what} is not JSON`, error);
  }
}

export function parseState(directory: string, key: string, text: string): Json {
  return parse(directory, `the snapshot of ${JSON.stringify(key)}`, text) as Json;
}

const ROW = 5;
const GLOBAL_ROW = 7;

/** Parses the rows of one chunk; tag sets repeat within it. */
class RowParser {
  readonly #directory: string;
  readonly #rows: EventRows['rows'];
  // Of a chunk, so that a stream whose every event has tags of its own is not remembered whole.
  readonly #tagSets = new Map<string, string[]>();

  constructor(directory: string, rows: EventRows['rows']) {
    this.#directory = directory;
    this.#rows = rows;
  }

  event(at: number): StoredEvent {
    const rows = this.#rows;
    const sequence = rows[at] as number;
    const data = this.#parse(`event ${sequence}`, rows[at + 1] as string) as StoredEvent['data'];
    const event = {
      sequence,
      data,
      tags: this.#tags(sequence, rows[at + 2] as string),
      timestamp: rows[at + 3] as number,
    };
    const metadata = rows[at + 4] as string;
    if (metadata === '') return event;
    return { ...event, metadata: this.#parse(`the metadata of event ${sequence}`, metadata) as JsonObject };
  }

  #tags(sequence: number, text: string): string[] {
    let tags = this.#tagSets.get(text);
    if (tags === undefined) {
      tags = this.#parse(`the tag set of event ${sequence}`, text) as string[];
      this.#tagSets.set(text, tags);
    }
    return tags.slice();
  }

  #parse(what: string, text: string): unknown {
    return parse(this.#directory, what, text);
  }
}

function toEvents(directory: string, rows: EventRows['rows']): StoredEvent[] {
  const parser = new RowParser(directory, rows);
  const events: StoredEvent[] = [];
  for (let at = 0; at < rows.length; at += ROW) events.push(parser.event(at));
  return events;
}

function toGlobalEvents(directory: string, rows: GlobalRows['rows']): GlobalEvent[] {
  const parser = new RowParser(directory, rows);
  const events: GlobalEvent[] = [];
  for (let at = 0; at < rows.length; at += GLOBAL_ROW) {
    events.push({ ...parser.event(at), key: rows[at + 5] as string, offset: rows[at + 6] as number });
  }
  return events;
}

/**
 * The events from `from` to `to` in the chunks that `fetch` gives. While one chunk is being used the next is on its
 * way. Each chunk has a turn of the event loop of its own, so a consumer that only awaits this never starves the others.
 */
export async function* readEvents(
  directory: string,
  from: number,
  to: number,
  signal: AbortSignal | undefined,
  fetch: (from: number, to: number) => Promise<EventRows>,
): AsyncGenerator<readonly StoredEvent[]> {
  signal?.throwIfAborted();
  if (from > to) return;
  let pending = fetch(from, to);
  let last = to;
  let first = true;
  while (true) {
    const { rows, highest } = await pending;
    // Answers of a worker that keeps pace are handed over in one and the same turn of the event loop.
    await nextTurn();
    signal?.throwIfAborted();
    if (rows.length === 0) return;
    // Appends that come later do not prolong the read.
    if (first) last = Math.min(to, highest);
    first = false;
    const next = (rows.at(-ROW) as number) + 1;
    if (next <= last) {
      pending = fetch(next, last);
      // A consumer that stops early never looks at it.
      pending.catch(() => {});
    }
    yield toEvents(directory, rows);
    if (next > last) return;
  }
}

/** The events of all keys after an offset, in the chunks that `fetch` gives; ahead of the consumer like `readEvents`. */
export async function* readAllEvents(
  directory: string,
  after: number,
  signal: AbortSignal | undefined,
  fetch: (after: number, to: number) => Promise<GlobalRows>,
): AsyncGenerator<readonly GlobalEvent[]> {
  signal?.throwIfAborted();
  let pending = fetch(after, Number.MAX_SAFE_INTEGER);
  let last: number | undefined;
  while (true) {
    const { rows, reached, end } = await pending;
    await nextTurn();
    signal?.throwIfAborted();
    // Appends that come later do not prolong the read.
    last ??= end;
    if (reached < last) {
      pending = fetch(reached, last);
      // A consumer that stops early never looks at it.
      pending.catch(() => {});
    }
    if (rows.length > 0) yield toGlobalEvents(directory, rows);
    if (reached >= last) return;
  }
}
