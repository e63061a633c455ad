import { messageOf } from '../../errors.ts';

/** A record that the sink refuses, by its index in the write. */
export interface RefusedRecord {
  readonly index: number;
  readonly code: 'DATAFLOW_ERR_SINK_REFUSED_RECORD';
  readonly message: string;
}

export interface Encoded {
  /** Whole lines. */
  readonly text: string;
  readonly refused: readonly RefusedRecord[];
  /** CSV: the columns of the file from now on. */
  readonly columns?: readonly string[];
}

/** What of the file's past matters for the next lines. */
export interface FileSoFar {
  readonly empty: boolean;
  readonly columns: readonly string[] | undefined;
}

export interface Encoder {
  encode(records: readonly unknown[], file: FileSoFar): Encoded;
}

export function refusal(index: number, reason: string): RefusedRecord {
  return { index, code: 'DATAFLOW_ERR_SINK_REFUSED_RECORD', message: reason.split('\n', 1)[0]!.slice(0, 300) };
}

/** Encodes each record as one line; a throw refuses that record alone. */
export function encodeLines(
  records: readonly unknown[],
  toLine: (record: unknown) => string,
): { readonly text: string; readonly refused: readonly RefusedRecord[] } {
  const refused: RefusedRecord[] = [];
  let text = '';
  for (let index = 0; index < records.length; index++) {
    try {
      text += `${toLine(records[index])}\n`;
    } catch (error) {
      refused.push(refusal(index, messageOf(error)));
    }
  }
  return { text, refused };
}

/** @throws TypeError for text with half a surrogate pair, which UTF-8 cannot hold. */
export function wellFormed(text: string): string {
  if (!(text as string & { isWellFormed(): boolean }).isWellFormed()) {
    throw new TypeError('the record holds half a character (a lone surrogate)');
  }
  return text;
}
