import { convertValue, inferValue, NOT_CONVERTIBLE, type ValueType } from '../convert-value.ts';
import type { CsvOptions } from './file-options.ts';
import { type Cut, Malformed, type RecordFormat, setEnd } from './record-format.ts';

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/**
 * RFC 4180 with any one-character delimiter and quote. A quote opens a field only as its first character; a record with
 * a misplaced or unclosed quote is malformed, and reading goes on with the line after the one it began on.
 */
export class CsvRows implements RecordFormat {
  readonly #delimiter: string;
  readonly #delimiterByte: number;
  readonly #quote: string | undefined;
  readonly #quoteByte: number;
  #bytes: Buffer | undefined;
  /** The first quote at or after the record being cut; past every index when there is none. */
  #quoteAt = 0;

  constructor({ delimiter, quote }: Pick<CsvOptions, 'delimiter' | 'quote'>) {
    this.#delimiter = delimiter;
    this.#delimiterByte = delimiter.charCodeAt(0);
    this.#quote = quote;
    this.#quoteByte = quote === undefined ? -1 : quote.charCodeAt(0);
  }

  cut(bytes: Buffer, from: number, ended: boolean, cut: Cut): boolean {
    if (bytes !== this.#bytes || this.#quoteAt < from) {
      this.#bytes = bytes;
      this.#quoteAt = this.#findQuote(bytes, from);
    }
    const newline = bytes.indexOf(NEWLINE, from);
    cut.lines = 1;
    cut.fault = undefined;
    if (this.#quoteAt > (newline === -1 ? bytes.length : newline)) {
      if (newline === -1 && !ended) return false;
      setEnd(bytes, from, newline, cut);
      return true;
    }
    const found = this.#cutQuoted(bytes, from, ended, cut);
    if (found && cut.fault !== undefined) {
      if (newline === -1 && !ended) return false;
      setEnd(bytes, from, newline, cut);
    }
    return found;
  }

  /** The fields of a row as text. */
  parse(text: string): readonly string[] | Malformed {
    return this.#quote === undefined || !text.includes(this.#quote)
      ? text.split(this.#delimiter)
      : this.#quotedFields(text, this.#quote);
  }

  #findQuote(bytes: Buffer, from: number): number {
    const at = this.#quote === undefined ? -1 : bytes.indexOf(this.#quoteByte, from);
    return at === -1 ? Number.POSITIVE_INFINITY : at;
  }

  #cutQuoted(bytes: Buffer, from: number, ended: boolean, cut: Cut): boolean {
    let quote = this.#quoteAt;
    let position = from;
    for (;;) {
      const newline = bytes.indexOf(NEWLINE, position);
      if (quote > (newline === -1 ? bytes.length : newline)) {
        if (newline === -1 && !ended) return false;
        setEnd(bytes, from, newline, cut);
        cut.lines = countLines(bytes, from, cut.next);
        return true;
      }
      if (quote !== from && bytes[quote - 1] !== this.#delimiterByte) {
        cut.fault = 'a quote inside a field that does not begin with one';
        return true;
      }
      const close = this.#findClose(bytes, quote + 1);
      if (close === -1) {
        cut.fault = 'a quoted field that is never closed';
        return ended;
      }
      const after = bytes[close + 1];
      if (!ended && (after === undefined || (after === RETURN && close + 2 === bytes.length))) return false;
      const crlf = after === RETURN && (bytes[close + 2] === NEWLINE || close + 2 === bytes.length);
      if (after !== undefined && after !== this.#delimiterByte && after !== NEWLINE && !crlf) {
        cut.fault = 'text between a closing quote and the delimiter';
        return true;
      }
      position = close + 1;
      quote = this.#findQuote(bytes, position);
    }
  }

  /** The index of the quote that closes a field whose content starts at `from`; a doubled quote is content. */
  #findClose(bytes: Buffer, from: number): number {
    let close = bytes.indexOf(this.#quoteByte, from);
    while (close !== -1 && bytes[close + 1] === this.#quoteByte) close = bytes.indexOf(this.#quoteByte, close + 2);
    return close;
  }

  #quotedFields(text: string, quote: string): string[] {
    const fields: string[] = [];
    for (let position = 0; ; position += 1) {
      if (text[position] === quote) {
        let field = '';
        let from = position + 1;
        let close = text.indexOf(quote, from);
        while (text[close + 1] === quote) {
          field += text.slice(from, close + 1);
          from = close + 2;
          close = text.indexOf(quote, from);
        }
        fields.push(field + text.slice(from, close));
        position = close + 1;
      } else {
        const delimiter = text.indexOf(this.#delimiter, position);
        const end = delimiter === -1 ? text.length : delimiter;
        fields.push(text.slice(position, end));
        position = end;
      }
      if (position >= text.length) return fields;
    }
  }
}

function countLines(bytes: Buffer, from: number, to: number): number {
  let lines = 0;
  for (let at = bytes.indexOf(NEWLINE, from); at !== -1 && at < to; at = bytes.indexOf(NEWLINE, at + 1)) lines += 1;
  return Math.max(1, lines);
}

/** Rows as objects by column. A row with another number of columns, or a cell that its type refuses, is malformed. */
export class CsvRecords implements RecordFormat {
  readonly #rows: CsvRows;
  readonly #columns: readonly string[];
  readonly #types: readonly (ValueType | undefined)[];
  readonly #typed: boolean;
  readonly #inferTypes: boolean;
  readonly #plainKeys: boolean;

  constructor(options: CsvOptions, columns: readonly string[]) {
    this.#rows = new CsvRows(options);
    this.#columns = columns;
    this.#types = columns.map((column) => options.types.get(column));
    this.#typed = options.inferTypes || options.types.size > 0;
    this.#inferTypes = options.inferTypes;
    this.#plainKeys = !columns.includes('__proto__');
  }

  cut(bytes: Buffer, from: number, ended: boolean, cut: Cut): boolean {
    return this.#rows.cut(bytes, from, ended, cut);
  }

  parse(text: string): unknown {
    const fields = this.#rows.parse(text);
    if (fields instanceof Malformed) return fields;
    const columns = this.#columns;
    if (fields.length !== columns.length) {
      return new Malformed(`expected ${columns.length} columns, found ${fields.length}`);
    }
    const values = this.#typed ? this.#convert(fields) : fields;
    if (values instanceof Malformed) return values;
    // Assignment would set the prototype instead of a column of that name.
    if (!this.#plainKeys) return Object.fromEntries(columns.map((column, index) => [column, values[index]]));
    const record: Record<string, unknown> = {};
    for (let index = 0; index < columns.length; index++) record[columns[index]!] = values[index];
    return record;
  }

  #convert(fields: readonly string[]): readonly unknown[] | Malformed {
    const values: unknown[] = [];
    for (let index = 0; index < fields.length; index++) {
      const type = this.#types[index];
      const text = fields[index]!;
      const value = type === undefined ? (this.#inferTypes ? inferValue(text) : text) : convertValue(text, type);
      if (value === NOT_CONVERTIBLE) {
        return new Malformed(`column ${this.#columns[index]} holds no ${type}: ${JSON.stringify(text.slice(0, 60))}`);
      }
      values.push(value);
    }
    return values;
  }
}
