import { isMapping, type Mapping } from '../domain/problem-collector.ts';
import { DataflowError } from '../errors.ts';

/** The error that refuses one record. `reason` is cut to one short line. */
export function refuseRecord(reason: string, cause?: unknown): DataflowError {
  const line = reason.split('\n', 1)[0]!.slice(0, 300);
  return new DataflowError('DATAFLOW_ERR_TRANSFORM_FAILED', line, { cause });
}

/** The record as a mapping of fields. */
export function fieldsOf(record: unknown, transform: string): Mapping {
  if (isMapping(record)) return record;
  throw refuseRecord(
    `The transform ${transform} needs a record with fields, not ${Array.isArray(record) ? 'a list' : typeof record}`,
  );
}

/** Sets an own field whatever its name is: assignment to `__proto__` would set the prototype. */
export function setField(record: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') {
    Object.defineProperty(record, name, { value, enumerable: true, configurable: true, writable: true });
  } else {
    record[name] = value;
  }
}
