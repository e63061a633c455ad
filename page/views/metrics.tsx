import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Instrument, InstrumentName } from '../api/contract.ts';
import { formatCount } from '../format.ts';
import { usePolled } from '../live/use-polled.ts';
import { Problem } from '../parts/problem.tsx';
import { rememberParameters, route } from '../routing.ts';
import { MANY_SERIES } from '../search/cardinality.ts';
import { matchesInstrument, parseQuery } from '../search/query.ts';
import { MetricSeries } from './metric-series.tsx';

const NAMES_MS = 30_000;
const EXAMPLES = ['type:histogram', 'name:batches', 'label:error_code', '/gc|heap/'];

export function MetricsView() {
  const { parameters } = route.value;
  const [text, setText] = useState(parameters.get('q') ?? '');
  const [chosen, setChosen] = useState(parameters.get('metric') ?? '');
  const query = useMemo(() => parseQuery(text), [text]);
  const asked = query.labels
    .filter(({ value }) => value !== null)
    .map(({ key, value }) => `label=${encodeURIComponent(`${key}=${value}`)}`);
  const byValue = asked.length > 0;
  const { data, error } = usePolled<{ metrics: readonly InstrumentName[] }>('/status/metrics', NAMES_MS);
  // Which instruments have a series with this very value only the series tell; one of each is enough.
  const found = usePolled<{ instruments: readonly Instrument[] }>(
    byValue ? `/api/v1/metrics?${asked.join('&')}&limit=1` : null,
    null,
  );
  useEffect(() => rememberParameters({ q: text, metric: chosen }), [text, chosen]);

  // What is new goes to the end, so that nothing moves under the eye.
  const places = useRef(new Map<string, number>());
  const metrics = useMemo(() => {
    const known = places.current;
    for (const { instrument } of data?.metrics ?? []) if (!known.has(instrument)) known.set(instrument, known.size);
    return [...(data?.metrics ?? [])].sort((a, b) => known.get(a.instrument)! - known.get(b.instrument)!);
  }, [data]);

  const shown = useMemo(() => {
    const holding =
      found.data === null
        ? null
        : new Set(found.data.instruments.filter(({ series }) => series.length > 0).map(({ name }) => name));
    return metrics.filter(
      (metric) => matchesInstrument(query, metric) && (!byValue || holding === null || holding.has(metric.instrument)),
    );
  }, [metrics, found.data, query, byValue]);
  const current = data?.metrics.find(({ instrument }) => instrument === chosen) ?? null;

  return (
    <section class="view fill" aria-labelledby="view-title">
      <div class="view-head">
        <h1 id="view-title">Metrics</h1>
        <span class="muted tabular" aria-live="polite">
          {data === null ? '' : `${formatCount(shown.length)} of ${formatCount(data.metrics.length)}`}
        </span>
      </div>
      <div class="filters">
        <input
          type="search"
          class="search"
          data-search
          placeholder="name: type: label:key=value /regex/ or words"
          aria-label="Search metrics"
          aria-describedby="search-help"
          aria-keyshortcuts="/"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <p id="search-help" class="search-help small">
          {query.problem !== null ? (
            <span class="bad">{query.problem}</span>
          ) : (
            <>
              <span class="muted">Try</span>
              {EXAMPLES.map((example) => (
                <button type="button" class="link" key={example} onClick={() => setText(example)}>
                  {example}
                </button>
              ))}
            </>
          )}
        </p>
      </div>
      {(error ?? found.error) !== null && <Problem error={(error ?? found.error)!} />}
      <div class={current === null ? 'explorer' : 'explorer chosen'}>
        <ul class="instruments" aria-label="Instruments">
          {shown.map((metric) => (
            <li key={metric.instrument}>
              <button
                type="button"
                class="instrument"
                aria-pressed={metric.instrument === chosen}
                onClick={() => setChosen(metric.instrument)}
              >
                <span class="instrument-name">{metric.family}</span>
                <span class={metric.seriesCount > MANY_SERIES ? 'series-count many num' : 'series-count num'}>
                  {metric.seriesCount > MANY_SERIES && <span aria-hidden="true">▲ </span>}
                  {formatCount(metric.seriesCount)}
                </span>
                <span class="instrument-help muted small">
                  {metric.kind} · {metric.help}
                </span>
              </button>
            </li>
          ))}
          {data !== null && shown.length === 0 && <li class="empty">No metric matches. Try fewer terms.</li>}
        </ul>
        <div class="panel series-panel">
          {current === null ? (
            <p class="empty">Choose a metric to see its series and their values.</p>
          ) : (
            <MetricSeries key={current.instrument} metric={current} query={query} onClose={() => setChosen('')} />
          )}
        </div>
      </div>
    </section>
  );
}
