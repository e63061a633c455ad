import type { SinkSpec } from '../../domain/spec.ts';
import type { Sink } from '../../runtime/connector.ts';
import type { ConnectorDefinition } from '../definition.ts';
import { refuseOptions } from '../no-options.ts';

/** Sink `null`: takes every record and keeps none. */
export const NULL_SINK: ConnectorDefinition<SinkSpec, Sink> = {
  validate: refuseOptions,
  create: () => ({ write: async () => {} }),
};
