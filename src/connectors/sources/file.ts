import { isMapping } from '../../domain/problem-collector.ts';
import type { SourceSpec } from '../../domain/spec.ts';
import type { Checkpoint } from '../../domain/state.ts';
import { DataflowError } from '../../errors.ts';
import type { Source, SourceBatch, SourceContext } from '../../runtime/connector.ts';
import type { ConnectorDefinition } from '../definition.ts';
import { OpenFile } from './byte-input.ts';
import { CsvRecords, CsvRows } from './csv-format.ts';
import { type FileSourceOptions, readFileSourceOptions } from './file-options.ts';
import { NDJSON_FORMAT, TEXT_FORMAT } from './line-formats.ts';
import type { RecordFormat } from './record-format.ts';
import { type Place, RecordReader } from './record-reader.ts';

const START: Place = { byte: 0, line: 1 };

/**
 * Source `file`: CSV, NDJSON or text lines, gzip or not. `connectionString` is a path or a `file:` URL.
 *
 * Offsets count records, rejected ones included. A checkpoint holds the decoded byte and line as well, so reading goes on
 * there at once (a gzip file is unpacked and dropped up to it). An offset without them is reached by reading that many
 * records. Progress is in bytes of the file as stored.
 */
export const FILE_SOURCE: ConnectorDefinition<SourceSpec, Source> = {
  validate: (spec) => readFileSourceOptions(spec).problems,
  create(spec) {
    const { options } = readFileSourceOptions(spec);
    return { read: (checkpoint, context) => readFile(options, checkpoint, context) };
  },
};

async function* readFile(
  options: FileSourceOptions,
  checkpoint: Checkpoint,
  context: SourceContext,
): AsyncGenerator<SourceBatch> {
  const at = placeOf(options.path, checkpoint);
  const { format, start } = await openFormat(options);
  if (format === undefined) return;
  const from = at.place ?? start;
  const file = await OpenFile.open(options, from.byte);
  try {
    const reader = new RecordReader(file, format, options.maxRecordBytes, from);
    if (at.place === undefined && !(await skipRecords(reader, at.offset, options.path))) return;
    let offset = at.offset;
    while (!context.signal.aborted) {
      const { records, rejected } = await reader.next(context.batchSize);
      const count = records.length + rejected.length;
      if (count === 0) return;
      offset += count;
      const { byte, line } = reader.place;
      yield {
        records,
        ...(rejected.length > 0 && { rejected }),
        nextOffset: offset,
        position: { byte, line },
        progress: { done: file.storedDoneAt(byte), total: file.storedBytes },
      };
    }
  } finally {
    await file.close();
  }
}

async function skipRecords(reader: RecordReader, count: number, path: string): Promise<boolean> {
  for (let left = count; left > 0; ) {
    const { records, rejected } = await reader.next(Math.min(left, 10_000));
    const skipped = records.length + rejected.length;
    if (skipped === 0) throw notOurs(path, `it has fewer records than the checkpoint's offset ${count}`);
    left -= skipped;
  }
  return true;
}

function placeOf(path: string, { offset, source }: Checkpoint): { readonly offset: number; readonly place?: Place } {
  if (typeof offset !== 'number' || !Number.isSafeInteger(offset) || offset < 0) {
    throw notOurs(path, 'the offset of the checkpoint is not a number of records');
  }
  if (source === undefined || source === null) return { offset };
  const { byte, line } = isMapping(source) ? source : {};
  if (!isCount(byte) || !isCount(line)) throw notOurs(path, 'the checkpoint holds no byte and line');
  return { offset, place: { byte, line } };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function notOurs(path: string, why: string): DataflowError {
  return new DataflowError(
    'DATAFLOW_ERR_SOURCE_CHANGED',
    `${path} does not match the checkpoint: ${why}. Put the file back, or remove the pipeline to start anew.`,
    { details: { path } },
  );
}

/** The format with its columns, and where the first record begins; no format where the file has no row at all. */
async function openFormat(
  options: FileSourceOptions,
): Promise<{ readonly format: RecordFormat | undefined; readonly start: Place }> {
  if (options.format === 'ndjson') return { format: NDJSON_FORMAT, start: START };
  if (options.format === 'text') return { format: TEXT_FORMAT, start: START };
  const { header } = options.csv;
  if (typeof header !== 'boolean') return { format: csvRecords(options, header), start: START };
  const first = await readFirstRow(options);
  if (first === undefined) return { format: undefined, start: START };
  if (!header) {
    return {
      format: csvRecords(
        options,
        first.row.map((_field, index) => `column${index + 1}`),
      ),
      start: START,
    };
  }
  const columns = first.row.map((name, index) => (name === '' ? `column${index + 1}` : name));
  return { format: csvRecords(options, columns), start: first.end };
}

function csvRecords(options: FileSourceOptions, columns: readonly string[]): RecordFormat {
  const twice = columns.find((column, index) => columns.indexOf(column) !== index);
  if (twice !== undefined) {
    throw new DataflowError(
      'DATAFLOW_ERR_SOURCE_UNREADABLE',
      `${options.path} has two columns named ${JSON.stringify(twice)}. Rename one, or set header to false.`,
      { details: { path: options.path } },
    );
  }
  const unknown = [...options.csv.types.keys()].filter((column) => !columns.includes(column));
  if (unknown.length > 0) {
    throw new DataflowError(
      'DATAFLOW_ERR_CONNECTOR_INVALID',
      `options.types names columns that ${options.path} does not have: ${unknown.join(', ')}. It has: ${columns.join(', ')}.`,
    );
  }
  return new CsvRecords(options.csv, columns);
}

async function readFirstRow(
  options: FileSourceOptions,
): Promise<{ readonly row: readonly string[]; readonly end: Place } | undefined> {
  const file = await OpenFile.open(options, 0);
  try {
    const reader = new RecordReader(file, new CsvRows(options.csv), options.maxRecordBytes, START);
    const { records, rejected } = await reader.next(1);
    const row = records[0] as readonly string[] | undefined;
    if (rejected[0] !== undefined) {
      throw new DataflowError(
        'DATAFLOW_ERR_SOURCE_UNREADABLE',
        `The columns of ${options.path} cannot be read from its first row. ${rejected[0].message}. Mend the row, or name ` +
          'the columns in the option header.',
        { details: { path: options.path } },
      );
    }
    return row === undefined ? undefined : { row, end: reader.place };
  } finally {
    await file.close();
  }
}
