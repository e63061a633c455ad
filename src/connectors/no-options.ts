import type { JsonObject } from '../domain/json.ts';
import { ProblemCollector } from '../domain/problem-collector.ts';
import type { Problem } from '../errors.ts';

/** Refuses every option, for a connector that has none. */
export function refuseOptions({ options }: { readonly options: JsonObject }): readonly Problem[] {
  const check = new ProblemCollector();
  for (const key of Object.keys(options)) check.refuse(`options.${key}`, 'no option', options[key]);
  return check.problems;
}
