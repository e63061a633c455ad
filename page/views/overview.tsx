import { pipelineHash } from '../address.ts';
import { PIPELINE_STATES, type PipelineSummary } from '../api/contract.ts';
import { formatAgo, formatCompact, formatCount, formatRate, UNKNOWN } from '../format.ts';
import { counts, health, history, now, pipelines } from '../live/store.ts';
import { Charts, type ColumnChart } from '../parts/charts.tsx';
import { Sparkline } from '../parts/sparkline.tsx';
import { StateBadge } from '../parts/state-badge.tsx';
import { sorted, worst } from '../pipelines-order.ts';

const SHOWN = 8;

const CHARTS: readonly ColumnChart[] = [
  {
    title: 'Throughput',
    format: formatCompact,
    reach: 1,
    lines: [{ label: 'records/s', column: 'recordsPerSecond', colour: 'c1' }],
  },
  {
    title: 'Batches',
    format: formatCompact,
    reach: 1,
    lines: [
      { label: 'processed/s', column: 'batchesPerSecond', colour: 'c3' },
      { label: 'failed/s', column: 'failuresPerSecond', colour: 'c4', dash: [4, 3] },
    ],
  },
];

const HEALTH_WORDS = {
  Healthy: 'No pipeline has failed',
  Degraded: 'Some pipelines have failed',
  Critical: 'More than half as many failed as run',
  Idle: 'There is no pipeline yet',
} as const;

export function OverviewView() {
  const { columns } = history.value;
  const records = columns.recordsPerSecond ?? [];
  const failures = columns.failuresPerSecond ?? [];
  const state = health.value;
  const needy = worst(pipelines.value.values(), SHOWN);
  const busy = needy.length > 0 ? [] : sorted(pipelines.value.values(), { key: 'throughput', descending: true });
  const rows = needy.length > 0 ? needy : busy.slice(0, SHOWN);
  return (
    <section class="view" aria-labelledby="view-title">
      <div class="view-head">
        <h1 id="view-title">Overview</h1>
      </div>
      <div class="tiles">
        <div class={`tile wide health ${(state ?? 'Idle').toLowerCase()}`}>
          <span class="tile-label">Health</span>
          <span class="tile-value">{state ?? UNKNOWN}</span>
          <span class="small muted">{state === null ? 'Connecting…' : HEALTH_WORDS[state]}</span>
        </div>
        {[...PIPELINE_STATES].reverse().map((name) => (
          <a key={name} class={`tile state ${name}`} href={`#/pipelines?state=${name}`}>
            <span class="tile-label">
              <span class="dot" aria-hidden="true" />
              {name}
            </span>
            <span class="tile-value">{formatCount(counts.value?.[name])}</span>
          </a>
        ))}
        <div class="tile wide">
          <span class="tile-label">Throughput</span>
          <span class="tile-value">{formatRate(records.at(-1))}</span>
          <Sparkline values={records} />
        </div>
        <div class="tile wide">
          <span class="tile-label">Failed batches</span>
          <span class="tile-value">{formatRate(failures.at(-1))}</span>
          <Sparkline values={failures} tone="c4" />
        </div>
      </div>
      <Charts charts={CHARTS} table={history.value} />
      <div class="panel worst">
        <h2>{needy.length > 0 ? 'What needs a look' : 'Busiest pipelines'}</h2>
        <ul class="worst-list">
          {rows.map((pipeline, index) => (
            // Places keep still, what stands in them changes.
            <WorstRow key={index} pipeline={pipeline} />
          ))}
        </ul>
        {rows.length === 0 && <p class="empty">There is no pipeline yet.</p>}
      </div>
    </section>
  );
}

function WorstRow({ pipeline }: { readonly pipeline: PipelineSummary }) {
  const { id, name, state, lastError, history: course, since } = pipeline;
  const ago = formatAgo(since, now.value);
  return (
    <li>
      <StateBadge state={state} />
      <a href={pipelineHash(id)}>{name}</a>
      <span class="why" title={lastError?.message ?? ''}>
        {reason(pipeline)}
      </span>
      <Sparkline values={course} />
      <span class="num small muted since" key={ago}>
        {ago}
      </span>
    </li>
  );
}

function reason({ state, lastError, batchesFailed, recordsFailed, lagRecords, throughputPerSecond }: PipelineSummary) {
  const attempts = batchesFailed ?? 0;
  if (lastError !== null && (state === 'failed' || attempts > 0)) {
    const times = attempts > 1 ? `${formatCompact(attempts)} failed batches, last: ` : '';
    return `${times}${lastError.code}: ${lastError.message}`;
  }
  if (recordsFailed > 0) return `${formatCount(recordsFailed)} records refused`;
  if (state === 'paused') return 'paused';
  if (lagRecords !== null && lagRecords > 0) return `${formatCompact(lagRecords)} records behind`;
  return formatRate(throughputPerSecond);
}
