import { isMapping } from '../domain/problem-collector.ts';
import type { ActorFilter, ActorMetricsConfig } from '../metrics/actor-metrics-config.ts';
import { MAX_TIMER_MS } from '../runtime/clock.ts';
import { isSendable, parseEndpoint } from '../telemetry/otlp/otlp-config.ts';
import { parseSwitch } from '../telemetry/telemetry-environment.ts';
import { parseDuration } from './duration.ts';

/** How the values of a setting are read; `read` and `fromText` return undefined for what they refuse. */
export interface Kind<T> {
  readonly expected: string;
  read(value: unknown): T | undefined;
  /** From text that an environment variable gave; absent where one variable cannot hold the value. */
  fromText?(text: string): T | undefined;
  /** The value, or each of its values, is a secret: `${NAME}` in it stays as it is until it is used. */
  readonly secret?: true;
  /** Mappings of all levels are laid over one another instead of replacing each other. */
  readonly merges?: true;
}

export const boolean: Kind<boolean> = {
  expected: 'true or false (or yes, no)',
  read: (value) => (typeof value === 'boolean' ? value : typeof value === 'string' ? parseSwitch(value) : undefined),
  fromText: parseSwitch,
};

export function integer(min: number, max: number): Kind<number> {
  const read = (value: unknown) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max ? value + 0 : undefined;
  return {
    expected: `an integer from ${min} to ${max}`,
    read,
    fromText: (text) => (/^\s*\d+\s*$/.test(text) ? read(Number(text)) : undefined),
  };
}

export const port = integer(0, 65_535);

const MIN_DURATION_MS = 100;

/** ms, from 100 on and within what a timer keeps. */
export const duration: Kind<number> = {
  expected: 'a duration of at least 100 ms, such as 500ms, 10s or 2 minutes, or a number of ms',
  read: durationOf,
  fromText: (text) => durationOf(/^\s*\d+\s*$/.test(text) ? Number(text) : text),
};

function durationOf(value: unknown): number | undefined {
  const durationMs = parseDuration(value);
  return durationMs !== undefined && durationMs >= MIN_DURATION_MS && durationMs <= MAX_TIMER_MS
    ? durationMs
    : undefined;
}

export function choice<T extends string>(...choices: readonly T[]): Kind<T> {
  const read = (value: unknown) => choices.find((candidate) => candidate === value);
  return { expected: choices.join(' or '), read, fromText: read };
}

/** Text that is not blank and holds no control character. */
export const text: Kind<string> = { expected: 'a non-empty text', read: textOf, fromText: textOf };

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' && !/\p{Cc}/u.test(value) ? value : undefined;
}

/** Text that is never shown. */
export const secret: Kind<string> = { ...text, secret: true };

/** Where metrics are pushed to. */
export const endpoint: Kind<string> = {
  expected: 'a URL such as http://localhost:4318, without user name and password',
  read: (value) => (typeof value === 'string' ? parseEndpoint(value) : undefined),
  fromText: parseEndpoint,
};

export const textList: Kind<readonly string[]> = {
  expected: 'a list of non-empty texts',
  read: (value) => (Array.isArray(value) && value.every((item) => textOf(item) !== undefined) ? [...value] : undefined),
};

export type TextMap = Readonly<Record<string, string>>;

export const textMap: Kind<TextMap> = {
  expected: 'a mapping of keys to texts',
  merges: true,
  read(value) {
    if (!isMapping(value)) return undefined;
    const entries = Object.entries(value);
    const good = entries.every(([key, item]) => key !== '' && key !== '__proto__' && isPlain(item));
    return good ? Object.fromEntries(entries.map(([key, item]) => [key, String(item)])) : undefined;
  },
};

/** Names and values that an HTTP request can carry, the values secret. */
export const headers: Kind<TextMap> = {
  expected: 'a mapping of header names to texts of one line of ASCII characters',
  merges: true,
  secret: true,
  read(value) {
    const map = textMap.read(value);
    const isGood = map !== undefined && Object.entries(map).every(([name, item]) => isSendable(name, item));
    return isGood ? map : undefined;
  },
};

function isPlain(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
}

export type Buckets = Readonly<Record<string, readonly number[]>>;

export const buckets: Kind<Buckets> = {
  expected: 'a mapping of instrument names to lists of 1 to 200 rising boundaries',
  read(value) {
    if (!isMapping(value)) return undefined;
    const entries = Object.entries(value);
    return entries.every(([name, boundaries]) => name !== '__proto__' && isRising(boundaries))
      ? Object.fromEntries(entries.map(([name, boundaries]) => [name, [...(boundaries as number[])]]))
      : undefined;
  },
};

function isRising(boundaries: unknown): boolean {
  return (
    Array.isArray(boundaries) &&
    boundaries.length >= 1 &&
    boundaries.length <= 200 &&
    boundaries.every((value, index) => Number.isFinite(value) && (index === 0 || value > boundaries[index - 1]))
  );
}

/** Each at most once. */
export function choices<T extends string>(...known: readonly T[]): Kind<readonly T[]> {
  return {
    expected: `a list of ${known.join(', ')}`,
    read: (value) =>
      Array.isArray(value) && new Set(value).size === value.length && value.every((item) => known.includes(item))
        ? [...value]
        : undefined,
  };
}

/** `false` where there shall be none. */
export const textOrFalse: Kind<string | false> = {
  expected: 'a non-empty text, or false',
  read: (value) => (value === false ? false : textOf(value)),
  fromText: (value) => (value === 'false' ? false : textOf(value)),
};

export const actorGroups: Kind<ActorMetricsConfig['groups']> = {
  expected: 'a mapping of group names to { include: [globs], exclude: [globs] } with at least one glob to include',
  merges: true,
  read(value) {
    if (!isMapping(value)) return undefined;
    const groups = Object.entries(value).map(([name, filter]) => [name, actorFilterOf(filter)] as const);
    return groups.every(([name, filter]) => name !== '__proto__' && textOf(name) !== undefined && filter !== undefined)
      ? Object.fromEntries(groups as [string, ActorFilter][])
      : undefined;
  },
};

function actorFilterOf(value: unknown): ActorFilter | undefined {
  if (!isMapping(value) || Object.keys(value).some((key) => key !== 'include' && key !== 'exclude')) return undefined;
  const include = textList.read(value.include);
  const exclude = textList.read(value.exclude ?? []);
  return include === undefined || include.length === 0 || exclude === undefined ? undefined : { include, exclude };
}
