import { parse, stringify } from 'yaml';

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** In s: a window must hold a sample or two of a scrape each two seconds. */
const SHORTEST = 5;

interface Rule {
  expr: string;
  for?: string;
}

/**
 * Rules that see a minute in a second's part: every duration, and every number that is a duration in seconds, `factor`
 * times shorter; groups are evaluated each second.
 *
 * @param replace text of an expression that depends on the machine, and what stands for it in the test
 */
export function fasterRules(text: string, factor: number, replace: Readonly<Record<string, string>> = {}): string {
  const rules = parse(text) as { groups: { interval?: string; rules: Rule[] }[] };
  for (const group of rules.groups) {
    group.interval = '1s';
    for (const rule of group.rules) {
      rule.expr = fasterExpression(rule.expr, factor);
      for (const [from, to] of Object.entries(replace)) rule.expr = rule.expr.replaceAll(from, to);
      if (rule.for !== undefined) rule.for = fasterDuration(rule.for, factor);
    }
  }
  return stringify(rules);
}

function fasterExpression(expression: string, factor: number): string {
  return (
    expression
      .replaceAll(/(?<=\[|:|offset )\d+[smhd]/g, (duration) => fasterDuration(duration, factor))
      // A window in seconds that a count is divided by, or an age that is compared.
      .replaceAll(/(?<=[/*] )(?:60|300|900)\b|(?<=> )(?:1200|3900)\b/g, (seconds) => String(Number(seconds) / factor))
  );
}

function fasterDuration(duration: string, factor: number): string {
  const [, amount = '', unit = ''] = /^(\d+)([smhd])$/.exec(duration) ?? [];
  const seconds = (Number(amount) * SECONDS[unit]!) / factor;
  if (!(seconds > 0)) throw new Error(`${duration} is no duration`);
  return `${Math.max(Math.ceil(seconds), SHORTEST)}s`;
}
