import type { FamilyPoint, MetricFamily } from '../telemetry/engine/family.ts';
import { baseName, type Exposable, type ExposedFamily, exposedFamilies } from './exposed-families.ts';
import { escapeLine, escapeQuoted, flat, histogramLabels, labelText, seriesLabels } from './label-text.ts';
import { canonicalFloat, sampleNumber } from './prometheus-number.ts';
import { TextBuffer } from './text-buffer.ts';

/** `classic` is the Prometheus text format 0.0.4, `openmetrics` OpenMetrics 1.0. */
export type ExpositionFormat = 'classic' | 'openmetrics';

export const CONTENT_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  classic: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

export interface ExpositionOptions {
  /** Default: classic. */
  readonly format?: ExpositionFormat;
  /** Adds the `_created` samples of OpenMetrics; default false. */
  readonly created?: boolean;
}

/** A number, the separators and the line's end. */
const NUMBER_LENGTH = 32;
/** ` # {trace_id="…",span_id="…"} value time`. */
const EXEMPLAR_LENGTH = 150;

/**
 * The text of a collection in chunks of 64 kB or more that end with a line, so that a caller can yield between them. Nothing
 * is read before its chunk is asked for, and a chunk must be used before the next one is: all of them are the same memory.
 * Of two samples with equal labels the first stays.
 */
export function* prometheusText(
  exposed: Exposable,
  { format = 'classic', created = false }: ExpositionOptions = {},
): Generator<Buffer, void, undefined> {
  const open = format === 'openmetrics';
  const out = takeBuffer();
  try {
    say(out, targetInfo(exposed, open));
    for (const family of exposedFamilies(exposed)) {
      say(out, head(family, open));
      const createdBase = created && open && family.type !== 'gauge' ? flat(baseName(family.name, family.type)) : '';
      // Two scopes may hold the same labels, and so may the attribute sets of an instrument that guards none.
      const isDistinct = family.metrics.length === 1 && family.metrics[0]?.hasDistinctLabels === true;
      const seen = isDistinct ? undefined : new Set<string>();
      const name = flat(family.name);
      for (const metric of family.metrics) {
        const histogram = family.type === 'histogram' ? histogramText(metric, open) : undefined;
        const points = metric.points()[Symbol.iterator]();
        while (!fill(out, points, name, histogram, open, createdBase, seen)) yield out.take();
      }
    }
    if (open) say(out, '# EOF\n');
    if (out.length > 0) yield out.take();
  } finally {
    giveBack(out);
  }
}

/**
 * Used again by the next scrape: its memory, and the code that V8 has compiled for its shape, which is lost at a full
 * garbage collection when no object has that shape.
 */
let spare: TextBuffer | undefined;

function takeBuffer(): TextBuffer {
  const out = spare ?? new TextBuffer();
  spare = undefined;
  return out;
}

function giveBack(out: TextBuffer): void {
  out.take();
  if (!out.hasGrown) spare = out;
}

function say(out: TextBuffer, text: string): void {
  out.ensureRoom(3 * text.length);
  out.text(text);
}

/**
 * Writes points until a chunk is full, which gives false, or until there are no more. A point is written as soon as it is
 * taken: its series may be gone when the chunk has been sent.
 */
function fill(
  out: TextBuffer,
  points: Iterator<FamilyPoint>,
  name: string,
  histogram: HistogramText | undefined,
  open: boolean,
  createdBase: string,
  seen: Set<string> | undefined,
): boolean {
  const bounds = histogram?.bounds;
  const lines = bounds === undefined ? 2 : bounds.length + 3;
  const lineLength = longestLine(name, bounds) + (bounds !== undefined && open ? EXEMPLAR_LENGTH : 0);
  while (!out.isFull) {
    const next = points.next();
    if (next.done === true) return true;
    const point = next.value;
    const labels = histogram === undefined ? seriesLabels(point.series) : histogramLabels(point.series);
    if (seen?.has(labels)) continue;
    seen?.add(labels);
    out.ensureRoom(lines * (lineLength + 3 * labels.length));
    if (histogram === undefined) writeSample(out, name, '', labels, point.value);
    else writeHistogram(out, name, labels, histogram, point, open);
    if (createdBase !== '') writeCreated(out, createdBase, labels, seconds(point.startTimeMs));
  }
  return false;
}

