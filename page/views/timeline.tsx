import { useState } from 'preact/hooks';
import type { EventPage, JournalEvent } from '../api/contract.ts';
import { formatCount, formatTime } from '../format.ts';
import { usePolled } from '../live/use-polled.ts';
import { Modal } from '../parts/modal.tsx';
import { Problem } from '../parts/problem.tsx';
import { textOf, titleOf, toneOf } from '../pipeline-events.ts';

const PAGE = 15;
const FOLLOW_MS = 2000;

/**
 * The events of the journal, the newest first, a page at a time. The first page follows what happens. Lines have
 * places that never move; what stands in them changes.
 */
export function Timeline({ id }: { readonly id: string }) {
  /** Where each page so far begins; the first follows the end of the journal. */
  const [starts, setStarts] = useState<readonly (number | null)[]>([null]);
  const [opened, setOpened] = useState<JournalEvent | null>(null);
  const from = starts.at(-1) ?? null;
  const path = `/api/v1/pipelines/${encodeURIComponent(id)}/events?order=desc&limit=${PAGE}`;
  const { data, error } = usePolled<EventPage>(
    from === null ? path : `${path}&from=${from}`,
    from === null ? FOLLOW_MS : null,
  );
  const events = data?.events ?? [];
  const places = Array.from({ length: PAGE }, (_, place) => events[place]);
  return (
    <div class="panel timeline">
      <div class="panel-head">
        <h2>Events</h2>
        <span class="muted small tabular" title="Events in the journal">
          {data === null ? '' : formatCount(data.highestSequenceNumber)}
        </span>
        <div class="pager">
          <button type="button" disabled={starts.length === 1} onClick={() => setStarts(starts.slice(0, -1))}>
            Newer
          </button>
          <button
            type="button"
            disabled={data === null || data.next === null}
            onClick={() => setStarts([...starts, data!.next])}
          >
            Older
          </button>
        </div>
      </div>
      {error !== null && <Problem error={error} />}
      <ol class="events">
        {places.map((event, place) => (
          // Places keep still, what stands in them changes.
          <li key={place} class={event === undefined ? 'vacant' : toneOf(event)}>
            {event !== undefined && (
              <button type="button" class="event" onClick={() => setOpened(event)}>
                <span class="sequence num muted" key={event.sequenceNumber}>
                  {event.sequenceNumber}
                </span>
                <time class="when" dateTime={event.timestamp}>
                  {formatTime(event.timestamp)}
                </time>
                <span class="event-title">{titleOf(event.type)}</span>
                <span class="event-text">{textOf(event)}</span>
              </button>
            )}
          </li>
        ))}
      </ol>
      {opened !== null && (
        <Modal title={`${titleOf(opened.type)}, number ${opened.sequenceNumber}`} wide onClose={() => setOpened(null)}>
          <p class="muted">{formatTime(opened.timestamp)}</p>
          <Json value={opened.event} />
        </Modal>
      )}
    </div>
  );
}

export function Json({ value }: { readonly value: unknown }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable from the keyboard
    <pre tabIndex={0}>{JSON.stringify(value, null, 2)}</pre>
  );
}
