import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Json } from '../../domain/json.ts';
import type { StoredEvent } from '../../runtime/journal.ts';
import type { EventRows } from './protocol.ts';
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

function toEvents(directory: string, rows: EventRows['rows'], tagSets: Map<string, string[]>): StoredEvent[] {
  const events: StoredEvent[] = [];
  for (let at = 0; at < rows.length; at += 4) {
    const sequence = rows[at] as number;
    const tagsText = rows[at + 2] as string;
    let tags = tagSets.get(tagsText);
    if (tags === undefined) {
      tags = parse(directory, `the tag set of event ${sequence}`, tagsText) as string[];
      tagSets.set(tagsText, tags);
    }
    const data = parse(directory, `event ${sequence}`, rows[at + 1] as string) as StoredEvent['data'];
    events.push({ sequence, data, tags: tags.slice(), timestamp: rows[at + 3] as number });
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
    const next = (rows.at(-4) as number) + 1;
    if (next <= last) {
      pending = fetch(next, last);
      // A consumer that stops early never looks at it.
      pending.catch(() => {});
    }
    // Of a chunk, so that a stream whose every event has tags of its own is not remembered whole.
    yield toEvents(directory, rows, new Map());
    if (next > last) return;
  }
}
