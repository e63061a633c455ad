import type { Attributes } from '@opentelemetry/api';
import type { Series } from '../telemetry/engine/family.ts';
import { labelName } from './prometheus-names.ts';

/** `a="1",b="2"`: the labels of a series, made once in its life. */
export function seriesLabels(series: Series): string {
  series.cache ??= labelText(series.attributes);
  return series.cache;
}

/** The same for a histogram, whose buckets need the label `le` for themselves. */
export function histogramLabels(series: Series): string {
  return Object.hasOwn(series.attributes, 'le') ? labelText(series.attributes, true) : seriesLabels(series);
}

export function labelText(attributes: Attributes, reservesLe = false): string {
  const labels = labelMap(attributes, reservesLe);
  return flat([...labels].map(([name, value]) => `${name}="${escapeQuoted(value)}"`).join(','));
}

/**
 * Keys that become one label name share it, their values joined in the order of the keys. To Prometheus an empty value means
 * the same as no label, so it is left out: two series must not differ in that alone.
 */
export function labelMap(attributes: Attributes, reservesLe = false): Map<string, string> {
  const labels = new Map<string, string>();
  let clash = false;
  for (const [key, value] of Object.entries(attributes)) {
    const name = nameOf(key, reservesLe);
    if (name === undefined || isNothing(value)) continue;
    clash ||= labels.has(name);
    labels.set(name, valueText(value));
  }
  return clash ? joinedLabels(attributes, reservesLe) : labels;
}

/**
 * The same text as one piece of memory. V8 keeps a text that was put together as a tree of its parts, and reading one
 * character after the other from it takes twice the time.
 */
export function flat(text: string): string {
  return text.length < 2 ? text : [text.slice(0, 1), text.slice(1)].join('');
}

function joinedLabels(attributes: Attributes, reservesLe: boolean): Map<string, string> {
  const labels = new Map<string, string>();
  for (const key of Object.keys(attributes).sort()) {
    const name = nameOf(key, reservesLe);
    const value = attributes[key];
    if (name === undefined || isNothing(value)) continue;
    const before = labels.get(name);
    labels.set(name, before === undefined ? valueText(value) : `${before};${valueText(value)}`);
  }
  return labels;
}

function isNothing(value: Attributes[string] | null): value is undefined {
  return value === undefined || value === null || value === '';
}

function nameOf(key: string, reservesLe: boolean): string | undefined {
  const name = labelName(key);
  return reservesLe && name === 'le' ? 'exported_le' : name;
}

function valueText(value: NonNullable<Attributes[string]>): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const UNSAFE = /["\\\n\p{Surrogate}]/u;

/** Inside quotes, and in the help of OpenMetrics. UTF-8 has no form for a surrogate without its other half. */
export function escapeQuoted(text: string): string {
  return UNSAFE.test(text) ? escapeLine(text).replaceAll('"', '\\"') : text;
}

/** The help of the classic format. */
export function escapeLine(text: string): string {
  return text
    .replaceAll(/\p{Surrogate}/gu, '\u{FFFD}')
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n');
}
