import { isMapping, type Mapping, own, type ProblemCollector } from '../domain/problem-collector.ts';
import type { SinkSpec, SourceSpec } from '../domain/spec.ts';
import { FILE_FORMATS, type FileFormat, formatOfName, type NamedFormat } from './file-format.ts';
import { pathOf } from './file-path.ts';

export interface FileSpec {
  /** Empty where the connection string is no path, which is then a problem. */
  readonly path: string;
  /** What the name says. */
  readonly named: NamedFormat;
  /** What the options say, else the name. */
  readonly format: FileFormat;
  readonly given: Mapping;
}

/** What the file source and the file sink read alike; `csv` are the further options that only that format has. */
export function readFileSpec(
  check: ProblemCollector,
  spec: SourceSpec | SinkSpec,
  keys: { readonly common: readonly string[]; readonly csv: readonly string[] },
): FileSpec {
  const path = pathOf(spec.connectionString);
  if (path === undefined) check.refuse('connectionString', 'a path or a file: URL', spec.connectionString);
  const named = formatOfName(path ?? '');
  const given = isMapping(spec.options) ? spec.options : {};
  const format = check.choice(own(given, 'format'), 'options.format', FILE_FORMATS, named.format);
  check.mapping(spec.options, 'options', format === 'csv' ? [...keys.common, ...keys.csv] : keys.common);
  return { path: path ?? '', named, format, given };
}
