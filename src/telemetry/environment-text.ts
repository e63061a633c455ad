/** Gives undefined for a variable that is not set, and for one with a bad value after it has noted the problem. */
export type ReadVariable = <T>(name: string, parse: (text: string) => T | undefined, expected: string) => T | undefined;

/** The W3C Baggage form that OpenTelemetry prescribes: percent-encoded values, white space around them ignored. */
export function parseAttributes(text: string): Record<string, string> | undefined {
  const attributes: Record<string, string> = {};
  for (const pair of text.split(',')) {
    if (pair.trim() === '') continue;
    const at = pair.indexOf('=');
    const key = pair.slice(0, Math.max(at, 0)).trim();
    if (key === '') return undefined;
    try {
      const name = decodeURIComponent(key);
      // An assignment to this name sets no property.
      if (name === '__proto__') return undefined;
      attributes[name] = decodeURIComponent(pair.slice(at + 1).trim());
    } catch {
      return undefined;
    }
  }
  return attributes;
}
