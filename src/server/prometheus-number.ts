/** A sample value: JavaScript's shortest form reads back as the same number in every parser. */
export function sampleNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}

/**
 * The canonical form that OpenMetrics wants for `le`, so that one boundary is one label value whoever exposes it: `1.0`,
 * `0.005`, `1e-05`, `1e+06`. It is the shortest form of Go's `%g`, with `.0` where nothing else says that it is a float.
 */
export function canonicalFloat(value: number): string {
  if (!Number.isFinite(value)) return sampleNumber(value);
  const [digits = '', exponentText] = value.toExponential().split('e');
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 6) {
    return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
