import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import type { History, PipelineDetail, PipelineSummary } from '../api/contract.ts';
import {
  formatAgo,
  formatCompact,
  formatCount,
  formatMs,
  formatRate,
  formatTime,
  formatValue,
  UNKNOWN,
} from '../format.ts';
import { EMPTY_TABLE, tableOf } from '../live/history.ts';
import { lastAction, now, pipelines } from '../live/store.ts';
import { usePolled } from '../live/use-polled.ts';
import { Charts, type ColumnChart } from '../parts/charts.tsx';
import { Problem } from '../parts/problem.tsx';
import { StateBadge } from '../parts/state-badge.tsx';
import { StateMachine } from '../parts/state-machine.tsx';
import { PipelineActions } from './pipeline-actions.tsx';
import { Json, Timeline } from './timeline.tsx';

const HISTORY_MS = 5000;
const DETAIL_MS = 10_000;

const CHARTS: readonly ColumnChart[] = [
  {
    title: 'Throughput',
    format: formatCompact,
    reach: 1,
    lines: [{ label: 'records/s', column: 'recordsPerSecond', colour: 'c1' }],
  },
  {
    title: 'Processing time of a batch',
    format: formatMs,
    reach: 1,
    lines: [
      { label: 'p50', column: 'p50Ms', colour: 'c3' },
      { label: 'p95', column: 'p95Ms', colour: 'c1', dash: [6, 3] },
      { label: 'p99', column: 'p99Ms', colour: 'c2', dash: [2, 3] },
    ],
  },
  {
    title: 'Errors and retries',
    format: formatCompact,
    reach: 1,
    lines: [
      { label: 'failures/s', column: 'failuresPerSecond', colour: 'c4' },
      { label: 'retries/s', column: 'retriesPerSecond', colour: 'c2', dash: [4, 3] },
    ],
  },
];

export function PipelineView({ id }: { readonly id: string }) {
  const path = `/api/v1/pipelines/${encodeURIComponent(id)}`;
  const { data, error, refresh } = usePolled<PipelineDetail>(path, DETAIL_MS);
  const live = pipelines.value.get(id);
  const action = lastAction.value;

  // What a change of state allows and why it came is only in the detail.
  useEffect(() => {
    if (data !== null && (live?.state !== data.state || action?.pipelineId === id)) refresh();
  }, [live?.state, action]);

  if (data === null) return <Missing id={id} error={error === null ? null : <Problem error={error} />} />;
  const pipeline: PipelineDetail = { ...data, ...(live?.state === data.state && live) };
  return (
    <section class="view" aria-labelledby="view-title">
      <div class="view-head pipeline-head">
        <p class="crumb">
          <a href="#/pipelines">Pipelines</a> <span aria-hidden="true">/</span>
        </p>
        <h1 id="view-title" title={pipeline.id}>
          {pipeline.name}
        </h1>
        <StateBadge state={pipeline.state} />
        <PipelineActions pipeline={pipeline} onDone={refresh} />
      </div>
      <p class="description muted">{pipeline.description || 'No description'}</p>
      {error !== null && <Problem error={error} />}
      <div class="split">
        <div class="panel">
          <h2>State</h2>
          <StateMachine state={pipeline.state} allowed={pipeline.allowedActions} />
          <p class="reason small">
            {pipeline.state} since {formatTime(pipeline.since)}
            {pipeline.reason === null ? '' : `: ${pipeline.reason}`}
          </p>
        </div>
        <Facts pipeline={pipeline} />
      </div>
      <LastError pipeline={pipeline} />
      <HistoryCharts id={id} />
      <Timeline key={id} id={id} />
      <details class="panel">
        <summary>
          <h2 class="summary-title">Specification</h2>
        </summary>
        <Json value={pipeline.spec} />
      </details>
    </section>
  );
}

