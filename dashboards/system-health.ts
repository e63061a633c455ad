import { dashboard, row } from './kit/dashboard.ts';
import { host } from './kit/host-series.ts';
import { UIDS } from './kit/links.ts';
import { query, timeseries } from './kit/panels.ts';
import {
  aggregate,
  countRate,
  gauge,
  quantile,
  quantileSinceStart,
  rate,
  select,
  sinceStart,
  sumRate,
} from './kit/promql.ts';
import { table } from './kit/table.ts';
import { actors, trackedActors } from './panels/actors.ts';
import { journalAppend } from './panels/duration.ts';
import { eventLoop } from './panels/event-loop.ts';

const INSTANCE = ['instance'] as const;
const heapUsed = gauge('max', 'heapUsed', INSTANCE);
const heapMax = gauge('max', 'heapMax', INSTANCE);

const memory = row(
  'Memory',
  timeseries({
    title: 'Heap usage',
    description: 'Used part of the V8 heap limit. Node.js ends the process at 100 %.',
    unit: 'percentunit',
    max: 1,
    steps: [['green'], ['red', 0.9]],
    queries: [query(`${heapUsed} / ${heapMax}`, '{{instance}}')],
  }),
  timeseries({
    title: 'Heap and its limit',
    description: 'Used part of the V8 heap, and the limit that --max-old-space-size sets.',
    unit: 'bytes',
    queries: [query(heapUsed, '{{instance}} used'), query(heapMax, '{{instance}} limit')],
  }),
  timeseries({
    title: 'Resident and non-heap memory',
    description:
      'What the process takes of the machine (resident), and what JavaScript objects hold outside the heap: buffers mostly.',
    unit: 'bytes',
    queries: [
      query(aggregate('max', INSTANCE, host('processMemory')), '{{instance}} resident'),
      query(gauge('max', 'nonHeapUsed', INSTANCE), '{{instance}} non-heap'),
    ],
  }),
);

const garbageCollection = row(
  'Garbage collection',
  timeseries({
    title: 'Time in garbage collection',
    description: 'Share of the time spent in pauses, by kind of collection. Many major ones: the heap is too small.',
    unit: 'percentunit',
    width: 6,
    stacked: true,
    queries: [query(sumRate('gcPause', ['gc']), '{{gc}}')],
  }),
  timeseries({
    title: 'Pause by kind (p99)',
    description: 'The event loop stands still for as long as a pause lasts.',
    unit: 's',
    width: 6,
    queries: [query(quantile(0.99, 'gcPause', ['gc']), '{{gc}}')],
  }),
  timeseries({
    title: 'Collections',
    description: 'Per second, by kind.',
    unit: 'cps',
    width: 6,
    queries: [query(countRate('gcPause', ['gc']), '{{gc}}')],
  }),
  timeseries({
    title: 'Promotion',
    description: 'Bytes a second that survive into the old generation; only major collections free them again.',
    unit: 'Bps',
    width: 6,
    // A gauge by its documented name, but one that only grows and starts at 0 with the process, as a counter does.
    queries: [query(aggregate('sum', INSTANCE, `rate(${select('gcPromotion')}[$__rate_interval])`), '{{instance}}')],
  }),
);

const processor = row(
  'Processor',
  timeseries({
    title: 'CPU usage',
    description: 'Share of all cores that the process used.',
    unit: 'percentunit',
    width: 6,
    queries: [query(gauge('max', 'cpuUsage', INSTANCE), '{{instance}}')],
  }),
  timeseries({
    title: 'CPU time by state',
    description: 'Cores that the processes kept busy, in their own code (user) and in the kernel (system).',
    unit: 'short',
    width: 6,
    stacked: true,
    queries: [
      query(
        aggregate('sum', ['process_cpu_state'], `rate(${host('processCpuTime')}[$__rate_interval])`),
        '{{process_cpu_state}}',
      ),
    ],
  }),
  timeseries({
    title: 'Load of the machine',
    description: 'Share of all cores of the machine that was busy, with whatever, and of its memory in use.',
    unit: 'percentunit',
    width: 6,
    max: 1,
    queries: [
      query(`1 - ${cpuTime('system_cpu_state="idle"')} / ${cpuTime()}`, '{{instance}} CPU'),
      query(
        `${aggregate('sum', INSTANCE, host('systemMemory', 'system_memory_state="used"'))} / ${aggregate('sum', INSTANCE, host('systemMemory'))}`,
        '{{instance}} memory',
      ),
    ],
  }),
  timeseries({
    title: 'Threads',
    description: 'Threads of the process, on Linux. A number that grows is a leak of workers.',
    unit: 'short',
    width: 6,
    queries: [query(gauge('max', 'threads', INSTANCE), '{{instance}}')],
  }),
);

function cpuTime(where = ''): string {
  return aggregate('sum', INSTANCE, `rate(${host('systemCpuTime', where)}[$__rate_interval])`);
}

const itself = row(
  'Journal, recovery and the metrics themselves',
  journalAppend(),
  timeseries({
    title: 'Recovery of a pipeline since the start (p50, p99)',
    description:
      'Time to read the events of a pipeline from the journal. Since the process started: most of it is done before the first scrape.',
    unit: 's',
    empty: 'Nothing recovered',
    queries: [
      query(quantileSinceStart(0.5, 'recoveryDuration', INSTANCE), '{{instance}} p50'),
      query(quantileSinceStart(0.99, 'recoveryDuration', INSTANCE), '{{instance}} p99'),
    ],
  }),
  timeseries({
    title: 'Events replayed since the start',
    description: 'Events read while recovering pipelines. Many for each pipeline: snapshots are too rare.',
    unit: 'short',
    queries: [query(sinceStart('recoveryEvents', INSTANCE), '{{instance}}')],
  }),
  timeseries({
    title: 'Attribute sets',
    description:
      'What the metrics themselves cost: it grows with the number of pipelines and of different error codes.',
    unit: 'short',
    queries: [query(gauge('max', 'metricsSeries', INSTANCE), '{{instance}}')],
  }),
  timeseries({
    title: 'Overflow of error codes',
    description: 'Measurements per second under OTHER, because there were too many different error codes. Should be 0.',
    unit: 'cps',
    steps: [['green'], ['red', 0.001]],
    queries: [query(rate('metricsOverflow', INSTANCE), '{{instance}}')],
  }),
  table({
    title: 'Versions',
    description: 'What each process runs: the versions of this package and of Node.js.',
    width: 8,
    height: 8,
    labels: [
      { label: 'instance', title: 'Instance' },
      { label: 'version', title: 'Version' },
      { label: 'node_version', title: 'Node.js' },
    ],
    values: [
      {
        title: 'Build',
        expression: gauge('max', 'buildInfo', ['instance', 'version', 'node_version']),
        unit: 'none',
        hidden: true,
      },
    ],
  }),
);

export const systemHealth = dashboard({
  uid: UIDS.systemHealth,
  title: 'System Health',
  description: 'The processes: event loop, memory, garbage collection, processor, actors, journal.',
  tags: ['processes'],
  rows: [eventLoop(), memory, garbageCollection, processor, actors, trackedActors(), itself],
});
