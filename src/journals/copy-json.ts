/**
 * A deep copy with the meaning of `JSON.parse(JSON.stringify(value))`. Plain objects, arrays and primitives are copied
 * directly, which costs a third of the way through text; whatever has a meaning of its own in JSON (dates, toJSON,
 * undefined, NaN) goes through text, so that both ways give the same.
 */
export function copyJson<T>(value: T): T {
  const copy = copyPlain(value);
  return copy === NOT_PLAIN ? JSON.parse(JSON.stringify(value)) : (copy as T);
}

const NOT_PLAIN = Symbol('not plain');

type Fields = Record<string, unknown>;

function copyPlain(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      // Adding zero makes minus zero what JSON makes of it.
      return Number.isFinite(value) ? value + 0 : NOT_PLAIN;
    case 'object':
      if (value === null) return null;
      return Array.isArray(value) ? copyArray(value) : copyObject(value);
    default:
      return NOT_PLAIN;
  }
}

function copyArray(values: readonly unknown[]): unknown {
  const copy: unknown[] = [];
  for (const value of values) {
    const item = copyPlain(value);
    if (item === NOT_PLAIN) return NOT_PLAIN;
    copy.push(item);
  }
  return copy;
}

/**
 * True for frozen plain data, all the way down: nobody can change it any more, so it need not be copied. An accessor
 * on a frozen object is taken for the value it has now; the port asks for data.
 */
function isFact(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      // Minus zero and what is not finite mean something else in JSON.
      return Number.isFinite(value) && !Object.is(value, -0);
    case 'object':
      if (value === null) return true;
      if (!Object.isFrozen(value) || 'toJSON' in value) return false;
      // By iterator, since `every` skips the holes that JSON fills with null.
      if (Array.isArray(value)) return allFacts(value);
      if (Object.getPrototypeOf(value) !== Object.prototype) return false;
      for (const key in value) if (!isFact((value as Fields)[key])) return false;
      return true;
    default:
      return false;
  }
}

function allFacts(values: readonly unknown[]): boolean {
  for (const value of values) if (!isFact(value)) return false;
  return true;
}

function copyObject(value: object): unknown {
  if (isFact(value)) return value;
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return NOT_PLAIN;
  if ('toJSON' in value) return NOT_PLAIN;
  // A spread keeps the shape, and is one call in V8; only what it shares with the original is copied again.
  const copy: Fields = { ...value };
  for (const key in copy) {
    const field = copy[key];
    if (typeof field === 'string' || typeof field === 'boolean' || field === null) continue;
    const item = copyPlain(field);
    if (item === NOT_PLAIN || key === '__proto__') return NOT_PLAIN;
    if (!Object.is(item, field)) copy[key] = item;
  }
  return copy;
}
