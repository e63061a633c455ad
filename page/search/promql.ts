import type { Series } from '../api/contract.ts';

const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

function selector(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([key, value]) => {
    const name = LABEL_NAME.test(key) ? key : JSON.stringify(key);
    return `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
  });
  return pairs.length === 0 ? '' : `{${pairs.join(', ')}}`;
}

/** The query that an operator would write for it: a rate, the 95th percentile, or the value. */
export function promQl(kind: Series['kind'], name: string, labels: Readonly<Record<string, string>>): string {
  if (kind === 'counter') return `rate(${name}${selector(labels)}[5m])`;
  if (kind === 'gauge') return `${name}${selector(labels)}`;
  return `histogram_quantile(0.95, sum by (le) (rate(${name}_bucket${selector(labels)}[5m])))`;
}
