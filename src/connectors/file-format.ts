import { extname } from 'node:path';

export const FILE_FORMATS = ['csv', 'ndjson', 'text'] as const;
export type FileFormat = (typeof FILE_FORMATS)[number];

export interface NamedFormat {
  readonly format: FileFormat;
  readonly gzip: boolean;
  /** The delimiter that the name implies: a tab for `.tsv`. */
  readonly delimiter: string;
}

/** What a file's name says: `.csv` `.tsv` `.ndjson` `.jsonl`, each with `.gz` too; anything else is text lines. */
export function formatOfName(path: string): NamedFormat {
  const lower = path.toLowerCase();
  const gzip = lower.endsWith('.gz');
  const extension = extname(gzip ? lower.slice(0, -3) : lower);
  const format =
    extension === '.csv' || extension === '.tsv'
      ? 'csv'
      : extension === '.ndjson' || extension === '.jsonl'
        ? 'ndjson'
        : 'text';
  return { format, gzip, delimiter: extension === '.tsv' ? '\t' : ',' };
}

/** True for what can separate fields: one ASCII character that is neither a quote nor part of a line end. */
export function isDelimiter(value: unknown): value is string {
  return typeof value === 'string' && /^[\t\x20-\x7e]$/.test(value) && value !== '"';
}
