import type { Problem } from '../errors.ts';
import type { Json, JsonObject } from './json.ts';
import { isSecretKey, redactText } from './secrets.ts';

export type Mapping = Readonly<Record<string, unknown>>;

const LONGEST_GOT = 60;
const DEEPEST_JSON = 64;

/** An own enumerable property alone, so that `constructor` or `__proto__` is never mistaken for a value. */
export function own(mapping: Mapping, key: string): unknown {
  return Object.hasOwn(mapping, key) ? mapping[key] : undefined;
}

/** A plain object of any realm: neither a list nor an instance of a class. */
export function isMapping(value: unknown): value is Mapping {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const item of Object.values(value)) deepFreeze(item);
  }
  return value;
}

export function joinPath(path: string, key: string | number): string {
  const text = String(key);
  const isShown = /^[\w.@/ -]{1,80}$/.test(text) && redactText(text) === text;
  const segment = isShown ? text : quote(text);
  return path === '' ? segment : `${path}.${segment}`;
}

/** A short rendering for a message. Nothing of a value under a secret-looking key or a connection string is shown. */
export function describeGot(value: unknown, path = ''): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'symbol') return 'a symbol';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object') return isMapping(value) ? 'a mapping' : `an object of class ${className(value)}`;
  if (value === '') return 'an empty string';
  const hidden = path.split('.').some((key) => key === 'connectionString' || isSecretKey(key));
  if (hidden) return `a ${typeof value} (hidden)`;
  return typeof value === 'string' ? quote(value) : typeof value === 'bigint' ? `${value}n` : String(value);
}

function quote(text: string): string {
  const whole = text.length <= LONGEST_GOT;
  // Cut only far beyond what is shown before hiding, so that half a secret is not mistaken for none.
  const shown = redactText(text.slice(0, 2_000)).slice(0, LONGEST_GOT);
  return whole ? JSON.stringify(shown) : `${JSON.stringify(shown)} (${text.length} characters)`;
}

function className(value: object): string {
  const name = typeof value.constructor === 'function' ? value.constructor.name : '';
  return /^\w{1,40}$/.test(name) ? name : 'unknown';
}

/** Edits (insert, delete, replace, swap of neighbours) between two short words. */
function distance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...new Array<number>(b.length).fill(0)]);
  for (let j = 0; j <= b.length; j++) rows[0]![j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const replace = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(rows[i - 1]![j]! + 1, rows[i]![j - 1]! + 1, replace);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, rows[i - 2]![j - 2]! + 1);
      rows[i]![j] = best;
    }
  }
  return rows[a.length]![b.length]!;
}

/** The known word that was probably meant, or undefined when none is close. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > 64) return undefined;
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, '');
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const edits = distance(plain(word), plain(candidate));
    if (edits < bestDistance && edits <= Math.max(1, Math.floor(candidate.length / 3))) {
      best = candidate;
      bestDistance = edits;
    }
  }
  return best;
}

export interface IntegerRule {
  readonly min: number;
  readonly max?: number;
  readonly fallback: number;
}

/** Reads values out of untrusted input and keeps every problem it meets; a reading that fails returns its fallback. */
export class ProblemCollector {
  readonly problems: Problem[] = [];

  refuse(path: string, expected: string, value: unknown): void {
    this.problems.push({ path, expected, got: describeGot(value, path) });
  }

  /** The mapping, with its unknown keys refused, or undefined when it is none. */
  mapping(value: unknown, path: string, keys: readonly string[]): Mapping | undefined {
    if (!isMapping(value)) {
      this.refuse(path, `a mapping with ${keys.join(', ')}`, value);
      return undefined;
    }
    for (const key of Object.keys(value)) if (!keys.includes(key)) this.refuseKey(path, key, keys);
    return value;
  }

  refuseKey(path: string, key: string, known: readonly string[]): void {
    const meant = nearest(key, known);
    const expected =
      meant === undefined ? `one of the keys ${known.join(', ')}` : `a known key; did you mean ${meant}?`;
    this.problems.push({ path: joinPath(path, key), expected, got: `the unknown key ${quote(key)}` });
  }

  text(value: unknown, path: string, expected: string, accepts: (text: string) => boolean): string {
    if (typeof value === 'string' && accepts(value)) return value;
    this.refuse(path, expected, value);
    return '';
  }

  integer(value: unknown, path: string, rule: IntegerRule): number {
    if (value === undefined) return rule.fallback;
    const max = rule.max ?? Number.MAX_SAFE_INTEGER;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= rule.min && value <= max) return value + 0;
    const range = rule.max === undefined ? `of at least ${rule.min}` : `from ${rule.min} to ${rule.max}`;
    this.refuse(path, `an integer ${range}`, value);
    return rule.fallback;
  }

  choice<T extends string>(value: unknown, path: string, choices: readonly T[], fallback: T): T {
    if (value === undefined) return fallback;
    const chosen = choices.find((choice) => choice === value);
    if (chosen !== undefined) return chosen;
    this.refuse(path, choices.join(' or '), value);
    return fallback;
  }

  /** A deep copy of a mapping of JSON values; absent = empty. */
  jsonMapping(value: unknown, path: string): JsonObject {
    if (value === undefined) return {};
    if (!isMapping(value)) {
      this.refuse(path, 'a mapping', value);
      return {};
    }
    return this.#json(value, path, []) as JsonObject;
  }

  #json(value: unknown, path: string, ancestors: readonly unknown[]): Json {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number' && Number.isFinite(value)) return value + 0;
    if (Array.isArray(value) || isMapping(value)) {
      if (ancestors.length < DEEPEST_JSON && !ancestors.includes(value))
        return this.#copy(value, path, [...ancestors, value]);
      this.problems.push({
        path,
        expected: `JSON without cycles, at most ${DEEPEST_JSON} levels deep`,
        got: 'a cycle or a deeper nesting',
      });
      return null;
    }
    this.refuse(path, 'a JSON value (text, finite number, boolean, null, list or mapping)', value);
    return null;
  }

  #copy(value: readonly unknown[] | Mapping, path: string, ancestors: readonly unknown[]): Json {
    if (Array.isArray(value)) {
      return Array.from(value, (item: unknown, index) => this.#json(item, joinPath(path, index), ancestors));
    }
    const copy: Record<string, Json> = {};
    for (const [key, item] of Object.entries(value)) {
      if (key === '__proto__') this.refuse(joinPath(path, key), 'another key than __proto__', item);
      else if (item !== undefined) copy[key] = this.#json(item, joinPath(path, key), ancestors);
    }
    return copy;
  }
}
