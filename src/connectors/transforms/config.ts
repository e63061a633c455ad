import { isMapping, joinPath, type ProblemCollector } from '../../domain/problem-collector.ts';
import { expressionProblem, type Wanted } from '../expressions/expression.ts';

/** Refuses what is no expression, or one that is wrong for its place. */
export function checkExpression(check: ProblemCollector, value: unknown, path: string, wanted: Wanted): void {
  if (typeof value !== 'string' || value.trim() === '') {
    check.refuse(path, 'a CEL expression', value);
    return;
  }
  const problem = expressionProblem(value, wanted, path);
  if (problem !== undefined) check.problems.push(problem);
}

/** Refuses what is no mapping from field name to what `checkValue` accepts. */
export function checkFields(
  check: ProblemCollector,
  value: unknown,
  expected: string,
  checkValue: (value: unknown, path: string) => void,
): void {
  if (!isMapping(value) || Object.keys(value).length === 0) {
    check.refuse('config.fields', `a mapping from field name to ${expected}`, value);
    return;
  }
  for (const [name, item] of Object.entries(value)) {
    const path = joinPath('config.fields', name);
    if (isFieldName(name)) checkValue(item, path);
    else check.refuse(path, 'a non-empty field name other than __proto__', name);
  }
}

export function isFieldName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value !== '__proto__';
}

/** The entries of a checked mapping. */
export function entriesOf(value: unknown): [string, unknown][] {
  return isMapping(value) ? Object.entries(value) : [];
}
