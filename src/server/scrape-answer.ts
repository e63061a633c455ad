import type { IncomingMessage, ServerResponse } from 'node:http';
import { acceptedFormat, acceptsGzip } from './accepted.ts';
import type { Exposable } from './exposed-families.ts';
import { Outlet } from './outlet.ts';
import { CONTENT_TYPES, type ExpositionOptions, prometheusText } from './prometheus-text.ts';
import type { Place, WriteTurns } from './write-turns.ts';

/** A client that takes nothing for so long has gone. */
const CLIENT_TIMEOUT_MS = 30_000;

export interface ScrapeAnswer {
  readonly isPacked: boolean;
  readonly options: ExpositionOptions;
}

/** Sets the headers of the answer to a scrape; how its text is to be written. */
export function beginScrape(
  { headers }: IncomingMessage,
  response: ServerResponse,
  { created }: { readonly created: boolean },
): ScrapeAnswer {
  const isPacked = acceptsGzip(String(headers['accept-encoding'] ?? ''));
  const format = acceptedFormat(headers.accept);
  response.statusCode = 200;
  response.setHeader('content-type', CONTENT_TYPES[format]);
  response.setHeader('vary', 'Accept, Accept-Encoding');
  if (isPacked) response.setHeader('content-encoding', 'gzip');
  return { isPacked, options: { format, created } };
}

/**
 * Writes the text, beginning with the turn of the place: before it, the answer holds no buffer. A client that goes away is
 * no error.
 */
export async function writeScrape(
  response: ServerResponse,
  collected: Exposable,
  { isPacked, options }: ScrapeAnswer,
  turns: WriteTurns,
  place: Place,
): Promise<void> {
  const outlet = new Outlet(response, isPacked);
  response.on('timeout', () => response.destroy());
  try {
    for (const chunk of prometheusText(collected, options)) {
      await outlet.write(chunk);
      if (!(await outlet.isSoonTaken())) {
        turns.pass(place);
        response.setTimeout(CLIENT_TIMEOUT_MS);
        await outlet.taken();
        response.setTimeout(0);
        if (!(await turns.take(place))) return;
      }
      if (response.destroyed) return;
      await turns.pause();
    }
    await outlet.end();
    response.setTimeout(CLIENT_TIMEOUT_MS);
  } finally {
    outlet.close();
    turns.pass(place);
  }
}
