import { types } from 'node:util';
import { HIDDEN, isReference, isSecretKey, redactText } from '../domain/secrets.ts';
import { textOf } from '../errors.ts';

/**
 * A deep copy to show: values under secret-looking keys, passwords in URLs and tokens of well-known shapes are `***`.
 * References (`${DB_PASSWORD}`), booleans and null under such a key stay, since they give nothing away. A cycle
 * becomes `[circular]`, bytes their count, a Map or Set its entries; an error keeps name, message, cause and own fields.
 */
export function redact(value: unknown): unknown {
  return copy(value, { underSecret: false, ancestors: [], found: () => undefined });
}

/** True when `redact` would hide something: the value holds a literal secret, not just a reference to one. */
export function hasSecret(value: unknown): boolean {
  let isFound = false;
  copy(value, {
    underSecret: false,
    ancestors: [],
    found: () => {
      isFound = true;
    },
  });
  return isFound;
}

interface Place {
  readonly underSecret: boolean;
  readonly ancestors: readonly unknown[];
  readonly found: () => void;
}

function copy(value: unknown, place: Place): unknown {
  if (typeof value !== 'object' || value === null) return copyScalar(value, place);
  if (place.ancestors.includes(value)) return '[circular]';
  if (types.isDate(value)) return new Date(value);
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) {
    return place.underSecret ? hide(place) : `[${value.byteLength} bytes]`;
  }
  const inside = { ...place, ancestors: [...place.ancestors, value] };
  if (Array.isArray(value)) return value.map((item: unknown) => copy(item, inside));
  const result: Record<string, unknown> = {};
  for (const [key, item] of entriesOf(value)) {
    const shown = copy(item, { ...inside, underSecret: place.underSecret || isSecretKey(key) });
    // Defined, not assigned: a key `__proto__` must stay a key.
    const property = { value: shown, enumerable: true, configurable: true, writable: true };
    Object.defineProperty(result, String(copyScalar(key, { ...place, underSecret: false })), property);
  }
  return result;
}

function copyScalar(value: unknown, place: Place): unknown {
  if (typeof value === 'string') {
    if (place.underSecret && value !== '' && !isReference(value)) return hide(place);
    const shown = redactText(value);
    return shown === value ? value : hide(place, shown);
  }
  return place.underSecret && (typeof value === 'number' || typeof value === 'bigint') ? hide(place) : value;
}

function hide(place: Place, shown = HIDDEN): string {
  place.found();
  return shown;
}

function entriesOf(value: object): [string, unknown][] {
  if (types.isMap(value)) return [...value].map(([key, item]) => [textOf(key), item]);
  if (types.isSet(value)) return [...value].map((item: unknown, index) => [String(index), item]);
  const own = Object.entries(value);
  if (!types.isNativeError(value)) return own;
  const { name, message, cause } = value;
  const described: [string, unknown][] = cause === undefined ? [] : [['cause', cause]];
  return [['name', name], ['message', message], ...described, ...own.filter(([key]) => key !== 'name')];
}
