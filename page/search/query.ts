/** What the search line of the metrics explorer asks for. */
export interface MetricQuery {
  readonly names: readonly string[];
  readonly kinds: readonly string[];
  readonly labels: readonly { readonly key: string; readonly value: string | null }[];
  readonly regex: RegExp | null;
  readonly words: readonly string[];
  /** What could not be read, in words for the person who typed it. */
  readonly problem: string | null;
}

const TERM = /\/((?:\\.|[^/\\])+)\/([a-z]*)(?=\s|$)|(name|type|label):((?:[^\s"]|"[^"]*")*)|(\S+)/g;
const KINDS = ['counter', 'gauge', 'histogram'];

/**
 * Reads `name:batch type:histogram label:pipeline_id=orders /regex/ words`. Terms all have to hold; a value with
 * spaces stands in double quotes; `label:key` asks for the label, whatever its value.
 */
export function parseQuery(text: string): MetricQuery {
  const names: string[] = [];
  const kinds: string[] = [];
  const labels: { key: string; value: string | null }[] = [];
  const words: string[] = [];
  let regex: RegExp | null = null;
  let problem: string | null = null;
  for (const [, source, flags, field, quoted, word] of text.matchAll(TERM)) {
    if (source !== undefined) {
      try {
        regex = new RegExp(source, flags?.includes('i') ? 'i' : '');
      } catch (error) {
        problem = `/${source}/ is not a regular expression: ${error instanceof Error ? error.message : error}`;
      }
    } else if (field !== undefined) {
      const value = quoted!.replace(/^"(.*)"$/, '$1');
      if (value === '') continue;
      if (field === 'name') names.push(value.toLowerCase());
      else if (field === 'type') {
        kinds.push(value.toLowerCase());
        if (!KINDS.some((kind) => kind.startsWith(value.toLowerCase()))) {
          problem = `type:${value} is none of counter, gauge, histogram`;
        }
      } else labels.push(labelOf(value));
    } else words.push(word!.toLowerCase());
  }
  return { names, kinds, labels, regex, words, problem };
}

function labelOf(text: string): { key: string; value: string | null } {
  const equals = text.indexOf('=');
  if (equals === -1) return { key: text, value: null };
  return { key: text.slice(0, equals), value: text.slice(equals + 1).replace(/^"(.*)"$/, '$1') };
}

export interface Searched {
  readonly instrument: string;
  readonly family: string;
  readonly kind: string;
  readonly help: string;
  readonly attributes: readonly string[];
}

/** True when the instrument can hold what is asked for; a label's value is compared by `matchesLabels`. */
export function matchesInstrument(query: MetricQuery, searched: Searched): boolean {
  const { names, kinds, labels, regex, words } = query;
  const both = `${searched.instrument} ${searched.family}`.toLowerCase();
  if (!names.every((name) => both.includes(name))) return false;
  if (kinds.length > 0 && !kinds.some((kind) => searched.kind.startsWith(kind))) return false;
  if (!labels.every(({ key }) => searched.attributes.includes(key))) return false;
  if (regex !== null && !regex.test(searched.instrument) && !regex.test(searched.family)) return false;
  const text = `${both} ${searched.help.toLowerCase()}`;
  return words.every((word) => text.includes(word));
}

export function matchesLabels(query: MetricQuery, labels: Readonly<Record<string, string>>): boolean {
  return query.labels.every(({ key, value }) => (value === null ? key in labels : labels[key] === value));
}
