/**
 * Owns what the gauges show of each pipeline of this process: its state, its recent rate, its timestamps.
 * Owns no counter and no instrument.
 *
 * R1 A gauge of states is a count over live pipelines, so it can be neither negative nor off after a restart.
 * R2 Throughput is 0 unless the pipeline is running and has processed records within the window.
 * R3 A released pipeline has no entry; where the engine cannot remove a series, its last value becomes 0.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Attributes, BatchObservableResult, Meter, ObservableGauge } from '@opentelemetry/api';
import type { PipelineStatus } from '../domain/state.ts';
import { createInstrument } from './instruments.ts';
import { ThroughputWindow } from './throughput-window.ts';

/** The states the state gauge shows; an empty pipeline does not exist yet. */
const SHOWN_STATES = ['configured', 'running', 'paused', 'stopped', 'failed'] as const;

/**
 * A pipeline keeps the attribute objects it records with, frozen: an engine may then know a series by its object alone.
 */
export interface LivePipeline {
  readonly attributes: { readonly pipeline_id: string };
  /** Made when the pipeline is first seen in a state. */
  stateAttributes: readonly { readonly pipeline_id: string; readonly state: string }[] | undefined;
  /** By error code. */
  errorAttributes: Map<string, Attributes> | undefined;
  readonly throughput: ThroughputWindow;
  /** Undefined while only measurements, never a state, were reported. */
  status: PipelineStatus | undefined;
  lastBatchAtMs: number | undefined;
  checkpointAtMs: number | undefined;
  inflight: number;
  lagRecords: number | undefined;
  /** Records reported with batches since the totals were last reported, and those totals. */
  recordsSinceTotal: number;
  recordsTotal: number | undefined;
}

const PIPELINES_A_TURN = 1000;

function stateAttributesOf(pipeline: LivePipeline): NonNullable<LivePipeline['stateAttributes']> {
  const { pipeline_id } = pipeline.attributes;
  pipeline.stateAttributes ??= SHOWN_STATES.map((state) => Object.freeze({ pipeline_id, state }));
  return pipeline.stateAttributes;
}

export interface LivePipelinesOptions {
  readonly windowMs: number;
  readonly monotonic: () => number;
  /** True where released series must be set to 0 because nothing else takes them away. */
  readonly zeroReleased: boolean;
  readonly onError: (error: unknown) => void;
}

export class LivePipelines {
  readonly #options: LivePipelinesOptions;
  readonly #meter: Meter;
  readonly #pipelines = new Map<string, LivePipeline>();
  readonly #released = new Map<string, LivePipeline>();
  readonly #byStatus: readonly (readonly [PipelineStatus, ObservableGauge])[];
  readonly #state: ObservableGauge;
  readonly #throughput: ObservableGauge;
  readonly #lastBatch: ObservableGauge;
  readonly #checkpoint: ObservableGauge;
  readonly #inflight: ObservableGauge;
  readonly #lag: ObservableGauge;
  readonly #gauges: ObservableGauge[];

