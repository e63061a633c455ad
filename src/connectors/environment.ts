import { DataflowError } from '../errors.ts';

/** The variables of a process, by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

const REFERENCE = /\$\{(\w+)(?::-([^}]*))?\}/g;

/**
 * A deep copy of `value` in which `${NAME}` and `${NAME:-default}` inside every string are replaced. The default also
 * stands in for an empty variable. Resolve as late as possible: what is stored or printed must keep the reference.
 *
 * @throws DataflowError DATAFLOW_ERR_CONNECTOR_INVALID naming every variable that is missing; never a value.
 */
export function resolveEnvironment<T>(value: T, env: Environment): T {
  const missing = new Set<string>();
  const resolved = resolve(value, env, missing);
  if (missing.size === 0) return resolved as T;
  const names = [...missing].join(', ');
  throw new DataflowError(
    'DATAFLOW_ERR_CONNECTOR_INVALID',
    `The pipeline refers to environment variables that are not set: ${names}. Set them, or write \${NAME:-default}.`,
    { details: { variables: [...missing] } },
  );
}

/** True when a string anywhere inside refers to the environment. */
export function refersToEnvironment(value: unknown): boolean {
  if (typeof value === 'string') return value.search(REFERENCE) !== -1;
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some(refersToEnvironment);
}

function resolve(value: unknown, env: Environment, missing: Set<string>): unknown {
  if (typeof value === 'string') {
    return value.replace(REFERENCE, (_reference, name: string, fallback: string | undefined) => {
      const found = Object.hasOwn(env, name) ? env[name] : undefined;
      if (found !== undefined && (found !== '' || fallback === undefined)) return found;
      if (fallback === undefined) missing.add(name);
      return fallback ?? '';
    });
  }
  if (Array.isArray(value)) return value.map((item) => resolve(item, env, missing));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolve(item, env, missing)]));
}
