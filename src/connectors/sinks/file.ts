import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Json } from '../../domain/json.ts';
import { isMapping } from '../../domain/problem-collector.ts';
import type { SinkSpec } from '../../domain/spec.ts';
import { DataflowError } from '../../errors.ts';
import type { Sink, SinkLease, SinkOpenContext, WriteContext, WriteResult } from '../../runtime/connector.ts';
import type { ConnectorDefinition } from '../definition.ts';
import { realPathOf } from '../file-path.ts';
import { CsvEncoder } from './csv-encoder.ts';
import type { Encoder } from './encoding.ts';
import { type FileSinkOptions, readFileSinkOptions } from './file-options.ts';
import { NDJSON_ENCODER } from './ndjson-encoder.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { OutputFile } from './output-file.ts';
import { TEXT_ENCODER } from './text-encoder.ts';

const compress = promisify(gzip);

interface Committed {
  readonly bytes: number;
  /** Of the lease it was written under; 0: of none. */
  readonly epoch: number;
  readonly columns: readonly string[] | undefined;
}

/**
 * Sink `file`: CSV, NDJSON or text lines, gzip or not. `connectionString` is a path or a `file:` URL.
 *
 * Effectively once: `committed` is the length of the file (and its CSV columns); what lies beyond it is cut off before
 * each write, so a batch that is written again leaves the same bytes. With gzip each write is a member of its own.
 * Under a lease this holds against older owners of the pipeline too, whatever they still do: see `file-fence.ts`.
 */
export const FILE_SINK: ConnectorDefinition<SinkSpec, Sink> = {
  validate: (spec) => readFileSinkOptions(spec).problems,
  create: (spec) => new FileSink(readFileSinkOptions(spec).options),
};

class FileSink implements Sink {
  readonly #options: FileSinkOptions;
  readonly #encoder: Encoder;
  #file: OutputFile | undefined;
  #epoch: number | undefined;

  constructor(options: FileSinkOptions) {
    this.#options = options;
    this.#encoder =
      options.format === 'csv' ? new CsvEncoder(options) : options.format === 'ndjson' ? NDJSON_ENCODER : TEXT_ENCODER;
  }

  async open({ lease, ...context }: SinkOpenContext): Promise<void> {
    context.signal.throwIfAborted();
    if (lease === undefined) {
      await this.#open(this.#options, context, lease);
    } else {
      // Beside the file that is written, and in its place, not in that of a link to it.
      const path = realPathOf(this.#options.path);
      await oneAtATime(path, () => this.#open({ ...this.#options, path }, context, lease));
    }
    this.#epoch = lease?.epoch;
  }

  async #open(
    options: FileSinkOptions,
    { pipelineId, committed, fresh, signal }: SinkOpenContext,
    lease: SinkLease | undefined,
  ): Promise<void> {
    signal.throwIfAborted();
    const { bytes, epoch } = this.#committedOf(committed);
    const before = committed === undefined ? undefined : bytes;
    const opening = { pipelineId, committed: before, committedEpoch: epoch, fresh, lease, signal };
    const file = await OutputFile.open(options, opening);
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
    const epoch = this.#epoch;
    return {
      committed: { bytes, ...(kept !== undefined && { columns: kept }), ...(epoch !== undefined && { epoch }) },
      ...(refused.length > 0 && { rejected: refused }),
    };
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }

  #committedOf(committed: Json | undefined): Committed {
    if (committed === undefined || committed === null) return { bytes: 0, epoch: 0, columns: undefined };
    const { bytes, epoch, columns } = isMapping(committed) ? committed : {};
    if (typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= 0) {
      return {
        bytes,
        epoch: typeof epoch === 'number' ? epoch : 0,
        columns: Array.isArray(columns) ? columns.map(String) : undefined,
      };
    }
    throw new DataflowError(
      'DATAFLOW_ERR_SINK_CHANGED',
      `The checkpoint holds no length for ${this.#options.path}, so it was not made by a file sink. Remove the pipeline to ` +
        'write everything anew.',
      { details: { path: this.#options.path } },
    );
  }
}
