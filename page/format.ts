/** How numbers, times and texts read on the page. What is not known reads as an en dash. */
export const UNKNOWN = '–';

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const oneDigit = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const twoDigits = new Intl.NumberFormat('en', { maximumFractionDigits: 2 });
const significant = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

type Unknown = null | undefined;

const known = (value: number | Unknown): value is number =>
  value !== null && value !== undefined && !Number.isNaN(value);

export function formatCount(value: number | Unknown): string {
  if (!known(value)) return UNKNOWN;
  return Math.abs(value) < 1e7 ? whole.format(value) : compact.format(value);
}

/** At most five characters for what is under 10^15: for axes and narrow cells. */
export function formatCompact(value: number | Unknown): string {
  if (!known(value)) return UNKNOWN;
  if (value !== 0 && Math.abs(value) < 1) return significant.format(value);
  return Math.abs(value) < 100 ? oneDigit.format(value) : compact.format(value);
}

export function formatRate(perSecond: number | Unknown): string {
  return known(perSecond) ? `${formatCompact(perSecond)}/s` : UNKNOWN;
}

export function formatMs(ms: number | Unknown): string {
  if (!known(ms)) return UNKNOWN;
  if (ms === 0) return '0 ms';
  if (ms < 1) return `${significant.format(ms * 1000)} µs`;
  if (ms < 1000) return `${significant.format(ms)} ms`;
  if (ms < 60_000) return `${significant.format(ms / 1000)} s`;
  return formatDuration(ms / 1000);
}

export const formatSeconds = (seconds: number | Unknown): string => formatMs(known(seconds) ? seconds * 1000 : null);

export function formatPercent(ratio: number | Unknown): string {
  if (!known(ratio)) return UNKNOWN;
  return `${(Math.abs(ratio) < 0.1 ? twoDigits : oneDigit).format(ratio * 100)} %`;
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function formatBytes(bytes: number | Unknown): string {
  if (!known(bytes)) return UNKNOWN;
  const power = Math.min(BYTE_UNITS.length - 1, bytes < 1024 ? 0 : Math.floor(Math.log2(bytes) / 10));
  return `${significant.format(bytes / 1024 ** power)} ${BYTE_UNITS[power]}`;
}

/** Two units at most: `3 d 4 h`, `12 min 5 s`. */
export function formatDuration(seconds: number | Unknown): string {
  if (!known(seconds)) return UNKNOWN;
  const total = Math.max(0, Math.floor(seconds));
  const parts: [number, string][] = [
    [Math.floor(total / 86_400), 'd'],
    [Math.floor(total / 3600) % 24, 'h'],
    [Math.floor(total / 60) % 60, 'min'],
    [total % 60, 's'],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  if (first === -1) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(' ');
}

/** `12 s ago`; in one unit, so that it keeps its width. */
export function formatAgo(iso: string | Unknown, nowMs: number): string {
  if (iso === null || iso === undefined) return UNKNOWN;
  const seconds = Math.max(0, (nowMs - Date.parse(iso)) / 1000);
  if (seconds < 2) return 'just now';
  return `${formatDuration(seconds).split(' ').slice(0, 2).join(' ')} ago`;
}

const two = (value: number): string => String(value).padStart(2, '0');

/** The local time of day. */
export function formatClock(ms: number): string {
  const date = new Date(ms);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
}

/** Local date and time, to the second. */
export function formatTime(iso: string | Unknown): string {
  if (iso === null || iso === undefined) return UNKNOWN;
  const date = new Date(iso);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${formatClock(date.getTime())}`;
}

/** A setting's or a label's value as text. */
export function formatValue(value: unknown): string {
  if (value === undefined || value === null || value === '') return UNKNOWN;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
