import { DataflowError } from '../errors.ts';
import type { GlobalEvent, Journal } from '../runtime/journal.ts';
import { FORMAT_VERSION, type Line, toText } from './ndjson.ts';

/**
 * The events and snapshots of a journal as NDJSON, one line a text, for `importJournal` of any journal: what was
 * durable when it began. Offsets of projections are not in it: they name places in this journal only.
 *
 * Rejects with DATAFLOW_ERR_JOURNAL_*; with _READ_FAILED as well where events are deleted while they are exported.
 */
export async function* exportJournal(journal: Journal): AsyncGenerator<string> {
  yield toText({ type: 'journal', version: FORMAT_VERSION });
  const highest = new Map<string, number>();
  for await (const chunk of journal.readAll()) {
    for (const event of chunk) {
      const before = highest.get(event.key) ?? 0;
      if (event.sequence !== before + 1) {
        if (before > 0) throw deletedMeanwhile(event.key);
        yield toText({ type: 'deleted', key: event.key, to: event.sequence - 1 });
      }
      highest.set(event.key, event.sequence);
      yield toText(eventLine(event));
    }
  }
  for (const key of await journal.keys()) {
    if (!highest.has(key)) {
      const to = await journal.highestSequence(key);
      // A key whose first event is younger than this export is none of its business.
      if (await hasEvents(journal, key, to)) continue;
      highest.set(key, to);
      yield toText({ type: 'deleted', key, to });
    }
  }
  for (const [key, last] of highest) {
    for (let maxSequence = last; ; ) {
      const snapshot = await journal.latestSnapshot(key, { maxSequence });
      if (snapshot === undefined) break;
      const { sequence, timestamp, state } = snapshot;
      yield toText({ type: 'snapshot', key, sequence, timestamp, state });
      maxSequence = sequence - 1;
    }
  }
}

function eventLine({ key, sequence, timestamp, tags, data, metadata }: GlobalEvent): Line {
  const line = { type: 'event', key, sequence, timestamp, tags, data } as const;
  return metadata === undefined ? line : { ...line, metadata };
}

async function hasEvents(journal: Journal, key: string, highest: number): Promise<boolean> {
  for await (const chunk of journal.read(key, { from: highest })) if (chunk.length > 0) return true;
  return false;
}

function deletedMeanwhile(key: string): DataflowError {
  return new DataflowError(
    'DATAFLOW_ERR_JOURNAL_READ_FAILED',
    `Events of ${JSON.stringify(key)} were deleted while they were exported; export again`,
    { details: { key } },
  );
}
