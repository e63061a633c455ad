import { redactText } from '../../domain/secrets.ts';
import type { StoredEvent } from '../../runtime/journal.ts';
import { iso } from './pipeline-view.ts';
import type { StatusPorts } from './ports.ts';

export interface EventPageRequest {
  /** Where the page begins; default: the first event, or the last one in descending order. */
  readonly from: number | undefined;
  readonly limit: number;
  readonly order: 'asc' | 'desc';
}

/** One page of a pipeline's events, and where the next begins. Events that were deleted are not there. */
export async function readEventPage(
  { journal, redact }: Pick<StatusPorts, 'journal' | 'redact'>,
  id: string,
  highest: number,
  { from, limit, order }: EventPageRequest,
) {
  const isDescending = order === 'desc';
  const start = isDescending ? Math.min(from ?? highest, highest) : (from ?? 1);
  const range = isDescending ? { from: Math.max(1, start - limit + 1), to: start } : { from: start };
  const found = start > highest || start < 1 ? [] : await take(journal.read(id, range), limit);
  if (isDescending) found.reverse();
  const last = found.at(-1)?.sequence;
  const next = last === undefined ? undefined : isDescending ? last - 1 : last + 1;
  const isInside = next !== undefined && next >= 1 && next <= highest;
  return {
    events: found.map(({ sequence, data, timestamp }) => ({
      sequenceNumber: sequence,
      type: redactText(String(data.type ?? 'unknown')),
      timestamp: iso(timestamp) ?? new Date(0).toISOString(),
      event: redact(data),
    })),
    highestSequenceNumber: highest,
    next: isInside ? next : null,
  };
}

async function take(chunks: AsyncIterable<readonly StoredEvent[]>, limit: number): Promise<StoredEvent[]> {
  const found: StoredEvent[] = [];
  for await (const chunk of chunks) {
    found.push(...chunk.slice(0, limit - found.length));
    if (found.length >= limit) break;
  }
  return found;
}
