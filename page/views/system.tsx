import {
  formatBytes,
  formatCompact,
  formatDuration,
  formatPercent,
  formatSeconds,
  formatTime,
  UNKNOWN,
} from '../format.ts';
import type { Column } from '../live/history.ts';
import { hello, history, now } from '../live/store.ts';
import { Chart } from '../parts/chart.tsx';

export function SystemView() {
  const { times, columns } = history.value;
  const column = (name: string): Column => columns[name] ?? [];
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
      <div class="charts">
        <Chart
          title="Event loop delay"
          times={times}
          format={formatSeconds}
          reach={0.01}
          lines={[{ label: '99 % below', values: column('eventLoopDelayP99Seconds'), colour: 'c1' }]}
        />
        <Chart
          title="Event loop utilization"
          times={times}
          format={formatPercent}
          reach={1}
          lines={[{ label: 'busy', values: column('eventLoopUtilization'), colour: 'c3' }]}
        />
        <Chart
          title="Memory"
          times={times}
          format={formatBytes}
          binary
          lines={[
            { label: 'heap used', values: column('heapUsedBytes'), colour: 'c1' },
            { label: 'resident', values: column('rssBytes'), colour: 'c2', dash: [6, 3] },
          ]}
        />
        <Chart
          title="CPU of all cores"
          times={times}
          format={formatPercent}
          reach={1}
          lines={[{ label: 'used', values: column('cpuUsage'), colour: 'c2' }]}
        />
        <Chart
          title="Garbage collection"
          times={times}
          format={formatPercent}
          reach={0.01}
          lines={[{ label: 'time paused', values: column('gcPauseSecondsPerSecond'), colour: 'c4' }]}
        />
        <Chart
          title="Records"
          times={times}
          format={formatCompact}
          reach={1}
          lines={[{ label: 'records/s', values: column('recordsPerSecond'), colour: 'c1' }]}
        />
      </div>
    </section>
  );
}