  constructor(meter: Meter, options: LivePipelinesOptions) {
    this.#options = options;
    this.#meter = meter;
    this.#byStatus = [
      ['running', createInstrument(meter, 'pipelinesRunning')],
      ['stopped', createInstrument(meter, 'pipelinesStopped')],
      ['paused', createInstrument(meter, 'pipelinesPaused')],
      ['failed', createInstrument(meter, 'pipelinesFailed')],
    ];
    this.#state = createInstrument(meter, 'pipelineState');
    this.#throughput = createInstrument(meter, 'recordsThroughput');
    this.#lastBatch = createInstrument(meter, 'lastBatchTimestamp');
    this.#checkpoint = createInstrument(meter, 'checkpointTimestamp');
    this.#inflight = createInstrument(meter, 'batchesInflight');
    this.#lag = createInstrument(meter, 'sourceLag');
    this.#gauges = [
      ...this.#byStatus.map(([, gauge]) => gauge),
      this.#state,
      this.#throughput,
      this.#lastBatch,
      this.#checkpoint,
      this.#inflight,
      this.#lag,
    ];
    meter.addBatchObservableCallback(this.#observe, this.#gauges);
  }

  get(pipelineId: string): LivePipeline | undefined {
    return this.#pipelines.get(pipelineId);
  }

  add(pipelineId: string): LivePipeline {
    const pipeline: LivePipeline = {
      attributes: Object.freeze({ pipeline_id: pipelineId }),
      stateAttributes: undefined,
      errorAttributes: undefined,
      throughput: new ThroughputWindow(this.#options.windowMs),
      status: undefined,
      lastBatchAtMs: undefined,
      checkpointAtMs: undefined,
      inflight: 0,
      lagRecords: undefined,
      recordsSinceTotal: 0,
      recordsTotal: undefined,
    };
    this.#pipelines.set(pipelineId, pipeline);
    this.#released.delete(pipelineId);
    return pipeline;
  }

  setStatus(pipeline: LivePipeline, status: PipelineStatus): void {
    if (pipeline.status !== status && status === 'running') pipeline.throughput.start(this.#options.monotonic());
    pipeline.status = status;
  }

  /** Records per second over the window, as the gauge shows it. */
  throughput({ status, throughput }: LivePipeline): number {
    return status === undefined || status === 'running' ? throughput.rate(this.#options.monotonic()) : 0;
  }

  release(pipelineId: string): boolean {
    const pipeline = this.#pipelines.get(pipelineId);
    if (pipeline === undefined) return false;
    this.#pipelines.delete(pipelineId);
    if (this.#options.zeroReleased) this.#released.set(pipelineId, pipeline);
    return true;
  }

  close(): void {
    this.#meter.removeBatchObservableCallback(this.#observe, this.#gauges);
    this.#pipelines.clear();
    this.#released.clear();
  }

  readonly #observe = async (result: BatchObservableResult): Promise<void> => {
    try {
      for (const [status, gauge] of this.#byStatus) result.observe(gauge, this.#count(status));
      for (const pipeline of this.#released.values()) this.#observeReleased(result, pipeline);
      this.#released.clear();
      let sinceTurn = 0;
      // Thousands of pipelines have tens of thousands of gauges: the event loop gets its turns in between.
      for (const pipeline of this.#pipelines.values()) {
        if (sinceTurn === PIPELINES_A_TURN) {
          sinceTurn = 0;
          await nextTurn();
        }
        sinceTurn += 1;
        this.#observePipeline(result, pipeline);
      }
    } catch (error) {
      this.#options.onError(error);
    }
  };

  #count(status: PipelineStatus): number {
    let count = 0;
    for (const pipeline of this.#pipelines.values()) if (pipeline.status === status) count += 1;
    return count;
  }

  #observePipeline(result: BatchObservableResult, pipeline: LivePipeline): void {
    const { attributes, status } = pipeline;
    if (status !== undefined) {
      for (const set of stateAttributesOf(pipeline)) result.observe(this.#state, set.state === status ? 1 : 0, set);
    }
    result.observe(this.#throughput, this.throughput(pipeline), attributes);
    result.observe(this.#inflight, pipeline.inflight, attributes);
    if (pipeline.lastBatchAtMs !== undefined) {
      result.observe(this.#lastBatch, pipeline.lastBatchAtMs / 1000, attributes);
    }
    if (pipeline.checkpointAtMs !== undefined) {
      result.observe(this.#checkpoint, pipeline.checkpointAtMs / 1000, attributes);
    }
    if (pipeline.lagRecords !== undefined) result.observe(this.#lag, pipeline.lagRecords, attributes);
  }

  #observeReleased(result: BatchObservableResult, pipeline: LivePipeline): void {
    const { attributes } = pipeline;
    for (const set of pipeline.stateAttributes ?? []) result.observe(this.#state, 0, set);
    result.observe(this.#throughput, 0, attributes);
    result.observe(this.#inflight, 0, attributes);
    if (pipeline.lagRecords !== undefined) result.observe(this.#lag, 0, attributes);
  }
}
