import { own, ProblemCollector } from '../../domain/problem-collector.ts';
import type { SinkSpec } from '../../domain/spec.ts';
import type { Problem } from '../../errors.ts';
import { type FileFormat, isDelimiter } from '../file-format.ts';
import { readFileSpec } from '../file-spec.ts';

export interface FileSinkOptions {
  readonly path: string;
  readonly format: FileFormat;
  readonly gzip: boolean;
  readonly delimiter: string;
  readonly header: boolean;
  /** CSV columns in order; undefined: the fields of the first record. */
  readonly columns: readonly string[] | undefined;
  readonly ifExists: 'overwrite' | 'refuse';
  readonly fsync: boolean;
  readonly createDirectories: boolean;
}

const COMMON_KEYS = ['format', 'gzip', 'ifExists', 'fsync', 'createDirectories'];
const CSV_KEYS = ['delimiter', 'header', 'columns'];

export function readFileSinkOptions(spec: SinkSpec): {
  readonly options: FileSinkOptions;
  readonly problems: readonly Problem[];
} {
  const check = new ProblemCollector();
  const { path, named, format, given } = readFileSpec(check, spec, { common: COMMON_KEYS, csv: CSV_KEYS });
  const flag = (key: string, fallback: boolean): boolean => {
    const value = own(given, key);
    if (value !== undefined && typeof value !== 'boolean') check.refuse(`options.${key}`, 'true or false', value);
    return typeof value === 'boolean' ? value : fallback;
  };
  const delimiter = own(given, 'delimiter') ?? named.delimiter;
  if (format === 'csv' && !isDelimiter(delimiter)) {
    check.refuse('options.delimiter', 'one ASCII character other than a quote', delimiter);
  }
  const options: FileSinkOptions = {
    path,
    format,
    gzip: flag('gzip', named.gzip),
    delimiter: isDelimiter(delimiter) ? delimiter : ',',
    header: flag('header', true),
    columns: readColumns(check, own(given, 'columns')),
    ifExists: check.choice(own(given, 'ifExists'), 'options.ifExists', ['overwrite', 'refuse'] as const, 'overwrite'),
    fsync: flag('fsync', true),
    createDirectories: flag('createDirectories', true),
  };
  return { options, problems: check.problems };
}

function readColumns(check: ProblemCollector, value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined;
  const names = Array.isArray(value) ? value.filter((name) => typeof name === 'string' && name !== '') : [];
  if (Array.isArray(value) && names.length > 0 && new Set(names).size === value.length) return names;
  check.refuse('options.columns', 'a list of different column names', value);
  return undefined;
}
