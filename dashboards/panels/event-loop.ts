import { type Row, row } from '../kit/dashboard.ts';
import { query, timeseries } from '../kit/panels.ts';
import { gauge, whereSelectedPipelinesLive } from '../kit/promql.ts';

/** What a Node.js user looks at first: whether the event loop is blocked, and how busy it is. */
export function eventLoop(scope: (expression: string) => string = (expression) => expression): Row {
  const delay = (key: 'loopDelayP50' | 'loopDelayP99' | 'loopDelayMax') => scope(gauge('max', key, ['instance']));
  return row(
    'Event loop',
    timeseries({
      title: 'Event-loop delay',
      description:
        'How late timers fire: median, 99th percentile and longest over each tick interval. The longest is the longest block of the event loop; everything in the process waits for it.',
      unit: 's',
      width: 12,
      queries: [
        query(delay('loopDelayP50'), '{{instance}} p50'),
        query(delay('loopDelayP99'), '{{instance}} p99'),
        query(delay('loopDelayMax'), '{{instance}} max'),
      ],
    }),
    timeseries({
      title: 'Event-loop utilization',
      description:
        'Share of the time in which the event loop was busy. Near 1 the process has no reserve left: every pipeline on it slows down.',
      unit: 'percentunit',
      width: 12,
      max: 1,
      steps: [['green'], ['red', 0.9]],
      queries: [query(scope(gauge('max', 'loopUtilization', ['instance'])), '{{instance}}')],
    }),
  );
}

/** Only of the processes on which the selected pipelines live. */
export const eventLoopOfPipelines = (): Row => eventLoop(whereSelectedPipelinesLive);
