/** A text as PromQL, YAML and JSON all read it between double quotes. */
export function quote(text: string): string {
  return JSON.stringify(text);
}

/** `name{label="value",…}`; a matcher that is no equality is given whole. */
export function select(name: string, labels: Readonly<Record<string, string>>, ...matchers: readonly string[]): string {
  const equalities = Object.entries(labels).map(([label, value]) => `${label}=${quote(value)}`);
  return `${name}{${[...equalities, ...matchers].join(',')}}`;
}

/** One series a pipeline, whatever process it lived on. */
export function perPipeline(operator: 'sum' | 'max', vector: string): string {
  return `${operator} by (job, pipeline_id) (${vector})`;
}

/** How far the base recordings of counted events look back, and the shortest window of a burn rate. */
export const BASE_WINDOW = '5m';

/**
 * What a counter counted over the last 5 minutes. `increase` sees only what follows the first sample of a series, and
 * a series that an event created has no zero before it; so the first value of a series that was not there in the 5
 * minutes before is added. Where `increase` reaches back to zero by itself, that value counts up to twice.
 */
export function counted(selector: string): string {
  const first = `min_over_time(${selector}[${BASE_WINDOW}]) unless last_over_time(${selector}[${BASE_WINDOW}] offset ${BASE_WINDOW})`;
  return perPipeline(
    'sum',
    `increase(${selector}[${BASE_WINDOW}]) or label_replace(${first}, "counted", "first", "", "")`,
  );
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/** Whole ms as a PromQL duration in the largest unit that says it exactly: `90s`, `10m`, `1d`. */
export function durationText(ms: number): string {
  for (const [unit, size] of UNITS) if (ms % size === 0) return `${ms / size}${unit}`;
  return `${ms}ms`;
}

/** Without the noise of floating point: 1 − 0.999 is 0.001. */
export function exact(value: number): number {
  return Number(value.toPrecision(12));
}
