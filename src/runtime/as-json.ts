import type { Json } from '../domain/json.ts';
import { DataflowError } from '../errors.ts';

/**
 * The value as the journal will give it back, so that a pipeline goes on from the same position live and recovered.
 * Throws DATAFLOW_ERR_COMMAND_INVALID where JSON cannot hold it.
 */
export function asJson(value: unknown, what: string): Json {
  try {
    return JSON.parse(JSON.stringify(value)) as Json;
  } catch (cause) {
    const message = `${what} cannot be kept in the journal: give plain data without cycles, functions and big integers`;
    throw new DataflowError('DATAFLOW_ERR_COMMAND_INVALID', message, { cause });
  }
}