function Missing({ id, error }: { readonly id: string; readonly error: ComponentChildren }) {
  return (
    <section class="view" aria-labelledby="view-title">
      <div class="view-head pipeline-head">
        <p class="crumb">
          <a href="#/pipelines">Pipelines</a> <span aria-hidden="true">/</span>
        </p>
        <h1 id="view-title">{id}</h1>
      </div>
      {error}
    </section>
  );
}

function Facts({ pipeline }: { readonly pipeline: PipelineDetail }) {
  const at = now.value;
  return (
    <div class="panel">
      <h2>Now</h2>
      <dl class="facts">
        <Fact name="Throughput">{formatRate(pipeline.throughputPerSecond)}</Fact>
        <Fact name="Records">{formatCount(pipeline.recordsProcessed)}</Fact>
        <Fact name="Refused records" bad={pipeline.recordsFailed > 0}>
          {formatCount(pipeline.recordsFailed)}
        </Fact>
        <Fact name="Dead-lettered" bad={(pipeline.deadLettered ?? 0) > 0}>
          {formatCount(pipeline.deadLettered)}
        </Fact>
        <Fact name="Batches">{formatCount(pipeline.batchesProcessed)}</Fact>
        <Fact name="Failed batches" bad={(pipeline.batchesFailed ?? 0) > 0}>
          {formatCount(pipeline.batchesFailed)}
        </Fact>
        <Fact name="Retries" bad={(pipeline.retries ?? 0) > 0}>
          {formatCount(pipeline.retries)}
        </Fact>
        <Fact name="Timeouts" bad={(pipeline.timeouts ?? 0) > 0}>
          {formatCount(pipeline.timeouts)}
        </Fact>
        <Fact name="Average batch">{formatMs(pipeline.averageProcessingTimeMs)}</Fact>
        <Fact name="95 % of batches">{formatMs(pipeline.p95Ms)}</Fact>
        <Fact name="Lag">
          {pipeline.lagRecords === null ? 'not known' : `${formatCompact(pipeline.lagRecords)} records`}
        </Fact>
        <Fact name="Batch in progress">{pipeline.batchInFlight ? 'yes' : 'no'}</Fact>
        <Fact name="Checkpoint">{formatValue(pipeline.checkpointOffset)}</Fact>
        <Fact name="Checkpoint set">{formatAgo(pipeline.checkpointAt, at)}</Fact>
        <Fact name="Last batch">{formatAgo(pipeline.lastBatchAt, at)}</Fact>
        <Fact name="Source → sink">
          {pipeline.sourceType ?? UNKNOWN} → {pipeline.sinkType ?? UNKNOWN}
        </Fact>
      </dl>
    </div>
  );
}

interface FactProps {
  readonly name: string;
  readonly bad?: boolean;
  readonly children: ComponentChildren;
}

function Fact({ name, bad = false, children }: FactProps) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd class={bad ? 'bad' : ''}>{children}</dd>
    </div>
  );
}

function LastError({ pipeline: { lastError, state } }: { readonly pipeline: PipelineSummary }) {
  const text = lastError === null ? 'None' : `${lastError.code}: ${lastError.message}`;
  return (
    <div class={`panel last-error ${lastError !== null && state === 'failed' ? 'bad-edge' : ''}`}>
      <h2>Last error</h2>
      <p class="error-text" title={text}>
        {lastError === null ? (
          <span class="muted">None</span>
        ) : (
          <>
            <code>{lastError.code}</code> {lastError.message}
          </>
        )}
      </p>
      <span class="small muted">{lastError === null ? '' : formatTime(lastError.at)}</span>
    </div>
  );
}

function HistoryCharts({ id }: { readonly id: string }) {
  const { data } = usePolled<History>(`/api/v1/pipelines/${encodeURIComponent(id)}/history`, HISTORY_MS);
  return <Charts charts={CHARTS} table={data === null ? EMPTY_TABLE : tableOf(data)} class="three" />;
}
