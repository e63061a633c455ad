import { diag } from '@opentelemetry/api';
import type { FamilyKind, MetricFamily, Scrape } from '../telemetry/engine/family.ts';
import { type FamilyType, familyName, unitSuffix } from './prometheus-names.ts';
import { sdkFamilies } from './sdk-families.ts';

/** What is exposed: a scrape of the engine, or a plain collection of the SDK. */
export type Exposable = Pick<Scrape, 'resource' | 'scopeMetrics'> & Partial<Pick<Scrape, 'families'>>;

/** Everything that is shown under one name: the metrics of one name of all scopes. */
export interface ExposedFamily {
  /** A counter's ends in `_total`. */
  readonly name: string;
  readonly type: FamilyType;
  readonly help: string;
  /** As a suffix of the name; '' where there is none. */
  readonly unit: string;
  readonly metrics: MetricFamily[];
}

const TYPES: Readonly<Record<FamilyKind, FamilyType>> = {
  counter: 'counter',
  updowncounter: 'gauge',
  gauge: 'gauge',
  histogram: 'histogram',
};

/**
 * Scopes are not labels. Of two metrics that clash in type or in the name of a sample the first stays: one invalid line
 * would make Prometheus refuse the whole target. Clashes are judged by both formats, so that both show the same series.
 */
export function exposedFamilies({ families = [], scopeMetrics }: Exposable): Iterable<ExposedFamily> {
  const byName = new Map<string, ExposedFamily>();
  const takenNames = new Set(['target', 'target_info']);
  const add = (metric: MetricFamily): void => {
    if (metric.size === 0) return;
    const type = TYPES[metric.kind];
    const name = familyName(metric.name, metric.unit, type);
    if (name === undefined) {
      warnOfName(metric);
      return;
    }
    const known = byName.get(name);
    if (known?.type === type && (type !== 'histogram' || hasBoundariesOf(known, metric))) {
      known.metrics.push(metric);
      return;
    }
    const names = sampleNames(name, type);
    if (names.some((sample) => takenNames.has(sample))) {
      diag.warn(`The metric ${metric.name} of ${metric.scope.name} is not exposed: the name ${name} is taken`);
      return;
    }
    for (const sample of names) takenNames.add(sample);
    const unit = unitSuffix(metric.unit, type === 'gauge');
    byName.set(name, { name, type, help: metric.description, unit, metrics: [metric] });
  };
  for (const metric of families) add(metric);
  for (const metric of sdkFamilies(scopeMetrics)) add(metric);
  return byName.values();
}

const warned = new Set<string>();

/** Once: it will be the same at every scrape. */
function warnOfName({ name, scope }: MetricFamily): void {
  if (warned.has(name)) return;
  warned.add(name);
  diag.warn(
    `The metric ${JSON.stringify(name)} of ${scope.name} is not exposed: Prometheus has no name for it; use letters a to z`,
  );
}

/** Buckets of different bounds in one family cannot be added up, and mislead every quantile. */
function hasBoundariesOf({ metrics: [first] }: ExposedFamily, { boundaries }: MetricFamily): boolean {
  return (
    first?.boundaries.length === boundaries.length && boundaries.every((b, index) => b === first.boundaries[index])
  );
}

function sampleNames(name: string, type: FamilyType): string[] {
  if (type === 'gauge') return [name];
  const base = baseName(name, type);
  return type === 'counter'
    ? [base, name, `${base}_created`]
    : [base, `${base}_bucket`, `${base}_sum`, `${base}_count`, `${base}_created`];
}

/** What OpenMetrics calls the family: a counter without `_total`. */
export function baseName(name: string, type: FamilyType): string {
  return type === 'counter' ? name.replace(/_total$/, '') : name;
}
