import { RE2JS } from 're2js';

const CACHED = 1_000;
const compiled = new Map<string, RE2JS>();

/**
 * Whether `pattern` (RE2 syntax) matches somewhere in `text`, in time linear in the text: a pattern out of a record or a
 * specification cannot stall the process.
 *
 * @throws when the pattern is not valid.
 */
export function matchesLinear(text: string, pattern: string): boolean {
  return compile(pattern).matcher(text).find();
}

/** Why the pattern is not valid, or undefined. */
export function patternFault(pattern: string): string | undefined {
  try {
    compile(pattern);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function compile(pattern: string): RE2JS {
  let regex = compiled.get(pattern);
  if (regex === undefined) {
    regex = RE2JS.compile(pattern);
    const oldest = compiled.size >= CACHED ? compiled.keys().next().value : undefined;
    if (oldest !== undefined) compiled.delete(oldest);
    compiled.set(pattern, regex);
  }
  return regex;
}
