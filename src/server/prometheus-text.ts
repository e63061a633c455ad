import type { FamilyPoint } from '../telemetry/engine/family.ts';
import { baseName, type Exposable, type ExposedFamily, exposedFamilies } from './exposed-families.ts';
import { escapeLine, escapeQuoted, histogramLabels, labelText, seriesLabels } from './label-text.ts';
import { canonicalFloat, sampleNumber } from './prometheus-number.ts';

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

const CHUNK_LENGTH = 16_384;

/**
 * The text of a collection in chunks of about 16 kB, so that a caller can yield between them. Nothing is read before its
 * chunk is asked for. Of two samples with equal labels the first stays.
 */
export function* prometheusText(
  exposed: Exposable,
  { format = 'classic', created = false }: ExpositionOptions = {},
): Generator<string, void, undefined> {
  const open = format === 'openmetrics';
  let chunk = targetInfo(exposed, open);
  for (const family of exposedFamilies(exposed)) {
    chunk += head(family, open);
    // Two attribute sets may become equal as labels, and two scopes may hold the same one.
    const seen = new Set<string>();
    const isHistogram = family.type === 'histogram';
    const base = baseName(family.name, family.type);
    for (const metric of family.metrics) {
      const bounds = bucketBounds(metric.boundaries, open);
      for (const point of metric.points()) {
        const labels = isHistogram ? histogramLabels(point.series) : seriesLabels(point.series);
        if (seen.has(labels)) continue;
        seen.add(labels);
        const own = labels === '' ? '' : `{${labels}}`;
        chunk += isHistogram
          ? histogram(family.name, labels, own, bounds, point, open)
          : `${family.name}${own} ${sampleNumber(point.value)}\n`;
        if (created && open && family.type !== 'gauge') {
          chunk += `${base}_created${own} ${seconds(point.startTimeMs)}\n`;
        }
        if (chunk.length >= CHUNK_LENGTH) {
          yield chunk;
          chunk = '';
        }
      }
    }
  }
  if (open) chunk += '# EOF\n';
  if (chunk !== '') yield chunk;
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
  const bounds = boundaries.map((boundary) => `le="${open ? canonicalFloat(boundary) : sampleNumber(boundary)}"} `);
  return [...bounds, 'le="+Inf"} '];
}

function histogram(
  name: string,
  labels: string,
  own: string,
  bounds: readonly string[],
  point: FamilyPoint,
  open: boolean,
): string {
  const line = `${name}_bucket{${labels === '' ? '' : `${labels},`}`;
  const last = bounds.length - 1;
  let text = '';
  let cumulative = 0;
  for (let index = 0; index <= last; index++) {
    cumulative += point.bucket(index);
    text += `${line}${bounds[index]}${index === last ? point.count : cumulative}`;
    text += open ? `${exemplarText(point, index)}\n` : '\n';
  }
  return `${text}${name}_sum${own} ${sampleNumber(point.value)}\n${name}_count${own} ${point.count}\n`;
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
