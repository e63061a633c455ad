import { type Family, parseLabels, type Sample } from './prometheus-parser.ts';

export interface OpenMetricsSample extends Sample {
  readonly exemplar?: {
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
    readonly time: number;
  };
}

export interface OpenMetricsFamily extends Family {
  readonly unit: string;
  readonly samples: OpenMetricsSample[];
}

const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  gauge: [''],
  counter: ['_total', '_created'],
  histogram: ['_bucket', '_sum', '_count', '_created'],
  info: ['_info'],
};

const NUMBER = String.raw`[+-]?(?:Inf|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)|NaN`;
const CANONICAL = /^(?:\+Inf|-?\d+\.\d+|-?\d+(?:\.\d+)?e[+-]\d{2,})$/;

/** A strict reader of OpenMetrics 1.0, written from its grammar: it throws on whatever the specification forbids. */
export function parseOpenMetrics(text: string): Map<string, OpenMetricsFamily> {
  if (!text.endsWith('# EOF\n')) throw new Error('no EOF at the end');
  const lines = text.split('\n').slice(0, -2);
  const families = new Map<string, OpenMetricsFamily>();
  const names = new Map<string, string>();
  const seen = new Set<string>();
  let open: { name: string; help?: string; unit?: string; type?: string } | undefined;
  let current: OpenMetricsFamily | undefined;
  for (const line of lines) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE|UNIT) ([a-zA-Z_:][\w:]*)(?: (.*))?$/.exec(line) ?? [];
    if (keyword !== undefined) {
      if (families.has(name)) throw new Error(`family ${name} comes again: ${line}`);
      if (open?.name !== name) open = { name };
      const key = keyword.toLowerCase() as 'help' | 'type' | 'unit';
      if (open[key] !== undefined) throw new Error(`a second ${keyword}: ${line}`);
      if (key === 'help' && /(?<!\\)(?:\\\\)*"/.test(rest)) throw new Error(`a quote in HELP: ${line}`);
      if (key === 'unit' && rest !== '' && !name.endsWith(`_${rest}`)) throw new Error(`not the unit: ${line}`);
      open[key] = rest;
      continue;
    }
    if (line.startsWith('#') || line === '') throw new Error(`no comment and no blank line is allowed: ${line}`);
    if (open !== undefined) {
      const { name: family, type = 'unknown', help, unit = '' } = open;
      const suffixes = SUFFIXES[type];
      if (suffixes === undefined) throw new Error(`type ${type} of ${family}`);
      current = { name: family, type, help, unit, samples: [] };
      families.set(family, current);
      for (const suffix of new Set(['', ...suffixes])) {
        const other = names.get(family + suffix);
        if (other !== undefined) throw new Error(`${family} and ${other} share ${family + suffix}`);
        names.set(family + suffix, family);
      }
      open = undefined;
    }
    if (current === undefined) throw new Error(`a sample without a family: ${line}`);
    const sample = parseSample(line, current);
    const key = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`;
    if (seen.has(key)) throw new Error(`duplicate sample: ${line}`);
    seen.add(key);
    current.samples.push(sample);
  }
  if (open !== undefined) throw new Error('a family without samples at the end');
  for (const { name, samples } of families.values()) {
    const count = (suffix: string): number => samples.filter((sample) => sample.name === name + suffix).length;
    if (count('_sum') !== count('_count')) throw new Error(`${name} has a _sum without _count, or the other way round`);
  }
  return families;
}

function parseSample(line: string, family: OpenMetricsFamily): OpenMetricsSample {
  const [name = ''] = /^[a-zA-Z_:][\w:]*/.exec(line) ?? [];
  if (!SUFFIXES[family.type]?.some((suffix) => name === family.name + suffix)) {
    throw new Error(`not a sample of ${family.type} ${family.name}: ${line}`);
  }
  const { labels, rest } = parseLabels(line.slice(name.length), line);
  const [, value, mark] = new RegExp(`^ (${NUMBER})(?: # (.*))?$`, 'i').exec(rest) ?? [];
  if (value === undefined) throw new Error(`bad value: ${line}`);
  if (name.endsWith('_bucket') && !CANONICAL.test(labels.le ?? '')) throw new Error(`le is not canonical: ${line}`);
  const sample = { name, labels, value: toNumber(value) };
  if (family.type === 'counter' && !(sample.value >= 0)) throw new Error(`a counter below 0: ${line}`);
  if (mark === undefined) return sample;
  if (!/_bucket$|_total$/.test(name)) throw new Error(`no exemplar is allowed here: ${line}`);
  const exemplar = parseLabels(mark, line);
  const [, marked = '', time = ''] = new RegExp(`^ (${NUMBER}) (\\d+(?:\\.\\d+)?)$`).exec(exemplar.rest) ?? [];
  if (marked === '') throw new Error(`bad exemplar: ${line}`);
  if (Object.entries(exemplar.labels).flat().join('').length > 128) throw new Error(`long exemplar: ${line}`);
  return { ...sample, exemplar: { labels: exemplar.labels, value: toNumber(marked), time: Number(time) } };
}

function toNumber(text: string): number {
  return /inf/i.test(text) ? (text.startsWith('-') ? -Infinity : Infinity) : Number(text);
}
