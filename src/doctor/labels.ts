import { type Check, type Fault, failed, listed, ok, warning } from './check.ts';
import { DOCUMENTED } from './expected.ts';
import type { Exposition, Family } from './exposition.ts';
import type { Sample } from './sample-line.ts';

/** What is on the samples of any metric: the bounds of buckets, and the mark of a series that took what was too much. */
const STRUCTURAL: readonly string[] = ['le', 'otel_metric_overflow'];

/** Whether every documented metric has its documented labels, and no series is there twice. */
export function labels({ families, duplicates }: Exposition): Check {
  const name = 'labels';
  const lacking: string[] = [];
  const added: string[] = [];
  let scoped = 0;
  for (const family of families.values()) {
    const attributes = DOCUMENTED.get(family.name)?.attributes.map((key) => key.replaceAll('.', '_'));
    if (attributes === undefined) continue;
    const present = family.samples.filter((sample) => sample.labels.otel_metric_overflow === undefined);
    const lacks = attributes.filter((key) => present.some((sample) => sample.labels[key] === undefined));
    const keys = new Set(present.flatMap((sample) => Object.keys(sample.labels)));
    const more = [...keys].filter((key) => !attributes.includes(key) && !STRUCTURAL.includes(key));
    if (lacks.length > 0) lacking.push(`${family.name} without ${lacks.join(', ')}`);
    if (more.some((key) => key.startsWith('otel_scope_'))) scoped += 1;
    const others = more.filter((key) => !key.startsWith('otel_scope_'));
    if (others.length > 0) added.push(`${family.name} with ${others.join(', ')}`);
  }
  if (lacking.length > 0) {
    return failed(name, {
      seen: `labels are missing: ${listed(lacking)}`,
      remedy:
        'something between here and the platform drops labels, or it is of another version: the documented queries join and group by them',
    });
  }
  if (duplicates.length > 0) {
    return failed(name, {
      seen: `series that are there twice: ${listed(duplicates, 3)}`,
      remedy: 'Prometheus drops or refuses them: look for a second library, or two registries joined on one endpoint',
    });
  }
  const faults: Fault[] = [];
  if (scoped > 0) {
    faults.push({
      seen: `${scoped} metrics carry otel_scope_ labels`,
      remedy:
        'the exporter of a host application adds them: set its withoutScopeInfo (collector: without_scope_info), or add `without (otel_scope_name, otel_scope_version)` to queries',
    });
  }
  if (added.length > 0) {
    faults.push({
      seen: `labels that are not documented: ${listed(added)}`,
      remedy:
        'what adds them splits series that the dashboards expect to be one: sum by the documented labels, or drop them with labeldrop',
    });
  }
  if (faults.length === 0) return ok(name, 'as documented, no series twice');
  return warning(name, {
    seen: faults.map(({ seen }) => seen).join('; '),
    remedy: faults.map(({ remedy }) => remedy).join('; '),
  });
}

/** Whether the histograms have the boundaries that are documented or configured. */
export function buckets({ families }: Exposition, configured: Readonly<Record<string, readonly number[]>>): Check {
  const name = 'buckets';
  const broken: string[] = [];
  const others: string[] = [];
  let count = 0;
  for (const family of families.values()) {
    const definition = DOCUMENTED.get(family.name);
    if (definition?.buckets === undefined) continue;
    count += 1;
    const expected = configured[definition.name] ?? definition.buckets;
    const seriesBounds = boundsOf(family);
    if (seriesBounds.some((bounds) => bounds.at(-1) !== Number.POSITIVE_INFINITY)) broken.push(family.name);
    const wanted = [...expected, Number.POSITIVE_INFINITY].join(' ');
    const other = seriesBounds.find((bounds) => bounds.join(' ') !== wanted);
    if (other !== undefined) others.push(`${family.name} has ${other.slice(0, -1).join(', ') || 'none'}`);
  }
  if (broken.length > 0) {
    return failed(name, {
      seen: `histograms without the bucket le="+Inf": ${listed(broken)}`,
      remedy: 'histogram_quantile gives NaN without it: look for what drops buckets on the way here',
    });
  }
  if (others.length > 0) {
    return warning(name, {
      seen: `other boundaries than documented or configured: ${listed(others, 3)}`,
      remedy:
        'compare metrics.buckets of that process with this configuration; quantiles of instances with different boundaries cannot be added up',
    });
  }
  return ok(name, count === 0 ? 'no histogram has a value yet' : `${count} histograms with the expected boundaries`);
}

function boundsOf({ name, samples }: Family): number[][] {
  const bySeries = new Map<string, number[]>();
  for (const sample of samples) {
    if (sample.name !== `${name}_bucket`) continue;
    const key = ownLabels(sample);
    const bounds = bySeries.get(key) ?? [];
    bySeries.set(key, bounds);
    const { le = '' } = sample.labels;
    bounds.push(le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le));
  }
  return [...bySeries.values()].map((bounds) => bounds.sort((a, b) => a - b));
}

function ownLabels({ labels: { le: _le, ...own } }: Sample): string {
  return JSON.stringify(Object.entries(own).sort());
}
