import { stringify } from 'csv-stringify/sync';
import { isMapping } from '../../domain/problem-collector.ts';
import { messageOf } from '../../errors.ts';
import { type Encoded, type Encoder, type FileSoFar, type RefusedRecord, refusal, wellFormed } from './encoding.ts';
import type { FileSinkOptions } from './file-options.ts';
import { toJsonLine } from './ndjson-encoder.ts';

/**
 * CSV with fixed columns: those of the options, which select from each record, or the fields of the file's first record.
 * Then a record with a field more is refused rather than cut; a missing field is an empty cell. Lists and objects in a
 * cell are JSON, dates ISO 8601.
 */
export class CsvEncoder implements Encoder {
  readonly #options: FileSinkOptions;

  constructor(options: FileSinkOptions) {
    this.#options = options;
  }

  encode(records: readonly unknown[], file: FileSoFar): Encoded {
    const refused: RefusedRecord[] = [];
    const rows: string[][] = [];
    let columns = this.#options.columns ?? file.columns;
    for (let index = 0; index < records.length; index++) {
      try {
        const record = records[index];
        if (!isMapping(record)) throw new TypeError('a CSV file takes records with fields');
        const wanted = columns ?? columnsOf(record);
        if (this.#options.columns === undefined) refuseExtra(record, wanted);
        rows.push(wanted.map((column) => toCell(Object.hasOwn(record, column) ? record[column] : undefined)));
        columns = wanted;
      } catch (error) {
        refused.push(refusal(index, messageOf(error)));
      }
    }
    if (columns === undefined) return { text: '', refused };
    if (file.empty && this.#options.header && rows.length > 0) rows.unshift([...columns]);
    return { text: this.#format(rows, columns.length === 1), refused, columns };
  }

  #format(rows: readonly string[][], single: boolean): string {
    return stringify(rows as string[][], {
      delimiter: this.#options.delimiter,
      // A lone empty cell would be a blank line, which readers skip.
      quoted_empty: single,
      // A byte order mark at the start of the file would be taken for one.
      quoted_match: /^\uFEFF|\r/,
    });
  }
}

function columnsOf(record: Readonly<Record<string, unknown>>): readonly string[] {
  const columns = Object.keys(record);
  if (columns.length === 0) throw new TypeError('the first record has no fields to name the columns');
  for (const column of columns) wellFormed(column);
  return columns;
}

function refuseExtra(record: Readonly<Record<string, unknown>>, columns: readonly string[]): void {
  for (const field of Object.keys(record)) {
    if (columns.includes(field)) continue;
    throw new TypeError(`the file has no column for the field ${JSON.stringify(field.slice(0, 60))}`);
  }
}

function toCell(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return wellFormed(value);
    case 'boolean':
      return String(value);
    case 'number':
      if (Number.isFinite(value)) return String(value);
      throw new TypeError(`a cell cannot hold ${value}`);
    case 'undefined':
      return '';
    case 'object':
      if (value === null) return '';
      return value instanceof Date ? isoOf(value) : toJsonLine(value);
    default:
      throw new TypeError(`a cell cannot hold a ${typeof value}`);
  }
}

function isoOf(date: Date): string {
  if (Number.isNaN(date.getTime())) throw new TypeError('a cell cannot hold an invalid date');
  return date.toISOString();
}
