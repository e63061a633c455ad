import { type Encoder, encodeLines } from './encoding.ts';

/** One JSON value a line. */
export const NDJSON_ENCODER: Encoder = { encode: (records) => encodeLines(records, toJsonLine) };

/**
 * The value as JSON on one line. Dates become ISO 8601.
 *
 * @throws TypeError for what JSON would lose or cannot hold: undefined, a function, NaN, a BigInt, a cycle.
 */
export function toJsonLine(value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`a record cannot be ${typeof value}`);
  if (text === 'null' && value === null) throw new TypeError('a record cannot be null');
  // JSON.stringify writes null for NaN, infinities and invalid dates: only then it is worth a look.
  if (text.includes('null')) refuseLost(value);
  return text;
}

function refuseLost(value: unknown): void {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError(`JSON cannot hold ${value}`);
  if (typeof value !== 'object' || value === null) return;
  if (value instanceof Date && Number.isNaN(value.getTime())) throw new TypeError('JSON cannot hold an invalid date');
  if ('toJSON' in value) return;
  for (const item of Object.values(value)) refuseLost(item);
}