function longestLine(name: string, bounds: readonly string[] = []): number {
  return name.length + '_created{}'.length + Math.max(0, ...bounds.map(({ length }) => length)) + NUMBER_LENGTH;
}

function writeStart(out: TextBuffer, name: string, suffix: string, labels: string): void {
  out.text(name);
  out.text(suffix);
  if (labels !== '') {
    out.text('{');
    out.text(labels);
    out.text('}');
  }
  out.text(' ');
}

function writeCreated(out: TextBuffer, name: string, labels: string, text: string): void {
  writeStart(out, name, '_created', labels);
  out.text(text);
  out.text('\n');
}

function writeSample(out: TextBuffer, name: string, suffix: string, labels: string, value: number): void {
  writeStart(out, name, suffix, labels);
  out.number(value);
  out.text('\n');
}

function writeHistogram(
  out: TextBuffer,
  name: string,
  labels: string,
  { bounds, hasSum }: HistogramText,
  point: FamilyPoint,
  open: boolean,
): void {
  const start = out.length;
  out.text(name);
  out.text('_bucket{');
  if (labels !== '') {
    out.text(labels);
    out.text(',');
  }
  const end = out.length;
  const last = bounds.length - 1;
  let cumulative = 0;
  for (let index = 0; index <= last; index++) {
    if (index > 0) out.again(start, end);
    out.text(bounds[index]!);
    cumulative += point.bucket(index);
    out.number(index === last ? point.count : cumulative);
    if (open) out.text(exemplarText(point, index));
    out.text('\n');
  }
  if (hasSum) writeSample(out, name, '_sum', labels, point.value);
  // OpenMetrics wants the count if and only if there is a sum; it is in the last bucket anyway.
  if (hasSum || !open) writeSample(out, name, '_count', labels, point.count);
}

function head({ name, type, help, unit }: ExposedFamily, open: boolean): string {
  const title = open ? baseName(name, type) : name;
  let text = help === '' ? '' : `# HELP ${title} ${open ? escapeQuoted(help) : escapeLine(help)}\n`;
  text += `# TYPE ${title} ${type}\n`;
  if (open && unit !== '' && title.endsWith(`_${unit}`)) text += `# UNIT ${title} ${unit}\n`;
  return text;
}

interface HistogramText {
  /** `le="10"} ` and so on, the last one of `+Inf`. */
  readonly bounds: readonly string[];
  readonly hasSum: boolean;
}

function histogramText({ boundaries, hasSum }: MetricFamily, open: boolean): HistogramText {
  const bounds = boundaries.map((boundary) =>
    flat(`le="${open ? canonicalFloat(boundary) : sampleNumber(boundary)}"} `),
  );
  return { bounds: [...bounds, 'le="+Inf"} '], hasSum };
}

function exemplarText(point: FamilyPoint, bucket: number): string {
  const exemplar = point.exemplar(bucket);
  if (exemplar === undefined) return '';
  const { traceId, spanId, value, timeMs } = exemplar;
  return ` # {trace_id="${traceId}",span_id="${spanId}"} ${sampleNumber(value)} ${seconds(timeMs)}`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

function targetInfo({ resource }: Exposable, open: boolean): string {
  const labels = labelText(resource.attributes);
  if (labels === '') return '';
  const title = open ? 'target' : 'target_info';
  return `# HELP ${title} Target metadata\n# TYPE ${title} ${open ? 'info' : 'gauge'}\ntarget_info{${labels}} 1\n`;
}
