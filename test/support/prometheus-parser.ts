/** A strict reader of the Prometheus text format 0.0.4: it throws on whatever Prometheus or promtool would not take. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string | undefined;
  readonly samples: Sample[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"/;

export function parsePrometheus(text: string): Map<string, Family> {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the text must end with a newline');
  const families = new Map<string, Family & { help: string | undefined }>();
  const seen = new Set<string>();
  let pendingHelp: { name: string; text: string } | undefined;
  let current: Family | undefined;
  for (const line of text.split('\n').slice(0, -1)) {
    if (line.startsWith('# HELP ')) {
      const [, name = '', help = ''] = /^# HELP (\S+) (.*)$/.exec(line) ?? [];
      if (name === '' || pendingHelp !== undefined) throw new Error(`misplaced HELP: ${line}`);
      pendingHelp = { name, text: help };
    } else if (line.startsWith('# TYPE ')) {
      const [, name = '', type = ''] = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line) ?? [];
      if (name === '') throw new Error(`bad TYPE: ${line}`);
      if (families.has(name)) throw new Error(`a second family ${name}`);
      if (pendingHelp !== undefined && pendingHelp.name !== name)
        throw new Error(`HELP of another family before ${line}`);
      current = { name, type, help: pendingHelp?.text, samples: [] };
      families.set(name, current);
      pendingHelp = undefined;
    } else {
      const sample = parseSample(line);
      if (current === undefined || !belongs(sample.name, current))
        throw new Error(`sample outside its family: ${line}`);
      const key = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`;
      if (seen.has(key)) throw new Error(`duplicate sample: ${line}`);
      seen.add(key);
      current.samples.push(sample);
    }
  }
  if (pendingHelp !== undefined) throw new Error('HELP at the end');
  for (const family of families.values()) if (family.type === 'histogram') checkHistogram(family);
  return families;
}

/** The value of the one sample with exactly these labels, undefined where there is none. */
export function sampleValue(
  families: Map<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const wanted = JSON.stringify(Object.entries(labels).sort());
  for (const family of families.values()) {
    for (const sample of family.samples) {
      if (sample.name === name && JSON.stringify(Object.entries(sample.labels).sort()) === wanted) return sample.value;
    }
  }
  return undefined;
}

function belongs(sample: string, { name, type }: Family): boolean {
  return type === 'histogram' ? ['_bucket', '_sum', '_count'].some((end) => sample === name + end) : sample === name;
}

function parseSample(line: string): Sample {
  const name = NAME.exec(line)?.[0];
  if (name === undefined) throw new Error(`not a sample: ${line}`);
  const { labels, rest } = parseLabels(line.slice(name.length), line);
  const [, text = ''] = /^ (\S+)$/.exec(rest) ?? [];
  const value = text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
  if (text === '' || (Number.isNaN(value) && text !== 'NaN')) throw new Error(`bad value: ${line}`);
  return { name, labels, value };
}

/** The labels in braces at the start of a text, if there are any, and what follows. */
export function parseLabels(text: string, line: string): { labels: Record<string, string>; rest: string } {
  const labels: Record<string, string> = {};
  if (!text.startsWith('{')) return { labels, rest: text };
  let rest = text.slice(1);
  while (!rest.startsWith('}')) {
    const match = LABEL.exec(rest);
    if (match === null) throw new Error(`bad label at ${rest} in ${line}`);
    const [whole, key = '', value = ''] = match;
    if (Object.hasOwn(labels, key)) throw new Error(`label ${key} twice: ${line}`);
    if (key.startsWith('__')) throw new Error(`reserved label ${key}: ${line}`);
    if (/\p{Surrogate}/u.test(value)) throw new Error(`half a character: ${line}`);
    labels[key] = value.replaceAll(/\\(.)/g, (_match, escaped) => (escaped === 'n' ? '\n' : String(escaped)));
    rest = rest.slice(whole.length);
    if (rest.startsWith(',')) rest = rest.slice(1);
    else if (!rest.startsWith('}')) throw new Error(`expected , or } at ${rest} in ${line}`);
  }
  return { labels, rest: rest.slice(1) };
}

function checkHistogram(family: Family): void {
  const series = new Map<string, { buckets: [number, number][]; count?: number }>();
  for (const { name, labels, value } of family.samples) {
    const { le, ...own } = labels;
    const key = JSON.stringify(Object.entries(own).sort());
    const entry = series.get(key) ?? { buckets: [] };
    series.set(key, entry);
    if (name.endsWith('_bucket')) {
      if (le === undefined) throw new Error(`${name} without le`);
      entry.buckets.push([le === '+Inf' ? Infinity : Number(le), value]);
    } else if (name.endsWith('_count')) entry.count = value;
  }
  for (const { buckets, count } of series.values()) {
    if (count === undefined) throw new Error(`${family.name} lacks _count`);
    const last = buckets.at(-1);
    if (last?.[0] !== Infinity || last[1] !== count) throw new Error(`${family.name}: +Inf is not the count`);
    for (let index = 1; index < buckets.length; index++) {
      const [bound = 0, value = 0] = buckets[index] ?? [];
      const [lower = 0, less = 0] = buckets[index - 1] ?? [];
      if (!(bound > lower) || value < less) throw new Error(`${family.name}: buckets are not cumulative`);
    }
  }
}
