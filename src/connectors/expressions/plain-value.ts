import { isMapping, type Mapping } from '../../domain/problem-collector.ts';
import { setField } from '../record-refusal.ts';

/**
 * A CEL result as a value that records hold: ints become numbers, durations their text, bytes base64, maps objects. Parts
 * that are plain already are not copied.
 *
 * @throws RangeError for an int that a number cannot hold, TypeError for what is no data, such as a type.
 */
export function toPlainValue(value: unknown): unknown {
  switch (typeof value) {
    case 'bigint':
      return toNumber(value);
    case 'object':
      return value === null ? null : plainObject(value);
    case 'string':
    case 'number':
    case 'boolean':
      return value;
    default:
      throw new TypeError(`an expression gave a ${typeof value}, which is no data`);
  }
}

function toNumber(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`the integer ${value} does not fit a number; use string()`);
  return number;
}

function plainObject(value: object): unknown {
  if (Array.isArray(value)) return plainList(value);
  if (value instanceof Map) return plainMap(value);
  if (value instanceof Date) return value;
  if (value instanceof Set) return plainList([...value]);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (isMapping(value)) return plainFields(value);
  if ('getMilliseconds' in value) return String(value);
  if ('value' in value && typeof value.value === 'bigint') return toNumber(value.value);
  throw new TypeError('an expression gave something that is no data');
}

function plainList(list: readonly unknown[]): readonly unknown[] {
  const plain = list.map(toPlainValue);
  return plain.every((item, index) => item === list[index]) ? list : plain;
}

function plainFields(fields: Mapping): Mapping {
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(fields)) {
    const plain = toPlainValue(fields[key]);
    if (plain === fields[key] || Number.isNaN(plain)) continue;
    copy ??= { ...fields };
    setField(copy, key, plain);
  }
  return copy ?? fields;
}

function plainMap(map: Map<unknown, unknown>): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [key, value] of map) setField(fields, String(key), toPlainValue(value));
  return fields;
}
