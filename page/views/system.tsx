import {
  formatBytes,
  formatCompact,
  formatDuration,
  formatPercent,
  formatSeconds,
  formatTime,
  UNKNOWN,
} from '../format.ts';
import { hello, history, now } from '../live/store.ts';
import { Charts, type ColumnChart } from '../parts/charts.tsx';

const CHARTS: readonly ColumnChart[] = [
  {
    title: 'Event loop delay',
    format: formatSeconds,
    reach: 0.01,
    lines: [{ label: '99 % below', column: 'eventLoopDelayP99Seconds', colour: 'c1' }],
  },
  {
    title: 'Event loop utilization',
    format: formatPercent,
    reach: 1,
    lines: [{ label: 'busy', column: 'eventLoopUtilization', colour: 'c3' }],
  },
  {
    title: 'Memory',
    format: formatBytes,
    binary: true,
    lines: [
      { label: 'heap used', column: 'heapUsedBytes', colour: 'c1' },
      { label: 'resident', column: 'rssBytes', colour: 'c2', dash: [6, 3] },
    ],
  },
  {
    title: 'CPU of all cores',
    format: formatPercent,
    reach: 1,
    lines: [{ label: 'used', column: 'cpuUsage', colour: 'c2' }],
  },
  {
    title: 'Garbage collection',
    format: formatPercent,
    reach: 0.01,
    lines: [{ label: 'time paused', column: 'gcPauseSecondsPerSecond', colour: 'c4' }],
  },
  {
    title: 'Records',
    format: formatCompact,
    reach: 1,
    lines: [{ label: 'records/s', column: 'recordsPerSecond', colour: 'c1' }],
  },
];

export function SystemView() {
  const process = hello.value;
  const upSeconds = process === null ? null : (now.value - Date.parse(process.startedAt)) / 1000;
  return (
    <section class="view" aria-labelledby="view-title">
      <div class="view-head">
        <h1 id="view-title">System</h1>
      </div>
      <dl class="strip">
        <div>
          <dt>dataflow-platform</dt>
          <dd>{process?.version ?? UNKNOWN}</dd>
        </div>
        <div>
          <dt>Node.js</dt>
          <dd>{process?.nodeVersion ?? UNKNOWN}</dd>
        </div>
        <div>
          <dt>Up for</dt>
          <dd title={formatTime(process?.startedAt)}>{formatDuration(upSeconds)}</dd>
        </div>
      </dl>
      <Charts charts={CHARTS} table={history.value} />
    </section>
  );
}
