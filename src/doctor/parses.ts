import { type Check, failed, ok } from './check.ts';
import type { Exposition } from './exposition.ts';

const LONGEST_LINE = 120;
const TITLES = { classic: 'the Prometheus text format', openmetrics: 'OpenMetrics' } as const;

export function parses(expositions: readonly Exposition[]): Check {
  const name = 'parses';
  const bad = expositions.find(({ malformed }) => malformed !== undefined);
  if (bad?.malformed !== undefined) {
    const { line, text, problem } = bad.malformed;
    const shown = text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE)}…` : text;
    const where = line === 0 ? '' : `, line ${line}${shown === '' ? '' : ` (${shown})`}`;
    return failed(name, {
      seen: `not ${TITLES[bad.format]}${where}: ${problem}`,
      remedy:
        'Prometheus refuses the whole scrape for one such line: look for what writes it, the platform, another library on the same endpoint, or a proxy that cuts answers',
    });
  }
  const formats = [...new Set(expositions.map(({ format }) => TITLES[format]))].join(' and ');
  const { families } = expositions.at(-1)!;
  const samples = [...families.values()].reduce((sum, family) => sum + family.samples.length, 0);
  return ok(name, `${samples} samples of ${families.size} metrics, as ${formats}`);
}
