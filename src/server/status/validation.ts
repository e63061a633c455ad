import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { DataflowError } from '../../errors.ts';
import type { Schema } from './schemas.ts';

/** The schemas are our own, and tested: to check them as well would hold up running pipelines when the server starts. */
const OWN_SCHEMAS = { meta: false, validateSchema: false } as const;

/** Texts of a query become what their schema wants; a body has to be right as it is. */
const fromText = new Ajv({ ...OWN_SCHEMAS, coerceTypes: 'array', useDefaults: true });
const asItIs = new Ajv(OWN_SCHEMAS);

export interface Part {
  readonly schema: unknown;
  readonly httpPart?: string;
}

/**
 * The validator of one part of a request, compiled when the first comes. A body that the platform checks itself has
 * only to be an object.
 */
export function validatorOf({ schema, httpPart = '' }: Part): (value: unknown) => true | { error: Error } {
  const isOwnCheck = typeof schema === 'object' && schema !== null && '$ref' in schema;
  let compiled: ValidateFunction | undefined;
  return (value) => {
    compiled ??= (httpPart === 'body' ? asItIs : fromText).compile(
      isOwnCheck ? { type: 'object' } : (schema as Schema),
    );
    return compiled(value) ? true : { error: invalid(httpPart, compiled.errors ?? []) };
  };
}

function invalid(httpPart: string, errors: readonly ErrorObject[]): DataflowError {
  const part = httpPart === 'querystring' ? 'query' : httpPart === 'params' ? 'path' : 'body';
  const problems = errors.map(({ instancePath, message = 'something else', keyword, params }) => {
    const path = [part, ...instancePath.split('/').slice(1)].join('.');
    const unknown = keyword === 'additionalProperties' ? String(params.additionalProperty).slice(0, 100) : undefined;
    const expected = message.startsWith('must be ') ? message.slice('must be '.length) : `a value that ${message}`;
    return unknown === undefined
      ? { path, expected, got: 'something else' }
      : { path, expected: 'no further keys', got: unknown };
  });
  const said = problems.map(({ path, expected, got }) => `${path}: expected ${expected}, got ${got}`).join('; ');
  return new DataflowError('DATAFLOW_ERR_API_REQUEST_INVALID', `The request is not valid: ${said}`, { problems });
}
