/**
 * Delays, utilization and time of the event loop, named as OpenTelemetry's semantic conventions for Node.js have them. The
 * gauges speak of the last tick interval, whoever reads them and how often.
 */
export const EVENT_LOOP_INSTRUMENTS = {
  loopDelayMin: delay('min', 'Shortest time by which a timer fired late'),
  loopDelayMax: delay('max', 'Longest time by which a timer fired late: the longest block of the event loop'),
  loopDelayMean: delay('mean', 'Mean time by which a timer fired late'),
  loopDelayStddev: delay('stddev', 'Standard deviation of the time by which a timer fired late'),
  loopDelayP50: delay('p50', 'Median time by which a timer fired late'),
  loopDelayP90: delay('p90', 'The 90th percentile of the time by which a timer fired late'),
  loopDelayP99: delay('p99', 'The 99th percentile of the time by which a timer fired late'),
  loopUtilization: {
    group: 'runtime',
    name: 'nodejs.eventloop.utilization',
    kind: 'gauge',
    unit: '1',
    attributes: [],
    series: 'nodejs_eventloop_utilization_ratio',
    description: 'Share of the last tick interval in which the event loop was busy, 0 to 1.',
  },
  loopTime: {
    group: 'runtime',
    name: 'nodejs.eventloop.time',
    kind: 'counter',
    isObserved: true,
    unit: 's',
    attributes: ['nodejs.eventloop.state'],
    series: 'nodejs_eventloop_time_seconds_total',
    description: 'Time that the event loop was active, and that it was idle, since the start of the process.',
  },
} as const;

function delay<N extends string>(statistic: N, what: string) {
  return {
    group: 'runtime',
    name: `nodejs.eventloop.delay.${statistic}`,
    kind: 'gauge',
    unit: 's',
    attributes: [],
    series: `nodejs_eventloop_delay_${statistic}_seconds`,
    description: `${what}, over the last tick interval.`,
  } as const;
}
