import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Json } from '../../domain/json.ts';
import { isMapping } from '../../domain/problem-collector.ts';
import type { SinkSpec } from '../../domain/spec.ts';
import { DataflowError } from '../../errors.ts';
import type { Sink, SinkOpenContext, WriteContext, WriteResult } from '../../runtime/connector.ts';
import type { ConnectorDefinition } from '../definition.ts';
import { CsvEncoder } from './csv-encoder.ts';
import type { Encoder } from './encoding.ts';
import { type FileSinkOptions, readFileSinkOptions } from './file-options.ts';
import { NDJSON_ENCODER } from './ndjson-encoder.ts';
import { OutputFile } from './output-file.ts';
import { TEXT_ENCODER } from './text-encoder.ts';

const compress = promisify(gzip);

interface Committed {
  readonly bytes: number;
  readonly columns: readonly string[] | undefined;
}

/**
 * Sink `file`: CSV, NDJSON or text lines, gzip or not. `connectionString` is a path or a `file:` URL.
 *
 * Effectively once: `committed` is the length of the file (and its CSV columns); what lies beyond it is cut off before
 * each write, so a batch that is written again leaves the same bytes. With gzip each write is a member of its own.
 */
export const FILE_SINK: ConnectorDefinition<SinkSpec, Sink> = {
  validate: (spec) => readFileSinkOptions(spec).problems,
  create: (spec) => new FileSink(readFileSinkOptions(spec).options),
};

class FileSink implements Sink {
  readonly #options: FileSinkOptions;
  readonly #encoder: Encoder;
  #file: OutputFile | undefined;

  constructor(options: FileSinkOptions) {
    this.#options = options;
    this.#encoder =
      options.format === 'csv' ? new CsvEncoder(options) : options.format === 'ndjson' ? NDJSON_ENCODER : TEXT_ENCODER;
  }

  async open({ pipelineId, committed, fresh, signal }: SinkOpenContext): Promise<void> {
    signal.throwIfAborted();
    const before = committed === undefined ? undefined : this.#committedOf(committed).bytes;
    const file = await OutputFile.open(this.#options, `pipeline ${pipelineId}`, before, fresh);
    if (signal.aborted) {
      await file.close();
      throw signal.reason;
    }
    this.#file = file;
  }

  async write(records: readonly unknown[], context: WriteContext): Promise<WriteResult> {
    const file = this.#file;
    if (file === undefined) {
      throw new DataflowError(
        'DATAFLOW_ERR_SINK_UNWRITABLE',
        `Writing ${this.#options.path} failed: the sink is not open. Call open() first.`,
      );
    }
    const before = this.#committedOf(context.committed);
    const { text, refused, columns } = this.#encoder.encode(records, {
      empty: before.bytes === 0,
      columns: before.columns,
    });
    const plain = Buffer.from(text, 'utf8');
    const stored = this.#options.gzip && plain.length > 0 ? await compress(plain) : plain;
    const bytes = await file.append(stored, before.bytes, context.signal);
    const kept = columns ?? before.columns;
    return {
      committed: { bytes, ...(kept !== undefined && { columns: kept }) },
      ...(refused.length > 0 && { rejected: refused }),
    };
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }

  #committedOf(committed: Json | undefined): Committed {
    if (committed === undefined || committed === null) return { bytes: 0, columns: undefined };
    const { bytes, columns } = isMapping(committed) ? committed : {};
    if (typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= 0) {
      return { bytes, columns: Array.isArray(columns) ? columns.map(String) : undefined };
    }
    throw new DataflowError(
      'DATAFLOW_ERR_SINK_CHANGED',
      `The checkpoint holds no length for ${this.#options.path}, so it was not made by a file sink. Remove the pipeline to ` +
        'write everything anew.',
      { details: { path: this.#options.path } },
    );
  }
}
