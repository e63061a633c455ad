import { HOST_SERIES } from '../../dashboards/kit/host-series.ts';
import { INSTRUMENT_LIST } from '../../src/metrics/names.ts';
import { familyName } from '../../src/server/prometheus-names.ts';

export interface KnownSeries {
  readonly kind: 'counter' | 'gauge';
  readonly labels: readonly string[];
}

/** What Prometheus adds to each target. */
export const TARGET_LABELS: readonly string[] = ['job', 'instance'];

/** Every series of the platform and of Prometheus itself that a query may name, as Prometheus stores it. */
export const KNOWN_SERIES: ReadonlyMap<string, KnownSeries> = new Map([
  ...INSTRUMENT_LIST.flatMap(({ name, unit, kind, attributes }): [string, KnownSeries][] => {
    const family = familyName(name, unit, kind)!;
    const labels = [...attributes, ...TARGET_LABELS];
    if (kind !== 'histogram') return [[family, { kind, labels }]];
    return [
      [`${family}_bucket`, { kind: 'counter', labels: [...labels, 'le'] }],
      [`${family}_sum`, { kind: 'counter', labels }],
      [`${family}_count`, { kind: 'counter', labels }],
    ];
  }),
  ...Object.values(HOST_SERIES).map(({ series: name, kind, attributes }): [string, KnownSeries] => [
    name,
    { kind, labels: [...attributes, ...TARGET_LABELS] },
  ]),
  ['up', { kind: 'gauge', labels: TARGET_LABELS }],
  ['ALERTS', { kind: 'gauge', labels: [...TARGET_LABELS, 'alertname', 'alertstate', 'severity', 'pipeline_id'] }],
]);
