import type { JsonObject } from '../domain/json.ts';
import { DataflowError, type Problem } from '../errors.ts';
import type { JournalEvent, Snapshot } from '../runtime/journal.ts';
import { checkEvent, checkKey, checkSequence, checkSnapshot } from './journal-input.ts';

/** The version of the lines below; a later one is refused. */
export const FORMAT_VERSION = 1;

/**
 * A journal as lines of JSON: first the header, then events in the journal's order, then snapshots. `deleted` comes
 * before the first event of a key whose events up to `to` are gone.
 */
export type Line =
  | { readonly type: 'journal'; readonly version: number }
  | ({ readonly type: 'event'; readonly key: string; readonly sequence: number } & JournalEvent)
  | { readonly type: 'deleted'; readonly key: string; readonly to: number }
  | ({ readonly type: 'snapshot'; readonly key: string } & Snapshot);

export function toText(line: Line): string {
  return `${JSON.stringify(line)}\n`;
}

export function invalidLine(line: number, expected: string, got: string): DataflowError {
  const problem: Problem = { path: `line ${line}`, expected, got };
  return new DataflowError(
    'DATAFLOW_ERR_IMPORT_INVALID',
    `Line ${line} cannot be imported: expected ${expected}, got ${got}; import a file that \`dataflow journal export\` wrote, whole`,
    { problems: [problem], details: { line } },
  );
}

/** @param number 1-based */
export function parseLine(text: string, number: number): Line {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalidLine(number, 'a JSON object', (error as Error).message);
  }
  if (typeof value !== 'object' || value === null) throw invalidLine(number, 'a JSON object', text.slice(0, 40));
  try {
    return checked(value as JsonObject, number);
  } catch (error) {
    if ((error as DataflowError).code !== 'DATAFLOW_ERR_JOURNAL_INPUT_INVALID') throw error;
    throw invalidLine(number, 'what a journal can hold', (error as Error).message);
  }
}

function checked(value: JsonObject, number: number): Line {
  const line = value as unknown as Line;
  switch (line.type) {
    case 'journal':
      if (line.version !== FORMAT_VERSION) {
        throw invalidLine(number, `format version ${FORMAT_VERSION}`, `version ${JSON.stringify(line.version)}`);
      }
      return line;
    case 'event':
      checkKey(line.key);
      checkSequence('The sequence number of the event', line.sequence, 1);
      checkEvent(line);
      return line;
    case 'deleted':
      checkKey(line.key);
      checkSequence('The sequence number to delete to', line.to, 1);
      return line;
    case 'snapshot':
      checkSnapshot(line.key, line);
      if (line.state === undefined) throw invalidLine(number, 'a state', 'none');
      return line;
    default:
      throw invalidLine(number, 'type journal, event, deleted or snapshot', JSON.stringify(value.type) ?? 'none');
  }
}

/** UTF-16 units; one line of an import is held in memory. */
const LONGEST_LINE = 128 * 1024 * 1024;

/** The lines of UTF-8 text. A line ends with a line feed and nothing else: JSON leaves other separators in its strings. */
export async function* splitLines(input: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest: string[] = [];
  let length = 0;
  let number = 1;
  const decode = (bytes?: Uint8Array): string => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch {
      throw invalidLine(number, 'UTF-8', 'other bytes');
    }
  };
  for await (const bytes of input) {
    const parts = decode(bytes).split('\n');
    for (const [index, part] of parts.entries()) {
      if (index > 0) {
        yield rest.join('');
        number++;
        rest = [];
        length = 0;
      }
      rest.push(part);
      length += part.length;
      if (length > LONGEST_LINE) throw invalidLine(number, `at most ${LONGEST_LINE} characters`, 'more');
    }
  }
  rest.push(decode());
  const last = rest.join('');
  if (last !== '') yield last;
}
