export const VALUE_TYPES = ['number', 'integer', 'boolean', 'date', 'string'] as const;
export type ValueType = (typeof VALUE_TYPES)[number];

/** What a conversion gives for a value that it cannot convert. */
export const NOT_CONVERTIBLE = Symbol('not convertible');

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const CANONICAL_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const DATE = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/;
const TRUE = new Set(['true', 't', 'yes', 'y', '1']);
const FALSE = new Set(['false', 'f', 'no', 'n', '0']);

/**
 * The value as `type`, or NOT_CONVERTIBLE. null, undefined and the empty string (but for `string`) mean "no value" and
 * give null. A date is ISO 8601; without a zone it is UTC, so that a run gives the same on every machine.
 */
export function convertValue(value: unknown, type: ValueType): unknown {
  if (value === undefined || value === null) return null;
  if (value === '' && type !== 'string') return null;
  switch (type) {
    case 'number':
      return toNumber(value);
    case 'integer':
      return toInteger(value);
    case 'boolean':
      return toBoolean(value);
    case 'date':
      return toDate(value);
    case 'string':
      return toText(value);
  }
}

/** A CSV cell as what it looks like: number, boolean, null for an empty one; all else, `007` included, stays text. */
export function inferValue(text: string): unknown {
  if (text === '') return null;
  if (text === 'true') return true;
  if (text === 'false') return false;
  if (!CANONICAL_NUMBER.test(text)) return text;
  const number = Number(text);
  // A long id would lose digits as a number.
  return Number.isFinite(number) && (Number.isSafeInteger(number) || !/^-?\d+$/.test(text)) ? number : text;
}

function toNumber(value: unknown): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : NOT_CONVERTIBLE;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : NOT_CONVERTIBLE;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? NOT_CONVERTIBLE : value.getTime();
  if (typeof value !== 'string') return NOT_CONVERTIBLE;
  const text = value.trim();
  const number = DECIMAL.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(number) ? number : NOT_CONVERTIBLE;
}

function toInteger(value: unknown): unknown {
  const number = toNumber(value);
  return Number.isSafeInteger(number) ? number : NOT_CONVERTIBLE;
}

function toBoolean(value: unknown): unknown {
  if (typeof value === 'boolean') return value;
  if (value === 1) return true;
  if (value === 0) return false;
  if (typeof value !== 'string') return NOT_CONVERTIBLE;
  const word = value.trim().toLowerCase();
  return TRUE.has(word) ? true : FALSE.has(word) ? false : NOT_CONVERTIBLE;
}

function toDate(value: unknown): unknown {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? NOT_CONVERTIBLE : value;
  if (typeof value === 'number') return validDate(new Date(value));
  if (typeof value !== 'string') return NOT_CONVERTIBLE;
  const text = value.trim();
  const match = DATE.exec(text);
  if (match === null) return NOT_CONVERTIBLE;
  const iso = text.replace(' ', 'T');
  const day = new Date(`${iso.slice(0, 10)}T00:00:00Z`);
  // `new Date` rolls 30 February over to March.
  if (Number.isNaN(day.getTime()) || day.toISOString().slice(0, 10) !== iso.slice(0, 10)) return NOT_CONVERTIBLE;
  return validDate(new Date(iso.length === 10 || match[1] !== undefined ? iso : `${iso}Z`));
}

function validDate(date: Date): unknown {
  return Number.isNaN(date.getTime()) ? NOT_CONVERTIBLE : date;
}

function toText(value: unknown): unknown {
  if (typeof value === 'string') return value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? NOT_CONVERTIBLE : value.toISOString();
  return typeof value === 'object' || typeof value === 'function' || typeof value === 'symbol'
    ? NOT_CONVERTIBLE
    : String(value);
}
