import type { FamilyPoint } from '../telemetry/engine/family.ts';
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
 * The text of a collection in chunks of about 64 kB that end with a line, so that a caller can yield between them. Nothing
 * is read before its chunk is asked for, and a chunk must be used before the next one is: all of them are the same memory.
 * Of two samples with equal labels the first stays.
 */
export function* prometheusText(
  exposed: Exposable,
  { format = 'classic', created = false }: ExpositionOptions = {},
): Generator<Buffer, void, undefined> {
  const open = format === 'openmetrics';
  const out = new TextBuffer();
  const makeRoom = function* (bytes: number): Generator<Buffer, void, undefined> {
    if (out.hasRoom(bytes)) return;
    if (out.length > 0) yield out.take();
    out.reserve(bytes);
  };
  const say = function* (text: string): Generator<Buffer, void, undefined> {
    yield* makeRoom(3 * text.length);
    out.text(text);
  };
  yield* say(targetInfo(exposed, open));
  for (const family of exposedFamilies(exposed)) {
    yield* say(head(family, open));
    const createdBase = created && open && family.type !== 'gauge' ? baseName(family.name, family.type) : '';
    const isHistogram = family.type === 'histogram';
    const name = flat(family.name);
    // Two scopes may hold the same labels, and so may the attribute sets of an instrument that guards none.
    const seen =
      family.metrics.length === 1 && family.metrics[0]?.hasDistinctLabels === true ? undefined : new Set<string>();
    for (const metric of family.metrics) {
      const bounds = bucketBounds(metric.boundaries, open);
      const lines = isHistogram ? bounds.length + 2 : 1;
      const lineLength = longestLine(family.name, bounds) + (isHistogram && open ? EXEMPLAR_LENGTH : 0);
      for (const point of metric.points()) {
        const labels = isHistogram ? histogramLabels(point.series) : seriesLabels(point.series);
        if (seen?.has(labels)) continue;
        seen?.add(labels);
        const room = (lines + 1) * (lineLength + 3 * labels.length);
        if (!out.hasRoom(room)) yield* makeRoom(room);
        if (isHistogram) writeHistogram(out, name, labels, bounds, point, open);
        else writeSample(out, name, '', labels, point.value);
        if (createdBase !== '') writeCreated(out, createdBase, labels, seconds(point.startTimeMs));
      }
    }
  }
  if (open) yield* say('# EOF\n');
  if (out.length > 0) yield out.take();
}

function longestLine(name: string, bounds: readonly string[]): number {
  return name.length + '_created{}'.length + Math.max(...bounds.map(({ length }) => length)) + NUMBER_LENGTH;
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
  bounds: readonly string[],
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
  writeSample(out, name, '_sum', labels, point.value);
  writeSample(out, name, '_count', labels, point.count);
}

function head({ name, type, help, unit }: ExposedFamily, open: boolean): string {
  const title = open ? baseName(name, type) : name;
  let text = help === '' ? '' : `# HELP ${title} ${open ? escapeQuoted(help) : escapeLine(help)}\n`;
  text += `# TYPE ${title} ${type}\n`;
  if (open && unit !== '' && title.endsWith(`_${unit}`)) text += `# UNIT ${title} ${unit}\n`;
  return text;
}

/** `le="10"} ` and so on, the last one of `+Inf`. */
function bucketBounds(boundaries: readonly number[], open: boolean): string[] {
  const bounds = boundaries.map((boundary) =>
    flat(`le="${open ? canonicalFloat(boundary) : sampleNumber(boundary)}"} `),
  );
  return [...bounds, 'le="+Inf"} '];
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
