import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Instrument, InstrumentName, Series } from '../api/contract.ts';
import { formatBytes, formatCompact, formatCount, formatMs, formatPercent, formatSeconds } from '../format.ts';
import { type Column, pushed } from '../live/history.ts';
import { usePolled } from '../live/use-polled.ts';
import { Cell, ColumnHead } from '../parts/cells.tsx';
import { say } from '../parts/notice.tsx';
import { Problem } from '../parts/problem.tsx';
import { Sparkline } from '../parts/sparkline.tsx';
import { VirtualRows } from '../parts/virtual-rows.tsx';
import { MANY_SERIES } from '../search/cardinality.ts';
import { promQl } from '../search/promql.ts';
import { quantile } from '../search/quantile.ts';
import { type MetricQuery, matchesLabels } from '../search/query.ts';

const VALUES_MS = 3000;
const KEPT_POINTS = 100;
const ROW_HEIGHT = 44;

interface Row {
  readonly key: string;
  readonly series: Series;
  readonly course: Column;
}

const keyOf = ({ name, labels }: Series): string =>
  `${name}{${Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join()}}`;

/** What is drawn of a series: a gauge's value, a counter's or a histogram's growth since the last look. */
function drawn(series: Series, before: Series | undefined): number | null {
  if (series.kind === 'gauge') return series.value;
  const total = ({ histogram, value }: Series): number | null => histogram?.count ?? value;
  const [now, last] = [total(series), before === undefined ? null : total(before)];
  return now === null || last === null ? null : Math.max(0, now - last);
}

/** The rows of an instrument, each with its course since the panel was opened. */
function useRows(instrument: Instrument | undefined, query: MetricQuery): readonly Row[] {
  const kept = useRef(new Map<string, Row>());
  const rows = useMemo(() => {
    const next = new Map<string, Row>();
    for (const series of instrument?.series ?? []) {
      const key = keyOf(series);
      const old = kept.current.get(key);
      next.set(key, { key, series, course: pushed(old?.course ?? [], drawn(series, old?.series), KEPT_POINTS) });
    }
    return next;
  }, [instrument]);
  useEffect(() => {
    kept.current = rows;
  }, [rows]);
  return useMemo(() => [...rows.values()].filter(({ series }) => matchesLabels(query, series.labels)), [rows, query]);
}

export interface MetricSeriesProps {
  readonly metric: InstrumentName;
  readonly query: MetricQuery;
  readonly onClose: () => void;
}

/** One instrument: what it means, its query, and its series with their values, live while it is open. */
export function MetricSeries({ metric, query, onClose }: MetricSeriesProps) {
  const labels = query.labels.filter(({ value }) => value !== null);
  const filter = labels.map(({ key, value }) => `&label=${encodeURIComponent(`${key}=${value}`)}`).join('');
  const path = `/api/v1/metrics?name=${encodeURIComponent(metric.instrument)}${filter}`;
  const { data, error } = usePolled<{ instruments: readonly Instrument[] }>(path, VALUES_MS);
  const instrument = data?.instruments.find(({ name }) => name === metric.instrument);
  const rows = useRows(instrument, query);
  const wanted = Object.fromEntries(labels.map(({ key, value }) => [key, value!]));
  const [picked, setPicked] = useState<Readonly<Record<string, string>> | null>(null);
  const kind = metric.kind.includes('histogram') ? 'histogram' : metric.kind.includes('gauge') ? 'gauge' : 'counter';
  // A counter's series ends in _total, its family may not.
  const name = kind === 'histogram' ? metric.family : (rows[0]?.series.name ?? metric.family);
  const text = promQl(kind, name, picked ?? wanted);

  return (
    <>
      <div class="panel-head">
        <h2 class="metric-name">{metric.family}</h2>
        <button type="button" class="quiet" aria-label="Close this metric" onClick={onClose}>
          ✕
        </button>
      </div>
      <p class="small metric-help">
        {metric.help}{' '}
        <span class="muted">{[metric.kind, metric.unit, metric.instrument].filter(Boolean).join(' · ')}</span>
      </p>
      {metric.seriesCount > MANY_SERIES && (
        <p class="warning small">
          ▲ {formatCount(metric.seriesCount)} series: more than {MANY_SERIES} are dear to store and to query. Sum over
          the label that makes them, or leave the instrument out with the setting metrics.filter.
        </p>
      )}
      <PromQl text={text} />
      {error !== null && <Problem error={error} />}
      <VirtualRows
        class="series-table"
        label={`Series of ${metric.family}`}
        items={rows}
        rowHeight={ROW_HEIGHT}
        columns={3}
        keyOf={({ key }) => key}
        head={<Heads kind={kind} />}
        render={({ series, course }, tabIndex) => (
          <>
            <Cell>
              <button
                type="button"
                class="labels"
                tabIndex={tabIndex}
                aria-label={`Query for ${keyOf(series)}`}
                onClick={() => setPicked(series.labels)}
              >
                <Labels labels={series.labels} />
              </button>
            </Cell>
            <Cell>
              <Sparkline values={course} />
            </Cell>
            <Cell class="c-value num">{shownValue(series, metric)}</Cell>
          </>
        )}
      />
      <p class="small muted series-foot tabular">
        {formatCount(rows.length)} of {formatCount(metric.seriesCount)} series shown, new values every{' '}
        {VALUES_MS / 1000} s
      </p>
    </>
  );
}

function Heads({ kind }: { readonly kind: Series['kind'] }) {
  return (
    <>
      <ColumnHead>Labels</ColumnHead>
      <ColumnHead>{kind === 'gauge' ? 'Course' : 'Growth'}</ColumnHead>
      <ColumnHead class="c-value">{kind === 'histogram' ? 'p50 · p95 · count' : 'Value'}</ColumnHead>
    </>
  );
}

function Labels({ labels }: { readonly labels: Series['labels'] }) {
  const pairs = Object.entries(labels);
  if (pairs.length === 0) return <span class="muted">no labels</span>;
  return (
    <>
      {pairs.map(([key, value]) => (
        <span class="label" key={key} title={`${key}="${value}"`}>
          <span class="muted">{key}=</span>
          {value}
        </span>
      ))}
    </>
  );
}

function shownValue(series: Series, { unit, family }: InstrumentName): string {
  const format = formatOf(unit, family);
  if (series.histogram === undefined) return format(series.value);
  const { count } = series.histogram;
  return `${format(quantile(series.histogram, 0.5))} · ${format(quantile(series.histogram, 0.95))} · ${formatCompact(count)}`;
}

function formatOf(unit: string, family: string): (value: number | null) => string {
  if (unit === 'By') return formatBytes;
  if (unit === 's' && !family.endsWith('_timestamp_seconds')) return formatSeconds;
  if (family.endsWith('_ms')) return formatMs;
  if (unit === '1' && family.endsWith('_ratio')) return formatPercent;
  return formatCount;
}

function PromQl({ text }: { readonly text: string }) {
  const field = useRef<HTMLInputElement>(null);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      say('Query copied.');
    } catch {
      // Browsers give no clipboard to a page without TLS on another host.
      field.current?.select();
      say('The browser does not let this page copy: press Ctrl+C.');
    }
  };
  return (
    <div class="promql">
      <input ref={field} type="text" readOnly aria-label="PromQL" value={text} />
      <button type="button" onClick={() => void copy()}>
        Copy PromQL
      </button>
    </div>
  );
}
