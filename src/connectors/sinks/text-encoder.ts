import { isMapping } from '../../domain/problem-collector.ts';
import { type Encoder, encodeLines, wellFormed } from './encoding.ts';

/** A line of text a record: the record itself where it is a string, else its field `text`. */
export const TEXT_ENCODER: Encoder = { encode: (records) => encodeLines(records, toTextLine) };

function toTextLine(record: unknown): string {
  const text = isMapping(record) ? record.text : record;
  if (typeof text !== 'string') throw new TypeError('a text file takes strings, or records with a string field text');
  if (/[\r\n]/.test(text)) throw new TypeError('the text holds a line end, so it is not one line');
  return wellFormed(text);
}
