import { type ConnectorRegistry, createDefaultRegistry, type RegistryOptions } from '../connectors/registry.ts';
import { toSink, toSource, toTransform } from '../connectors/user-code.ts';
import { DataflowError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { PipelineConnectors } from '../runtime/connector.ts';
import type { Attachment } from './attachments.ts';
import { CODE_TYPE } from './code-parts.ts';

/** The built-in connectors, and a place for code among them. */
export function createPlatformRegistry(options: RegistryOptions): ConnectorRegistry {
  const replaced = (): never => {
    throw new DataflowError(
      'DATAFLOW_ERR_PIPELINE_DETACHED',
      'a part of type code was not attached: spawn the pipeline again',
    );
  };
  return createDefaultRegistry(options)
    .registerSource(CODE_TYPE, { validate: () => [], create: () => undefined })
    .registerTransform(CODE_TYPE, { validate: () => [], create: () => ({ apply: replaced }) })
    .registerSink(CODE_TYPE, { validate: () => [], create: () => ({ write: replaced }) });
}

/** New connectors for a run: declared ones from the registry, code from the attachment. */
export function connectorsOf(registry: ConnectorRegistry, attachment: Attachment, clock: Clock): PipelineConnectors {
  const { config, code } = attachment;
  const declared = registry.create(config);
  return {
    source: code.source === undefined ? declared.source : toSource(code.source, clock),
    transforms: declared.transforms.map((transform, index) => {
      const attached = code.transforms[index];
      return attached === undefined ? transform : toTransform(attached);
    }),
    sink: code.sink === undefined ? declared.sink : toSink(code.sink),
    deadLetter: code.deadLetter === undefined ? declared.deadLetter : toSink(code.deadLetter),
  };
}
