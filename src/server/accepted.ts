import type { ExpositionFormat } from './prometheus-text.ts';

interface Offer {
  readonly name: string;
  readonly parameters: ReadonlyMap<string, string>;
  /** 0..1; 0 refuses. */
  readonly quality: number;
}

function offersOf(header: string): Offer[] {
  return header.split(',').flatMap((part) => {
    const [name = '', ...rest] = part.split(';').map((piece) => piece.trim().toLowerCase());
    if (name === '') return [];
    const parameters = new Map(
      rest.map((parameter) => {
        const [key = '', value = ''] = parameter.split('=', 2);
        return [key.trim(), value.trim().replace(/^"(.*)"$/, '$1')] as const;
      }),
    );
    const quality = Number(parameters.get('q') ?? 1);
    return [{ name, parameters, quality: quality >= 0 && quality <= 1 ? quality : 0 }];
  });
}

/** What the most specific of the names is worth to the client; undefined when none is offered. */
function qualityOf(offers: readonly Offer[], names: readonly string[]): number | undefined {
  for (const name of names) {
    const found = offers.filter((offer) => offer.name === name);
    if (found.length > 0) return Math.max(...found.map(({ quality }) => quality));
  }
  return undefined;
}

/**
 * OpenMetrics only for a client that names it and does not prefer plain text; the classic format for all others, those
 * included that accept neither: an answer serves a person with an odd client better than a refusal.
 */
export function acceptedFormat(header: string | undefined): ExpositionFormat {
  const offers = offersOf(header ?? '').filter(
    ({ name, parameters }) =>
      name !== 'application/openmetrics-text' || ['', '0.0.1', '1.0.0'].includes(parameters.get('version') ?? ''),
  );
  const open = qualityOf(offers, ['application/openmetrics-text']) ?? 0;
  const classic = qualityOf(offers, ['text/plain', 'text/*', '*/*']) ?? 0;
  return open > 0 && open >= classic ? 'openmetrics' : 'classic';
}

export function acceptsGzip(header: string | undefined): boolean {
  return (qualityOf(offersOf(header ?? ''), ['gzip', '*']) ?? 0) > 0;
}
