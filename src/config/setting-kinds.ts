import { MAX_TIMER_MS } from '../runtime/clock.ts';
import { parseEndpoint } from '../telemetry/otlp/otlp-config.ts';
import { parseSwitch } from '../telemetry/telemetry-environment.ts';
import { parseDuration } from './duration.ts';
import type { Place } from './place.ts';

/** How the values of a setting are read; `read` and `fromText` return undefined for what they refuse. */
export interface Kind<T> {
  readonly expected: string;
  /** At `place` it says what is wrong below the value; where nothing was said, the value as a whole is not as expected. */
  read(value: unknown, place?: Place): T | undefined;
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

/** `false` where there shall be none. */
export const textOrFalse: Kind<string | false> = {
  expected: 'a non-empty text, or false',
  read: (value) => (value === false ? false : textOf(value)),
  fromText: (value) => (value === 'false' ? false : textOf(value)),
};
