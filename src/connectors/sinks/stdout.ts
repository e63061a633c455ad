import type { SinkSpec } from '../../domain/spec.ts';
import type { Sink } from '../../runtime/connector.ts';
import type { ConnectorDefinition } from '../definition.ts';
import { refuseOptions } from '../no-options.ts';
import { NDJSON_ENCODER } from './ndjson-encoder.ts';

/**
 * Sink `stdout`: NDJSON on the standard output. At least once: what was printed stays printed. Not fenced: an output
 * cannot refuse an older owner of the pipeline.
 */
export const STDOUT_SINK: ConnectorDefinition<SinkSpec, Sink> = {
  validate: refuseOptions,
  create: () => streamSink(process.stdout),
};

/** NDJSON on a stream that stays open. */
export function streamSink(stream: NodeJS.WritableStream): Sink {
  // A failed write reaches its callback; without a listener the event that follows would end the process.
  const ignore = () => {};
  return {
    async open() {
      stream.on('error', ignore);
    },
    async close() {
      stream.off('error', ignore);
    },
    async write(records, { signal }) {
      signal.throwIfAborted();
      const { text, refused } = NDJSON_ENCODER.encode(records, { empty: false, columns: undefined });
      await new Promise<void>((resolve, reject) => {
        stream.write(text, (error) => (error ? reject(error) : resolve()));
      });
      return refused.length > 0 ? { rejected: refused } : {};
    },
  };
}
