/** The exposed metrics as JSON: the families, names, labels and numbers that `/metrics` shows. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FamilyPoint, MetricFamily } from '../../telemetry/engine/family.ts';
import { type Exposable, type ExposedFamily, exposedFamilies } from '../exposed-families.ts';
import { labelMap } from '../label-text.ts';

const POINTS_A_TURN = 5000;

export interface ShownHistogram {
  readonly count: number;
  readonly sum: number | null;
  /** Cumulative. */
  readonly buckets: readonly { readonly le: number | '+Inf'; readonly count: number }[];
}

export interface ShownSeries {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly kind: ExposedFamily['type'];
  /** Null for a histogram, and for what JSON has no number for. */
  readonly value: number | null;
  readonly histogram?: ShownHistogram;
}

export interface ShownInstrument {
  readonly name: string;
  readonly family: string;
  readonly kind: ExposedFamily['type'];
  readonly unit: string;
  readonly help: string;
  readonly seriesCount: number;
  readonly series: readonly ShownSeries[];
}

export interface SeriesQuery {
  /** Whether an instrument is wanted at all, by its own name and that of its family. */
  readonly wants: (name: string, family: string) => boolean;
  /** What the labels of a series must hold. */
  readonly labels: ReadonlyMap<string, string>;
  /** Series an instrument. */
  readonly limit: number;
}

export async function shownInstruments(
  collected: Exposable,
  { wants, labels, limit }: SeriesQuery,
): Promise<{ readonly instruments: ShownInstrument[]; readonly truncated: boolean }> {
  const instruments: ShownInstrument[] = [];
  let truncated = false;
  let sinceTurn = 0;
  for (const family of exposedFamilies(collected)) {
    for (const metric of family.metrics) {
      if (!wants(metric.name, family.name)) continue;
      const series: ShownSeries[] = [];
      let seriesCount = 0;
      for (const point of metric.points()) {
        const shown = labelMap(point.series.attributes, metric.kind === 'histogram');
        if (matches(shown, labels)) {
          seriesCount += 1;
          if (series.length < limit) series.push(shownSeries(family, metric, point, shown));
        }
        sinceTurn += 1;
        if (sinceTurn < POINTS_A_TURN) continue;
        sinceTurn = 0;
        await nextTurn();
      }
      truncated ||= seriesCount > series.length;
      if (seriesCount > 0) instruments.push({ ...described(family, metric), seriesCount, series });
    }
  }
  return { instruments, truncated };
}

/** Names without values. */
export function shownNames(collected: Exposable) {
  const names = [];
  for (const family of exposedFamilies(collected)) {
    for (const metric of family.metrics) {
      const attributes = new Set<string>();
      for (const { series } of metric.points()) for (const key of Object.keys(series.attributes)) attributes.add(key);
      const { name: instrument, ...rest } = described(family, metric);
      names.push({ instrument, ...rest, attributes: [...attributes].sort(), seriesCount: metric.size });
    }
  }
  return names;
}

function described({ name, type, help }: ExposedFamily, metric: MetricFamily) {
  return { name: metric.name, family: name, kind: type, unit: metric.unit, help };
}

function matches(labels: ReadonlyMap<string, string>, wanted: ReadonlyMap<string, string>): boolean {
  for (const [name, value] of wanted) if (labels.get(name) !== value) return false;
  return true;
}

function shownSeries(
  { name, type }: ExposedFamily,
  metric: MetricFamily,
  point: FamilyPoint,
  labels: ReadonlyMap<string, string>,
): ShownSeries {
  const shown = { name, labels: Object.fromEntries(labels), kind: type };
  if (type !== 'histogram') return { ...shown, value: finite(point.value) };
  const buckets: { le: number | '+Inf'; count: number }[] = [];
  let count = 0;
  for (const [index, le] of metric.boundaries.entries()) {
    count += point.bucket(index);
    buckets.push({ le, count });
  }
  buckets.push({ le: '+Inf', count: point.count });
  return {
    ...shown,
    value: null,
    histogram: { count: point.count, sum: metric.hasSum ? finite(point.value) : null, buckets },
  };
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
