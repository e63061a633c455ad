import { ACTOR_INSTRUMENTS } from './actor-names.ts';
import { CLUSTER_INSTRUMENTS } from './cluster-names.ts';
import { EVENT_LOOP_INSTRUMENTS } from './event-loop-names.ts';
import { V8JS_INSTRUMENTS } from './v8js-names.ts';

export type InstrumentKind = 'counter' | 'gauge' | 'histogram';

export interface InstrumentDefinition {
  /** The OpenTelemetry name, which OTLP backends see. */
  readonly name: string;
  readonly kind: InstrumentKind;
  /** A counter whose total is read when metrics are collected. */
  readonly isObserved?: true;
  /** UCUM: `s`, `By`, `1`; empty where the documented series name carries no unit. */
  readonly unit: '' | 's' | 'By' | '1';
  readonly attributes: readonly string[];
  /** What `/metrics` shows; a histogram adds `_bucket`, `_sum` and `_count`. */
  readonly series: string;
  /** The HELP text. */
  readonly description: string;
  /** Upper bounds, ascending, without +Inf; histograms only. */
  readonly buckets?: readonly number[];
  readonly group: 'documented' | 'added' | 'cluster' | 'actor' | 'runtime';
}

/** The instrumentation scope of the pipeline instruments. */
export const METER_NAME = 'dataflow-platform';

const PIPELINE = ['pipeline_id'] as const;
const PIPELINE_ERROR = ['pipeline_id', 'error_code'] as const;

