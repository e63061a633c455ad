/**
 * Reads what an endpoint exposes, as strictly as Prometheus does: one malformed line makes it refuse the whole scrape.
 * What was read before that line is given as well.
 */
import { isUtf8 } from 'node:buffer';
import { type Labels, parseSample, type Sample } from './sample-line.ts';

export type TextFormat = 'classic' | 'openmetrics';

export interface Family {
  /** As the classic format has it: a counter's ends in `_total` whichever format it came in. */
  readonly name: string;
  readonly type: string;
  readonly samples: Sample[];
}

export interface Malformed {
  /** 1-based. */
  readonly line: number;
  readonly text: string;
  readonly problem: string;
}

export interface Exposition {
  readonly format: TextFormat;
  readonly families: ReadonlyMap<string, Family>;
  /** Series that are there twice, as text. */
  readonly duplicates: readonly string[];
  readonly malformed: Malformed | undefined;
}

const TYPES: Readonly<Record<TextFormat, readonly string[]>> = {
  classic: ['counter', 'gauge', 'histogram', 'summary', 'untyped'],
  openmetrics: ['counter', 'gauge', 'histogram', 'gaugehistogram', 'summary', 'info', 'stateset', 'unknown'],
};

const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  histogram: ['_bucket', '_sum', '_count', '_created'],
  gaugehistogram: ['_bucket', '_gsum', '_gcount'],
  summary: ['', '_sum', '_count', '_created'],
  info: ['_info'],
};

export function readExposition(body: Buffer, format: TextFormat): Exposition {
  return new Reader(format).read(body);
}

class Reader {
  readonly #format: TextFormat;
  readonly #families = new Map<string, Family>();
  /** The family that a sample of this name belongs to. */
  readonly #owners = new Map<string, Family>();
  readonly #declared = new Set<string>();
  readonly #seen = new Set<string>();
  readonly #duplicates: string[] = [];
  #hasEnded = false;

  constructor(format: TextFormat) {
    this.#format = format;
  }

  read(body: Buffer): Exposition {
    const malformed = this.#firstProblem(body);
    return { format: this.#format, families: this.#families, duplicates: this.#duplicates, malformed };
  }

  #firstProblem(body: Buffer): Malformed | undefined {
    if (!isUtf8(body)) return { line: 0, text: '', problem: 'the text is not UTF-8' };
    const text = body.toString('utf8');
    let line = 0;
    for (let start = 0; start < text.length; ) {
      const newline = text.indexOf('\n', start);
      const end = newline === -1 ? text.length : newline;
      const content = text.slice(start, end);
      line += 1;
      const problem = this.#hasEnded ? 'there is something after # EOF' : this.#line(content);
      if (problem !== undefined) return { line, text: content, problem };
      if (newline === -1) return { line, text: content, problem: 'the last line is cut off: no line break ends it' };
      start = end + 1;
    }
    if (this.#format === 'openmetrics' && !this.#hasEnded)
      return { line, text: '', problem: 'no # EOF at the end: the text is cut off' };
    return undefined;
  }

  #line(line: string): string | undefined {
    if (line.startsWith('#')) return this.#comment(line);
    if (line.trim() === '') return this.#format === 'classic' ? undefined : 'a blank line is not allowed';
    const sample = parseSample(line, this.#format === 'openmetrics');
    if (typeof sample === 'string') return sample;
    this.#add(sample);
    return undefined;
  }

  #comment(line: string): string | undefined {
    if (this.#format === 'openmetrics' && line === '# EOF') {
      this.#hasEnded = true;
      return undefined;
    }
    const [, keyword, name = '', rest = ''] = /^#[ \t]+(HELP|TYPE|UNIT)[ \t]+([^ \t]+)[ \t]*(.*)$/.exec(line) ?? [];
    if (keyword === undefined) return this.#format === 'classic' ? undefined : 'a comment is not allowed';
    if (!/^[a-zA-Z_:][\w:]*$/.test(name)) return `${name} cannot be the name of a metric`;
    if (keyword !== 'TYPE') return undefined;
    const type = rest.trim();
    if (!TYPES[this.#format].includes(type)) return `${JSON.stringify(type)} is no type of this format`;
    if (this.#declared.has(name)) return `a second type for ${name}`;
    this.#declared.add(name);
    this.#declare(name, type);
    return undefined;
  }

  #declare(name: string, type: string): void {
    const isOpenCounter = this.#format === 'openmetrics' && type === 'counter';
    const suffixes = isOpenCounter ? ['_total', '_created'] : (SUFFIXES[type] ?? ['']);
    const first = `${name}${suffixes[0]}`;
    const family = { name: isOpenCounter || type === 'info' ? first : name, type, samples: [] };
    this.#families.set(family.name, family);
    for (const suffix of suffixes) this.#owners.set(name + suffix, family);
  }

  #add(sample: Sample): void {
    const { name, labels } = sample;
    if (!this.#owners.has(name)) this.#declare(name, 'untyped');
    this.#owners.get(name)!.samples.push(sample);
    const key = seriesText(name, labels);
    if (this.#seen.has(key)) this.#duplicates.push(key);
    else this.#seen.add(key);
  }
}

/** `name{a="1",b="2"}`, labels in the order of their names. */
export function seriesText(name: string, labels: Labels): string {
  const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return pairs.length === 0 ? name : `${name}{${pairs.map(([key, value]) => `${key}=${JSON.stringify(value)}`)}}`;
}
