import { nearest } from '../domain/problem-collector.ts';
import { globPattern } from '../metrics/glob.ts';
import { INSTRUMENT_LIST, type InstrumentDefinition } from '../metrics/names.ts';
import { HOST_INSTRUMENT_NAMES } from '../telemetry/host-names.ts';
import { instrumentFilter } from '../telemetry/instrument-filter.ts';
import type { TelemetryConfig } from '../telemetry/telemetry-config.ts';

const NAMES = INSTRUMENT_LIST.map(({ name }) => name);
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

/** For each first part or parts that instruments share: all of them. */
const WHOLE_PARTS = [
  ...new Set(
    NAMES.flatMap((name) => {
      const parts = name.split('.');
      return parts.slice(1).map((_, index) => `${parts.slice(0, index + 1).join('.')}.**`);
    }),
  ),
];

/** First parts of names under which nothing is recorded but the instruments of the table. */
const COMPLETE_NAMESPACES = ['dataflow', 'nact', 'jvm', 'nodejs', 'v8js'];

/**
 * What is expected in place of a glob that certainly selects nothing, with the remedy; undefined for one that selects
 * something, and for one of another namespace.
 */
export function expectedGlob(glob: string): string | undefined {
  const pattern = globPattern(glob, '.');
  if (INSTRUMENT_LIST.some(({ name }) => pattern.test(name))) return undefined;
  const instrument = instrumentOf(glob);
  if (instrument !== undefined) return `a glob of instrument names; did you mean ${instrument.name}?`;
  if (!COMPLETE_NAMESPACES.includes(namespaceOf(glob))) return undefined;
  const close = /\*(?!\*?$)/.test(glob) ? undefined : nearest(glob, glob.endsWith('*') ? WHOLE_PARTS : NAMES);
  return close === undefined
    ? 'a glob that an instrument matches (`dataflow metrics` lists them); * stays within one dotted part, ** does not'
    : `a glob that an instrument matches; did you mean ${close}?`;
}

/** Whether the filter leaves one of our instruments, or of the host metrics. */
export function leavesAny(filter: TelemetryConfig['filter']): boolean {
  return [...NAMES, ...HOST_INSTRUMENT_NAMES].some(instrumentFilter(filter));
}

function namespaceOf(name: string): string {
  return name.split(/[._*]/, 1)[0]!.toLowerCase();
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
