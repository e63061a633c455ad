/** UCUM to Prometheus, as the OpenTelemetry–Prometheus compatibility specification lists them. */
const UNITS: Readonly<Record<string, string>> = {
  d: 'days',
  h: 'hours',
  min: 'minutes',
  s: 'seconds',
  ms: 'milliseconds',
  us: 'microseconds',
  ns: 'nanoseconds',
  By: 'bytes',
  KiBy: 'kibibytes',
  MiBy: 'mebibytes',
  GiBy: 'gibibytes',
  TiBy: 'tebibytes',
  KBy: 'kilobytes',
  MBy: 'megabytes',
  GBy: 'gigabytes',
  TBy: 'terabytes',
  m: 'meters',
  V: 'volts',
  A: 'amperes',
  J: 'joules',
  W: 'watts',
  g: 'grams',
  Cel: 'celsius',
  Hz: 'hertz',
  '%': 'percent',
};

const PER: Readonly<Record<string, string>> = {
  s: 'second',
  m: 'minute',
  min: 'minute',
  h: 'hour',
  d: 'day',
  w: 'week',
  mo: 'month',
  y: 'year',
};

function identifier(text: string): string {
  const cleaned = text.replaceAll(/[^a-zA-Z0-9_]/g, '_').replaceAll(/_{2,}/g, '_');
  return /^\d/.test(cleaned) ? `_${cleaned}` : cleaned;
}

/** The suffix that a unit becomes; '' for none. */
export function unitSuffix(unit: string, gauge: boolean): string {
  // Annotations such as {request} say what is counted; they are no unit.
  const bare = unit.replaceAll(/\{[^}]*\}/g, '').trim();
  if (bare === '1') return gauge ? 'ratio' : '';
  const [amount = '', per] = bare.split('/', 2);
  const words = [UNITS[amount] ?? amount];
  if (per) words.push('per', PER[per] ?? UNITS[per] ?? per);
  return identifier(words.filter(Boolean).join('_')).replaceAll(/^_+|_+$/g, '');
}

export type FamilyType = 'counter' | 'gauge' | 'histogram';

/**
 * The family's name by the OpenTelemetry–Prometheus compatibility specification: invalid characters become `_`, the
 * unit a suffix unless the name ends in it already, a counter ends in `_total`. Undefined for a name of which nothing is
 * left.
 */
export function familyName(name: string, unit: string, type: FamilyType): string | undefined {
  let base = identifier(name);
  if (type === 'counter') base = base.replace(/_total$/, '');
  if (base === '' || base === '_') return undefined;
  const suffix = unitSuffix(unit, type === 'gauge');
  if (suffix !== '' && base !== suffix && !base.endsWith(`_${suffix}`)) base = `${base}_${suffix}`;
  return type === 'counter' ? `${base}_total` : base;
}

/** A valid label name; undefined for one of which nothing is left. */
export function labelName(key: string): string | undefined {
  const name = identifier(key);
  return name === '' || name === '_' ? undefined : name;
}
