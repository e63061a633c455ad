import { nearest } from '../domain/problem-collector.ts';
import { INSTRUMENT_LIST, type InstrumentDefinition } from '../metrics/names.ts';

const HISTOGRAMS = INSTRUMENT_LIST.filter(({ kind }) => kind === 'histogram').map(({ name }) => name);

/** First parts of names under which no histogram is recorded but those of the table. */
const NAMESPACES = ['dataflow', 'nact', 'jvm', 'process', 'nodejs', 'v8js'];

/**
 * What is expected in place of the name of a histogram, with the remedy; undefined for one of ours and for one of another
 * namespace, which an application may have.
 */
export function expectedHistogram(name: string): string | undefined {
  if (HISTOGRAMS.includes(name)) return undefined;
  if (/[*?]/.test(name)) return 'the name of one histogram, without wildcards; give each histogram its own boundaries';
  if (!/^[a-z][\w./-]{0,254}$/i.test(name))
    return 'the name of an instrument: a letter, then up to 254 letters, digits, _, ., - and /';
  const { name: meant, kind } = instrumentOf(name) ?? {};
  if (kind === 'histogram') return `the name of the instrument; did you mean ${meant}?`;
  if (kind !== undefined) return `the name of a histogram; ${meant} is a ${kind}, which has no buckets`;
  if (!NAMESPACES.includes(namespaceOf(name))) return undefined;
  const close = nearest(name, HISTOGRAMS);
  return close === undefined
    ? `a histogram of the platform, one of ${HISTOGRAMS.join(', ')}`
    : `a histogram of the platform; did you mean ${close}?`;
}

function namespaceOf(name: string): string {
  return name.split(/[._]/, 1)[0]!.toLowerCase();
}

/** The instrument that a text names in another way: with other letters or separators, or as Prometheus shows it. */
function instrumentOf(text: string): InstrumentDefinition | undefined {
  const wanted = plain(text);
  return INSTRUMENT_LIST.find(({ name, series, kind }) => {
    const shown = kind === 'histogram' ? ['', '_bucket', '_sum', '_count'].map((suffix) => series + suffix) : [series];
    return [name, ...shown].some((candidate) => plain(candidate) === wanted);
  });
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[._-]/g, '.');
}
