import { isMapping, joinPath, own, ProblemCollector } from '../../domain/problem-collector.ts';
import type { SourceSpec } from '../../domain/spec.ts';
import type { Problem } from '../../errors.ts';
import { VALUE_TYPES, type ValueType } from '../convert-value.ts';
import { type FileFormat, isDelimiter } from '../file-format.ts';
import { readFileSpec } from '../file-spec.ts';

export interface FileSourceOptions {
  readonly path: string;
  readonly format: FileFormat;
  /** undefined: look at the first bytes. */
  readonly gzip: boolean | undefined;
  readonly encoding: string;
  readonly maxRecordBytes: number;
  readonly csv: CsvOptions;
}

export interface CsvOptions {
  readonly delimiter: string;
  /** One ASCII character; undefined: quotes are ordinary characters. */
  readonly quote: string | undefined;
  /** true: the first line names the columns; false: they are column1, column2 …; a list: these, and no line is skipped. */
  readonly header: boolean | readonly string[];
  readonly types: ReadonlyMap<string, ValueType>;
  readonly inferTypes: boolean;
}

export const MAX_RECORD_BYTES = 16 * 1024 * 1024;

const COMMON_KEYS = ['format', 'gzip', 'encoding', 'maxRecordBytes'];
const CSV_KEYS = ['delimiter', 'quote', 'header', 'types', 'inferTypes'];

export function readFileSourceOptions(spec: SourceSpec): {
  readonly options: FileSourceOptions;
  readonly problems: readonly Problem[];
} {
  const check = new ProblemCollector();
  const { path, named, format, given } = readFileSpec(check, spec, { common: COMMON_KEYS, csv: CSV_KEYS });
  const gzip = own(given, 'gzip');
  if (gzip !== undefined && typeof gzip !== 'boolean') check.refuse('options.gzip', 'true or false', gzip);
  const options: FileSourceOptions = {
    path,
    format,
    gzip: typeof gzip === 'boolean' ? gzip : undefined,
    encoding: readEncoding(check, own(given, 'encoding')),
    maxRecordBytes: check.integer(own(given, 'maxRecordBytes'), 'options.maxRecordBytes', {
      min: 1,
      max: MAX_RECORD_BYTES,
      fallback: MAX_RECORD_BYTES,
    }),
    csv: readCsvOptions(check, format === 'csv' ? given : {}, named.delimiter),
  };
  return { options, problems: check.problems };
}

function readEncoding(check: ProblemCollector, value: unknown): string {
  if (value === undefined) return 'utf-8';
  try {
    if (typeof value === 'string') return new TextDecoder(value).encoding;
  } catch {
    // Refused below.
  }
  check.refuse('options.encoding', 'an encoding such as utf-8, utf-16le or windows-1252', value);
  return 'utf-8';
}

function readCsvOptions(check: ProblemCollector, given: Record<string, unknown>, implied: string): CsvOptions {
  const delimiter = own(given, 'delimiter') ?? implied;
  if (!isDelimiter(delimiter)) check.refuse('options.delimiter', 'one ASCII character other than a quote', delimiter);
  const quote = own(given, 'quote') ?? '"';
  if (quote !== false && !(typeof quote === 'string' && /^[!-~]$/.test(quote) && quote !== delimiter)) {
    check.refuse('options.quote', 'one ASCII character other than the delimiter, or false', quote);
  }
  const inferTypes = own(given, 'inferTypes') ?? false;
  if (typeof inferTypes !== 'boolean') check.refuse('options.inferTypes', 'true or false', inferTypes);
  return {
    delimiter: isDelimiter(delimiter) ? delimiter : ',',
    quote: typeof quote === 'string' ? quote : undefined,
    header: readHeader(check, own(given, 'header') ?? true),
    types: readTypes(check, own(given, 'types')),
    inferTypes: inferTypes === true,
  };
}

function readHeader(check: ProblemCollector, value: unknown): boolean | readonly string[] {
  if (typeof value === 'boolean') return value;
  const names = Array.isArray(value) ? value.filter((name) => typeof name === 'string' && name !== '') : [];
  if (Array.isArray(value) && names.length > 0 && new Set(names).size === value.length) return names;
  check.refuse('options.header', 'true, false or a list of different column names', value);
  return true;
}

function readTypes(check: ProblemCollector, value: unknown): ReadonlyMap<string, ValueType> {
  const types = new Map<string, ValueType>();
  if (value === undefined) return types;
  if (!isMapping(value)) {
    check.refuse('options.types', `a mapping from column to ${VALUE_TYPES.join(', ')}`, value);
    return types;
  }
  for (const [column, type] of Object.entries(value)) {
    types.set(column, check.choice(type, joinPath('options.types', column), VALUE_TYPES, 'string'));
  }
  return types;
}
