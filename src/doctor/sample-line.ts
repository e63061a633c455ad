export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
  /** ms since the epoch, where the line says when. */
  readonly timestamp?: number;
}

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL = /[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\["\\n])*)"[ \t]*(,?)[ \t]*/y;
const NUMBER = /^(?:[+-]?(?:\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|inf|infinity)|nan)$/i;
const NO_LABELS: Labels = Object.freeze({});

/** The sample of a line of either format, or what is wrong with the line. */
export function parseSample(line: string, isOpen: boolean): Sample | string {
  NAME.lastIndex = 0;
  const name = NAME.exec(line)?.[0];
  if (name === undefined) return 'expected the name of a metric';
  let at = name.length;
  let labels: Record<string, string> | undefined;
  const brace = isOpen ? at : skipBlanks(line, at);
  if (line[brace] === '{') {
    const read = parseLabels(line, brace + 1);
    if (typeof read === 'string') return read;
    ({ labels, end: at } = read);
  }
  const rest = line.slice(at);
  const [values, exemplar] = isOpen ? splitExemplar(rest) : [rest, undefined];
  const fields = values.split(isOpen ? ' ' : /[ \t]+/);
  if (fields[0] === '') fields.shift();
  if (!isOpen && fields.at(-1) === '') fields.pop();
  const [text = '', time] = fields;
  if (!NUMBER.test(text)) return text === '' ? 'expected a value' : 'the value is no number';
  if (fields.length > 2) return 'there is something after the value';
  if (time !== undefined && !(isOpen ? NUMBER : /^-?\d+$/).test(time)) return 'the timestamp is no number';
  if (exemplar !== undefined && !isExemplar(exemplar)) return 'the exemplar is malformed';
  const sample = { name, labels: labels ?? NO_LABELS, value: numberOf(text) };
  return time === undefined ? sample : { ...sample, timestamp: Number(time) * (isOpen ? 1000 : 1) };
}

function parseLabels(line: string, start: number): { labels: Record<string, string>; end: number } | string {
  const labels: Record<string, string> = {};
  let at = start;
  let mayGoOn = true;
  while (line[skipBlanks(line, at)] !== '}') {
    LABEL.lastIndex = at;
    const match: RegExpExecArray | null = mayGoOn ? LABEL.exec(line) : null;
    if (match === null) return 'the labels are malformed';
    const [, key = '', value = '', comma]: readonly (string | undefined)[] = match;
    if (Object.hasOwn(labels, key)) return `the label ${key} is there twice`;
    labels[key] = value.includes('\\') ? value.replaceAll(/\\(.)/g, (_whole, c) => (c === 'n' ? '\n' : c)) : value;
    mayGoOn = comma === ',';
    at = LABEL.lastIndex;
  }
  return { labels, end: skipBlanks(line, at) + 1 };
}

function skipBlanks(line: string, start: number): number {
  let at = start;
  while (line[at] === ' ' || line[at] === '\t') at += 1;
  return at;
}

function splitExemplar(rest: string): [string, string | undefined] {
  const mark = rest.indexOf(' # ');
  return mark === -1 ? [rest, undefined] : [rest.slice(0, mark), rest.slice(mark + 3)];
}

function isExemplar(text: string): boolean {
  if (!text.startsWith('{')) return false;
  const read = parseLabels(text, 1);
  if (typeof read === 'string') return false;
  const [blank, value = '', time] = text.slice(read.end).split(' ');
  return blank === '' && NUMBER.test(value) && (time === undefined || NUMBER.test(time));
}

function numberOf(text: string): number {
  if (/^nan$/i.test(text)) return Number.NaN;
  if (/inf/i.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(text);
}
