import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { pipelineHash } from '../address.ts';
import { PIPELINE_STATES, type PipelineSummary, type State } from '../api/contract.ts';
import { formatAgo, formatCompact, formatCount, formatMs, formatRate, formatTime, UNKNOWN } from '../format.ts';
import { counts, now, pipelines } from '../live/store.ts';
import { Cell, ColumnHead } from '../parts/cells.tsx';
import { Sparkline } from '../parts/sparkline.tsx';
import { StateBadge } from '../parts/state-badge.tsx';
import { VirtualRows } from '../parts/virtual-rows.tsx';
import { errorsOf, matches, type Order, type SortKey, sorted, wordsOf } from '../pipelines-order.ts';
import { rememberParameters, route } from '../routing.ts';

const ROW_HEIGHT = 48;
const RESORT_MS = 3000;

const COLUMNS: readonly { readonly key: SortKey; readonly title: string; readonly descendingFirst: boolean }[] = [
  { key: 'name', title: 'Pipeline', descendingFirst: false },
  { key: 'state', title: 'State', descendingFirst: false },
  { key: 'throughput', title: 'Records/s', descendingFirst: true },
  { key: 'p95', title: 'p95', descendingFirst: true },
  { key: 'errors', title: 'Errors', descendingFirst: true },
  { key: 'lag', title: 'Lag', descendingFirst: true },
  { key: 'lastBatch', title: 'Last batch', descendingFirst: true },
];

/**
 * The pipelines in the order asked for. The numbers of a row are always live, but rows change places only every few
 * seconds, and not while a person points at them.
 */
function useOrdered(words: readonly string[], states: ReadonlySet<State>, order: Order, held: boolean) {
  const all = pipelines.value;
  const ids = useRef<{ readonly key: string; readonly at: number; readonly size: number; readonly list: string[] }>(
    null,
  );
  const key = `${words.join(' ')}|${[...states].join()}|${order.key}|${order.descending}`;
  const last = ids.current;
  const due = last === null || last.key !== key || last.size !== all.size || Date.now() - last.at > RESORT_MS;
  if (last === null || last.key !== key || (due && !held)) {
    const list = sorted(
      [...all.values()].filter((pipeline) => matches(pipeline, words, states)),
      order,
    );
    ids.current = { key, at: Date.now(), size: all.size, list: list.map(({ id }) => id) };
  }
  const current = ids.current!.list;
  return useMemo(() => {
    const shown: PipelineSummary[] = [];
    for (const id of current) {
      const pipeline = all.get(id);
      if (pipeline !== undefined) shown.push(pipeline);
    }
    return shown;
  }, [all, current]);
}

function statesOf(text: string | null): ReadonlySet<State> {
  const asked = (text ?? '').split(',');
  return new Set(PIPELINE_STATES.filter((state) => asked.includes(state)));
}

export function PipelinesView() {
  const { parameters } = route.value;
  const [text, setText] = useState(parameters.get('q') ?? '');
  const [states, setStates] = useState(() => statesOf(parameters.get('state')));
  const [order, setOrder] = useState<Order>({ key: 'name', descending: false });
  const [held, setHeld] = useState(false);
  const words = useMemo(() => wordsOf(text), [text]);
  const shown = useOrdered(words, states, order, held);

  useEffect(() => rememberParameters({ q: text, state: [...states].join() }), [text, states]);

  const toggle = (state: State): void => {
    const next = new Set(states);
    if (!next.delete(state)) next.add(state);
    setStates(next);
  };
  const sortBy = ({ key, descendingFirst }: (typeof COLUMNS)[number]): void =>
    setOrder((last) => ({ key, descending: last.key === key ? !last.descending : descendingFirst }));

  return (
    <section class="view fill" aria-labelledby="view-title">
      <div class="view-head">
        <h1 id="view-title">Pipelines</h1>
        <span class="muted tabular" aria-live="polite">
          {`${shown.length === pipelines.value.size ? '' : `${formatCount(shown.length)} of `}${formatCount(pipelines.value.size)}`}
        </span>
      </div>
      <div class="filters">
        <input
          type="search"
          class="search"
          data-search
          placeholder="Filter by name, connector, error…"
          aria-label="Filter pipelines"
          aria-keyshortcuts="/"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <fieldset class="chips" aria-label="Filter by state">
          {PIPELINE_STATES.map((state) => (
            <button
              type="button"
              key={state}
              class={`chip ${state}`}
              aria-pressed={states.has(state)}
              onClick={() => toggle(state)}
            >
              <span class="dot" aria-hidden="true" />
              {state}{' '}
              <span class="tabular chip-count" key={counts.value?.[state]}>
                {counts.value?.[state] ?? UNKNOWN}
              </span>
            </button>
          ))}
        </fieldset>
      </div>
      <VirtualRows
        class="pipelines-table"
        label="Pipelines"
        items={shown}
        rowHeight={ROW_HEIGHT}
        columns={COLUMNS.length}
        keyOf={({ id }) => id}
        onHold={setHeld}
        head={COLUMNS.map((column) => (
          <ColumnHead
            key={column.key}
            class={column.key === 'name' || column.key === 'state' ? `c-${column.key}` : `c-${column.key} num`}
            sort={order.key !== column.key ? 'none' : order.descending ? 'descending' : 'ascending'}
          >
            <button type="button" class="sort" onClick={() => sortBy(column)}>
              {column.title}
              <span class="arrow" aria-hidden="true">
                {order.key !== column.key ? '' : order.descending ? '↓' : '↑'}
              </span>
            </button>
          </ColumnHead>
        ))}
        render={(pipeline, tabIndex) => <Row pipeline={pipeline} tabIndex={tabIndex} />}
      />
      {shown.length === 0 && pipelines.value.size > 0 && (
        <p class="empty over">No pipeline matches. Clear the filter to see all {pipelines.value.size}.</p>
      )}
      {pipelines.value.size === 0 && (
        <p class="empty over">There is no pipeline yet. Start one with `dataflow run` or `spawnPipeline`.</p>
      )}
    </section>
  );
}

function Row({ pipeline, tabIndex }: { readonly pipeline: PipelineSummary; readonly tabIndex: number }) {
  const errors = errorsOf(pipeline);
  const { name, id, sourceType, sinkType } = pipeline;
  return (
    <>
      <Cell class="c-name">
        <a href={pipelineHash(id)} tabIndex={tabIndex} title={name === id ? id : `${name} (${id})`}>
          {name}
        </a>
        <span class="muted small sub">
          {sourceType ?? UNKNOWN} → {sinkType ?? UNKNOWN}
        </span>
      </Cell>
      <Cell class="c-state">
        <StateBadge state={pipeline.state} />
      </Cell>
      <Cell class="c-throughput num">
        <Sparkline values={pipeline.history} />
        <span class="value">{formatRate(pipeline.throughputPerSecond)}</span>
      </Cell>
      <Cell class="c-p95 num">{formatMs(pipeline.p95Ms)}</Cell>
      <Cell class={errors > 0 ? 'c-errors num bad' : 'c-errors num'}>{formatCompact(errors)}</Cell>
      <Cell class="c-lag num">{formatCompact(pipeline.lagRecords)}</Cell>
      <Cell class="c-lastBatch num" title={formatTime(pipeline.lastBatchAt)}>
        {formatAgo(pipeline.lastBatchAt, now.value)}
      </Cell>
    </>
  );
}
