import type { SourceSpec } from '../../domain/spec.ts';
import type { ConnectorDefinition } from '../definition.ts';
import { refuseOptions } from '../no-options.ts';

/** Source `push`: nothing is read, callers send batches with `ingest`. */
export const PUSH_SOURCE: ConnectorDefinition<SourceSpec, undefined> = {
  validate: refuseOptions,
  create: () => undefined,
};
