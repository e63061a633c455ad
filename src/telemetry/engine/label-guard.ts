import type { Attributes, AttributeValue } from '@opentelemetry/api';

/** In place of a value that throws when it is looked at. */
export const UNREADABLE = '[unreadable]';

const SCOPE_LABELS = ['otel_scope_name', 'otel_scope_version', 'otel_scope_schema_url'];

/** The label name that the official Prometheus exporter and our own writer make of a key. */
function labelOf(key: string): string {
  return key.replaceAll(/[^a-zA-Z0-9_]/g, '_').replaceAll(/_{2,}/g, '_');
}

/** Undefined for a key of which nothing is left as a label name. */
function safeKey(key: string): string | undefined {
  const label = labelOf(key);
  if (label === '' || label === '_') return undefined;
  if (key.startsWith('__')) return `exported_${label.replace(/^_/, '')}`;
  if (label === 'le' || label === 'quantile' || SCOPE_LABELS.includes(label)) return `exported_${label}`;
  return /^\d/.test(label) ? `_${key}` : key;
}

function knownKey(key: string | undefined, keyOf: ReadonlyMap<string, string>): string | undefined {
  return key === undefined ? undefined : (keyOf.get(labelOf(key)) ?? key);
}

/** Whether there may be series that have an attribute of this key. */
export function isKnownKey(raw: string, keyOf: ReadonlyMap<string, string>): boolean {
  const key = safeKey(raw);
  return key !== undefined && keyOf.has(labelOf(key));
}

/** Which raw key feeds which key of the series, both in the order of the latter. */
export interface GuardedKeys {
  readonly keys: readonly string[];
  readonly sources: readonly string[];
}

/**
 * Makes keys that every reader can show: one bad label name makes Prometheus refuse the whole target. A reserved name
 * gets the prefix `exported_`, a digit in front an underscore, a key of which nothing is left is dropped. Keys that are
 * one label are one key everywhere, the one in `keyOf` (label → key), which is added to; where two of them meet in one
 * set, a number tells them apart. `warn` hears of each change.
 */
export function guardKeys(
  raw: readonly string[],
  keyOf: Map<string, string>,
  warn: (message: string) => void,
): GuardedKeys {
  const labels = new Set<string>();
  const pairs: [key: string, source: string][] = [];
  // Sorted, so that the same keys in another order give the same series. Untouched keys go first: a renamed one yields.
  const named = [...raw].sort().map((source) => ({ source, key: knownKey(safeKey(source), keyOf) }));
  for (const { source, key } of named) {
    if (key === undefined) warn(`The attribute key ${JSON.stringify(source)} cannot be a label name; it is left out.`);
  }
  for (const { source, key } of [
    ...named.filter((entry) => entry.key === entry.source),
    ...named.filter((entry) => entry.key !== entry.source),
  ]) {
    if (key === undefined) continue;
    let unique = key;
    for (let count = 2; labels.has(labelOf(unique)); count++) unique = `${key}_${count}`;
    labels.add(labelOf(unique));
    if (!keyOf.has(labelOf(unique))) keyOf.set(labelOf(unique), unique);
    unique = keyOf.get(labelOf(unique)) ?? unique;
    pairs.push([unique, source]);
    if (unique !== source) {
      warn(`The attribute key ${JSON.stringify(source)} is reserved or taken as a label name; it becomes ${unique}.`);
    }
  }
  pairs.sort(([a], [b]) => (a < b ? -1 : 1));
  return { keys: pairs.map(([key]) => key), sources: pairs.map(([, source]) => source) };
}

/** UTF-8 has no encoding for a surrogate without its other half. */
function wellFormed(text: string): string {
  return /\p{Surrogate}/u.test(text) ? text.replaceAll(/\p{Surrogate}/gu, '\u{FFFD}') : text;
}

/** Undefined for what is no value; an empty label value means the same as no label to Prometheus. */
export function guardValue(value: unknown): AttributeValue | undefined {
  switch (typeof value) {
    case 'string':
      return value === '' ? undefined : wellFormed(value);
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'undefined':
      return undefined;
    case 'object':
      if (value === null) return undefined;
      try {
        const text = wellFormed(JSON.stringify(value) ?? '');
        return Array.isArray(value) && text !== '' ? (Object.freeze(JSON.parse(text)) as AttributeValue) : text;
      } catch {
        return UNREADABLE;
      }
    default:
      return wellFormed(String(value));
  }
}

/** The label text of a value: values that look alike are one series, whatever their types. */
export function valueText(value: AttributeValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Whether nobody can change what the object says, so that its identity stands for its content. */
export function isUnchanging(attributes: Attributes): boolean {
  if (!Object.isFrozen(attributes)) return false;
  for (const key in attributes) if (typeof attributes[key] === 'object') return false;
  return true;
}
