import { Environment } from '@marcbachmann/cel-js';
import { matchesLinear } from './linear-regex.ts';

/** The name under which `matches` runs: the library's own cannot be replaced and backtracks without limit. */
export const LINEAR_MATCHES = 'matchesLinear';

type Arithmetic = (a: number, b: number) => number;

const ARITHMETIC: Readonly<Record<string, Arithmetic>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
};

/**
 * CEL over `record` and `metadata`. Numbers of a record are doubles and literals such as `1` are ints, which CEL does not
 * mix; here it does, as doubles, and functions that want an int take a whole double.
 */
export function createEnvironment(): Environment {
  const environment = new Environment({ homogeneousAggregateLiterals: false })
    .registerVariable('record', 'dyn')
    .registerVariable('metadata', 'map<string, dyn>')
    .registerFunction(`string.${LINEAR_MATCHES}(string): bool`, matchesLinear)
    .registerFunction(`${LINEAR_MATCHES}(string, string): bool`, matchesLinear)
    .registerFunction('string.substring(double): string', (text: string, start: number) =>
      substring(text, start, text.length),
    )
    .registerFunction('timestamp(double): google.protobuf.Timestamp', (seconds: number) => toTimestamp(seconds))
    .registerOperator('double % double: double', ARITHMETIC['%']!);
  for (const [operator, compute] of Object.entries(ARITHMETIC)) {
    environment.registerOperator(`double ${operator} int: double`, (a: number, b: bigint) => compute(a, Number(b)));
    environment.registerOperator(`int ${operator} double: double`, (a: bigint, b: number) => compute(Number(a), b));
  }
  for (const [start, end] of [
    ['double', 'double'],
    ['double', 'int'],
    ['int', 'double'],
  ]) {
    environment.registerFunction(
      `string.substring(${start}, ${end}): string`,
      (text: string, from: number | bigint, to: number | bigint) => substring(text, Number(from), Number(to)),
    );
  }
  return environment;
}

function substring(text: string, from: number, to: number): string {
  const inside = Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from <= to && to <= text.length;
  if (!inside) throw new RangeError(`substring from ${from} to ${to} is out of range`);
  return text.slice(from, to);
}

function toTimestamp(seconds: number): Date {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) throw new RangeError(`timestamp(${seconds}) is out of range`);
  return date;
}