/** Every instrument this package creates: the one place that spells their names. */
export const INSTRUMENTS = {
  pipelinesRunning: {
    group: 'documented',
    name: 'dataflow.pipelines.running',
    kind: 'gauge',
    unit: '',
    attributes: [],
    series: 'dataflow_pipelines_running',
    description: 'Pipelines of this process that are running.',
  },
  pipelinesStopped: {
    group: 'documented',
    name: 'dataflow.pipelines.stopped',
    kind: 'gauge',
    unit: '',
    attributes: [],
    series: 'dataflow_pipelines_stopped',
    description: 'Pipelines of this process that are stopped.',
  },
  pipelinesPaused: {
    group: 'documented',
    name: 'dataflow.pipelines.paused',
    kind: 'gauge',
    unit: '',
    attributes: [],
    series: 'dataflow_pipelines_paused',
    description: 'Pipelines of this process that are paused.',
  },
  pipelinesFailed: {
    group: 'documented',
    name: 'dataflow.pipelines.failed',
    kind: 'gauge',
    unit: '',
    attributes: [],
    series: 'dataflow_pipelines_failed',
    description: 'Pipelines of this process that have failed.',
  },
  stateTransitions: {
    group: 'documented',
    name: 'dataflow.state.transitions',
    kind: 'counter',
    unit: '',
    attributes: ['pipeline_id', 'from_state', 'to_state'],
    series: 'dataflow_state_transitions_total',
    description: 'Changes of state of a pipeline.',
  },
  batchesProcessed: {
    group: 'documented',
    name: 'dataflow.batches.processed',
    kind: 'counter',
    unit: '',
    attributes: PIPELINE,
    series: 'dataflow_batches_processed_total',
    description: 'Batches processed successfully.',
  },
  batchesFailed: {
    group: 'documented',
    name: 'dataflow.batches.failed',
    kind: 'counter',
    unit: '',
    attributes: PIPELINE_ERROR,
    series: 'dataflow_batches_failed_total',
    description: 'Failed attempts of batches, retried or final.',
  },
  batchesTimeouts: {
    group: 'documented',
    name: 'dataflow.batches.timeouts',
    kind: 'counter',
    unit: '',
    attributes: PIPELINE,
    series: 'dataflow_batches_timeouts_total',
    description: 'Attempts of batches that ran into the batch timeout.',
  },
  batchProcessingTime: {
    group: 'documented',
    name: 'dataflow.batch.processing.time.ms',
    kind: 'histogram',
    unit: '',
    attributes: PIPELINE,
    series: 'dataflow_batch_processing_time_ms',
    description: 'Processing time of successful batches in milliseconds.',
    buckets: [1, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000],
  },
  recordsProcessed: {
    group: 'documented',
    name: 'dataflow.records.processed',
    kind: 'counter',
    unit: '',
    attributes: PIPELINE,
    series: 'dataflow_records_processed_total',
    description: 'Records processed successfully.',
  },
  recordsFailed: {
    group: 'documented',
    name: 'dataflow.records.failed',
    kind: 'counter',
    unit: '',
    attributes: PIPELINE,
    series: 'dataflow_records_failed_total',
    description: 'Records that a source, a transform or a sink refused.',
  },
  recordsThroughput: {
    group: 'documented',
    name: 'dataflow.records.throughput.per.second',
    kind: 'gauge',
    unit: '',
    attributes: PIPELINE,
    series: 'dataflow_records_throughput_per_second',
    description: 'Records processed per second over the recent window; 0 when idle or not running.',
  },
  retriesScheduled: {
    group: 'documented',
    name: 'dataflow.retries.scheduled',
    kind: 'counter',
    unit: '',
    attributes: PIPELINE_ERROR,
    series: 'dataflow_retries_scheduled_total',
    description: 'Retries of batches that were scheduled.',
  },
  checkpointUpdates: {
    group: 'documented',
    name: 'dataflow.checkpoint.updates',
    kind: 'counter',
    unit: '',
    attributes: PIPELINE,
    series: 'dataflow_checkpoint_updates_total',
    description: 'Updates of the checkpoint.',
  },

  pipelineState: {
    group: 'added',
    name: 'dataflow.pipeline.state',
    kind: 'gauge',
    unit: '',
    attributes: ['pipeline_id', 'state'],
    series: 'dataflow_pipeline_state',
    description: '1 for the state the pipeline is in, 0 for the others.',
  },
  lastBatchTimestamp: {
    group: 'added',
    name: 'dataflow.pipeline.last.batch.timestamp',
    kind: 'gauge',
    unit: 's',
    attributes: PIPELINE,
    series: 'dataflow_pipeline_last_batch_timestamp_seconds',
    description: 'When the last batch was processed, in seconds since the epoch.',
  },
  checkpointTimestamp: {
    group: 'added',
    name: 'dataflow.checkpoint.timestamp',
    kind: 'gauge',
    unit: 's',
    attributes: PIPELINE,
    series: 'dataflow_checkpoint_timestamp_seconds',
    description: 'When the checkpoint was last updated, in seconds since the epoch.',
  },
  batchDuration: {
    group: 'added',
    name: 'dataflow.batch.duration',
    kind: 'histogram',
    unit: 's',
    attributes: PIPELINE,
    series: 'dataflow_batch_duration_seconds',
    description: 'Processing time of successful batches.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300],
  },
  batchesInflight: {
    group: 'added',
    name: 'dataflow.batches.inflight',
    kind: 'gauge',
    unit: '',
    attributes: PIPELINE,
    series: 'dataflow_batches_inflight',
    description: 'Batches in progress.',
  },
  batchesDeduplicated: {
    group: 'added',
    name: 'dataflow.batches.deduplicated',
    kind: 'counter',
    unit: '',
    attributes: PIPELINE,
    series: 'dataflow_batches_deduplicated_total',
    description: 'Batches that were sent again after they had been processed.',
  },
  recordsDeadLettered: {
    group: 'added',
    name: 'dataflow.records.dead.lettered',
    kind: 'counter',
    unit: '',
    attributes: PIPELINE_ERROR,
    series: 'dataflow_records_dead_lettered_total',
    description: 'Records written to the dead-letter sink.',
  },
  sourceLag: {
    group: 'added',
    name: 'dataflow.source.lag.records',
    kind: 'gauge',
    unit: '',
    attributes: PIPELINE,
    series: 'dataflow_source_lag_records',
    description: 'Records of the source not read yet, where the source knows.',
  },
  recoveryDuration: {
    group: 'added',
    name: 'dataflow.recovery.duration',
    kind: 'histogram',
    unit: 's',
    attributes: [],
    series: 'dataflow_recovery_duration_seconds',
    description: 'Time to recover a pipeline from the journal.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60],
  },
  recoveryEvents: {
    group: 'added',
    name: 'dataflow.recovery.events.replayed',
    kind: 'counter',
    unit: '',
    attributes: [],
    series: 'dataflow_recovery_events_replayed_total',
    description: 'Events replayed while recovering pipelines.',
  },
  journalAppendDuration: {
    group: 'added',
    name: 'dataflow.journal.append.duration',
    kind: 'histogram',
    unit: 's',
    attributes: [],
    series: 'dataflow_journal_append_duration_seconds',
    description: 'Time until appended events were durable.',
    buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
  },
  ...CLUSTER_INSTRUMENTS,
  buildInfo: {
    group: 'added',
    name: 'dataflow.build.info',
    kind: 'gauge',
    unit: '',
    attributes: ['version', 'node_version'],
    series: 'dataflow_build_info',
    description: 'Always 1; the labels name the versions of this package and of Node.js.',
  },
  metricsSeries: {
    group: 'added',
    name: 'dataflow.metrics.series',
    kind: 'gauge',
    unit: '',
    attributes: [],
    series: 'dataflow_metrics_series',
    description: 'Attribute sets that the previous collection held, a histogram counted once.',
  },
  metricsOverflow: {
    group: 'added',
    name: 'dataflow.metrics.overflow',
    kind: 'counter',
    unit: '',
    attributes: [],
    series: 'dataflow_metrics_overflow_total',
    description:
      'Measurements that share a series because there were too many: of error codes (OTHER), or of pipelines (the overflow series).',
  },

  ...ACTOR_INSTRUMENTS,

  heapUsed: {
    group: 'runtime',
    name: 'jvm.memory.heap.used',
    kind: 'gauge',
    unit: 'By',
    attributes: [],
    series: 'jvm_memory_heap_used_bytes',
    description: 'Used part of the V8 heap.',
  },
  heapMax: {
    group: 'runtime',
    name: 'jvm.memory.heap.max',
    kind: 'gauge',
    unit: 'By',
    attributes: [],
    series: 'jvm_memory_heap_max_bytes',
    description: 'Limit of the V8 heap.',
  },
  nonHeapUsed: {
    group: 'runtime',
    name: 'jvm.memory.non-heap.used',
    kind: 'gauge',
    unit: 'By',
    attributes: [],
    series: 'jvm_memory_non_heap_used_bytes',
    description: 'Memory outside the V8 heap that JavaScript objects hold (external, array buffers included).',
  },
  gcPromotion: {
    group: 'runtime',
    name: 'jvm.gc.promotion',
    kind: 'gauge',
    unit: 'By',
    attributes: [],
    series: 'jvm_gc_promotion_bytes',
    description: 'Bytes that minor collections have moved into the old generation since the start; it only grows.',
  },
  gcPause: {
    group: 'runtime',
    name: 'jvm.gc.pause',
    kind: 'histogram',
    unit: 's',
    attributes: ['gc'],
    series: 'jvm_gc_pause_seconds',
    description: 'Pauses of the garbage collector by kind.',
    buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
  },
  threads: {
    group: 'runtime',
    name: 'jvm.threads.total',
    kind: 'gauge',
    unit: '',
    attributes: [],
    series: 'jvm_threads_total',
    description: 'Threads of the process (Linux only).',
  },
  cpuUsage: {
    group: 'runtime',
    name: 'process.cpu.usage',
    kind: 'gauge',
    unit: '',
    attributes: [],
    series: 'process_cpu_usage',
    description: 'Share of all cores that the process used over the last tick interval, 0 to 1.',
  },

  ...EVENT_LOOP_INSTRUMENTS,
  ...V8JS_INSTRUMENTS,
} as const satisfies Record<string, InstrumentDefinition>;

export type InstrumentKey = keyof typeof INSTRUMENTS;

/** The table as a list, in its documented order. */
export const INSTRUMENT_LIST: readonly InstrumentDefinition[] = Object.values(INSTRUMENTS);
