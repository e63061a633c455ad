import { messageOf } from '../../errors.ts';
import { cutLine, Malformed, type RecordFormat, SKIPPED } from './record-format.ts';

/** A record a line: `{ line, text }`, the 1-based line number and the text without its line end. */
export const TEXT_FORMAT: RecordFormat = {
  cut: cutLine,
  parse: (text, line) => ({ line, text }),
};

/** A JSON value a line. Mostly objects; any other value but null is a record as well. Blank lines are skipped. */
export const NDJSON_FORMAT: RecordFormat = {
  cut: cutLine,
  parse(text) {
    try {
      const value: unknown = JSON.parse(text);
      return value === null ? new Malformed('null is no record') : value;
    } catch (error) {
      return text.trim() === '' ? SKIPPED : new Malformed(`not JSON: ${messageOf(error)}`);
    }
  },
};
