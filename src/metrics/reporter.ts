/**
 * Owns the pipeline instruments and the meaning of every measurement. Records through @opentelemetry/api alone, so any
 * MeterProvider works, none included. Owns no reader, no server, no timer.
 *
 * R1 Nothing here throws, whatever it is given and whatever the provider does.
 * R2 A value that is not a finite number of at least 0 is refused with one warning and reaches no series.
 * R3 A pipeline's known counters exist with 0 from its first mention, so that `increase()` sees the first count.
 * R4 Labels are bounded: states are the six words, error codes are limited, ids are the pipelines' own.
 */
import type { Attributes, Counter, Histogram, Meter } from '@opentelemetry/api';
import type { PipelineMetrics, PipelineState } from '../domain/state.ts';
import { observeBuildInfo } from './build-info.ts';
import { DEFAULT_ERROR_CODES, ErrorCodes } from './error-codes.ts';
import { processWarning, type Warn, WarnOnce } from './guard.ts';
import { createInstrument } from './instruments.ts';
import { type LivePipeline, LivePipelines } from './live-pipelines.ts';
import { STATES, type StateArgument, statusOf, TRANSITIONS } from './state-labels.ts';

/** What takes series away when their pipeline goes; an engine without it keeps them. */
export interface SeriesControl {
  /** The pipeline was removed: all of its series go. */
  remove(pipelineId: string): void;
  /** The points of exactly these attributes go, of whatever instrument; absent where the engine cannot. */
  removeSeries?(attributes: Attributes): void;
}

/** The same moment on two clocks, in ms. */
export interface MeasuredAt {
  /** Since the epoch. */
  readonly wallMs: number;
  /** Of the reporter's clock that never steps back. */
  readonly monotonicMs: number;
}

export interface PipelineMetricsReporterOptions {
  /** The window of the throughput gauge in ms; default 10,000. */
  readonly windowMs?: number;
  /** Wall clock in ms since the epoch, and a clock that never steps back in ms. */
  readonly clock?: { now(): number; monotonic(): number };
  /** Where a refused value is reported, once for each kind; default: a Node.js process warning. */
  readonly warn?: Warn;
  /** Different error codes before `OTHER`; default 100. */
  readonly errorCodeLimit?: number;
  readonly series?: SeriesControl;
  /** The version that `dataflow.build.info` shows; without it there is no such series. */
  readonly version?: string;
}

const systemTime = { now: () => Date.now(), monotonic: () => performance.now() };

/** The documented recording API, one instance a meter. */
export class PipelineMetricsReporter {
  readonly #clock: { now(): number; monotonic(): number };
  readonly #warn: WarnOnce;
  readonly #codes: ErrorCodes;
  readonly #series: SeriesControl | undefined;
  readonly #live: LivePipelines;
  readonly #transitions: Counter;
  readonly #processed: Counter;
  readonly #failed: Counter;
  readonly #timeouts: Counter;
  readonly #processingTime: Histogram;
  readonly #duration: Histogram;
  readonly #recordsProcessed: Counter;
  readonly #recordsFailed: Counter;
  readonly #retries: Counter;
  readonly #checkpoints: Counter;
  readonly #deduplicated: Counter;
  readonly #deadLettered: Counter;
  readonly #recoveryDuration: Histogram;
  readonly #recoveryEvents: Counter;
  readonly #appendDuration: Histogram;
  readonly #stopBuildInfo: () => void;

  constructor(meter: Meter, options: PipelineMetricsReporterOptions = {}) {
    this.#clock = options.clock ?? systemTime;
    this.#warn = new WarnOnce(options.warn ?? processWarning);
    this.#series = options.series;
    this.#transitions = createInstrument(meter, 'stateTransitions');
    this.#processed = createInstrument(meter, 'batchesProcessed');
    this.#failed = createInstrument(meter, 'batchesFailed');
    this.#timeouts = createInstrument(meter, 'batchesTimeouts');
    this.#processingTime = createInstrument(meter, 'batchProcessingTime');
    this.#duration = createInstrument(meter, 'batchDuration');
    this.#recordsProcessed = createInstrument(meter, 'recordsProcessed');
    this.#recordsFailed = createInstrument(meter, 'recordsFailed');
    this.#retries = createInstrument(meter, 'retriesScheduled');
    this.#checkpoints = createInstrument(meter, 'checkpointUpdates');
    this.#deduplicated = createInstrument(meter, 'batchesDeduplicated');
    this.#deadLettered = createInstrument(meter, 'recordsDeadLettered');
    this.#recoveryDuration = createInstrument(meter, 'recoveryDuration');
    this.#recoveryEvents = createInstrument(meter, 'recoveryEvents');
    this.#appendDuration = createInstrument(meter, 'journalAppendDuration');
    this.#live = new LivePipelines(meter, {
      windowMs: options.windowMs ?? 10_000,
      monotonic: () => this.#clock.monotonic(),
      zeroReleased: options.series === undefined,
      onError: (error) => this.#internal('observing pipelines', error),
    });
    const limit = options.errorCodeLimit ?? DEFAULT_ERROR_CODES;
    const overflow = createInstrument(meter, 'metricsOverflow');
    this.#codes = new ErrorCodes({
      limit,
      onOverflow: (first) => {
        overflow.add(1);
        if (first) {
          this.#warn.say(
            'error_code',
            `More than ${limit} different error codes were recorded; further ones count as OTHER. Use a small set of codes without ids in them.`,
          );
        }
      },
    });
    this.#safely('constructor', () => {
      overflow.add(0);
      this.#recoveryEvents.add(0);
    });
    this.#stopBuildInfo = options.version === undefined ? () => {} : observeBuildInfo(meter, options.version);
  }

  /** ms of the clock that times throughput; it never steps back. */
  monotonic(): number {
    return this.#clock.monotonic();
  }

  recordStateTransition(pipelineId: string, fromState: StateArgument, toState: StateArgument): void {
    this.#record('recordStateTransition', pipelineId, (pipeline) => {
      const from = statusOf(fromState);
      const to = statusOf(toState);
      if (from === undefined || to === undefined) {
        this.#warn.say(
          'state',
          `recordStateTransition: a state must be a pipeline state or one of ${STATES.join(', ')}; the transition was not recorded. Further ones are refused silently.`,
        );
        return;
      }
      this.#live.setStatus(pipeline, to);
      // Rare, and eleven for each pipeline: their attributes are not kept.
      if (from !== to) this.#transitions.add(1, { pipeline_id: pipelineId, from_state: from, to_state: to });
    });
  }

  /**
   * @param processingTimeMs the time of the whole batch in ms.
   * @param at when it was processed; default: now.
   */
  recordBatchProcessed(
    pipelineId: string,
    successCount: number,
    failureCount: number,
    processingTimeMs: number,
    at?: MeasuredAt,
  ): void {
    const method = 'recordBatchProcessed';
    try {
      const pipeline = this.#pipeline(pipelineId, method);
      if (pipeline === undefined) return;
      const { attributes } = pipeline;
      this.#processed.add(1, attributes);
      pipeline.lastBatchAtMs = at?.wallMs ?? this.#clock.now();
      // The counters are there with 0 already: nothing is added where there is nothing to add.
      if (this.#warn.accepts(successCount, method, 'successCount') && successCount > 0) {
        this.#recordsProcessed.add(successCount, attributes);
        pipeline.throughput.add(successCount, at?.monotonicMs ?? this.#clock.monotonic());
        pipeline.recordsSinceTotal += successCount;
      }
      if (this.#warn.accepts(failureCount, method, 'failureCount') && failureCount > 0) {
        this.#recordsFailed.add(failureCount, attributes);
      }
      if (this.#warn.accepts(processingTimeMs, method, 'processingTimeMs')) {
        this.#processingTime.record(processingTimeMs, attributes);
        this.#duration.record(processingTimeMs / 1000, attributes);
      }
    } catch (error) {
      this.#internal(method, error);
    }
  }

  /** Counts one failed attempt, whether it is retried or not. */
  recordBatchFailed(pipelineId: string, errorCode: string): void {
    this.#record('recordBatchFailed', pipelineId, (pipeline) =>
      this.#failed.add(1, this.#withCode(pipeline, errorCode)),
    );
  }

  /** `retryCount` is no label: it would make a series for every attempt. */
  recordRetryScheduled(pipelineId: string, errorCode: string, retryCount: number): void {
    const method = 'recordRetryScheduled';
    this.#record(method, pipelineId, (pipeline) => {
      if (this.#warn.accepts(retryCount, method, 'retryCount'))
        this.#retries.add(1, this.#withCode(pipeline, errorCode));
    });
  }

  /** `batchId` is no label: it would make a series for every batch. */
  recordBatchTimeout(pipelineId: string, _batchId: string): void {
    this.#record('recordBatchTimeout', pipelineId, ({ attributes }) => this.#timeouts.add(1, attributes));
  }

  recordCheckpointUpdate(pipelineId: string, offset: number | string): void {
    const method = 'recordCheckpointUpdate';
    this.#record(method, pipelineId, () => {
      if (typeof offset !== 'string' && !this.#warn.accepts(offset, method, 'offset')) return;
      this.recordCheckpointAt(pipelineId, this.#clock.now());
    });
  }

  /** @param wallMs when it was updated. */
  recordCheckpointAt(pipelineId: string, wallMs: number): void {
    const method = 'recordCheckpointUpdate';
    try {
      const pipeline = this.#pipeline(pipelineId, method);
      if (pipeline === undefined) return;
      this.#checkpoints.add(1, pipeline.attributes);
      pipeline.checkpointAtMs = wallMs;
    } catch (error) {
      this.#internal(method, error);
    }
  }

  /**
   * Feeds the gauges from a pipeline's own totals: the time of the last batch, and the throughput of records that
   * were not reported with recordBatchProcessed. It never moves a counter.
   */
  updatePipelineMetrics(pipelineId: string, metrics: PipelineMetrics): void {
    const method = 'updatePipelineMetrics';
    this.#record(method, pipelineId, (pipeline) => {
      const { totalRecordsProcessed: total, lastProcessedAt = null } = Object(metrics) as Partial<PipelineMetrics>;
      if (lastProcessedAt !== null && this.#warn.accepts(lastProcessedAt, method, 'lastProcessedAt')) {
        pipeline.lastBatchAtMs = Math.max(lastProcessedAt, pipeline.lastBatchAtMs ?? 0);
      }
      if (!this.#warn.accepts(total, method, 'totalRecordsProcessed')) return;
      const unreported = total - (pipeline.recordsTotal ?? total) - pipeline.recordsSinceTotal;
      if (unreported > 0) pipeline.throughput.add(unreported, this.#clock.monotonic());
      pipeline.recordsTotal = total;
      pipeline.recordsSinceTotal = 0;
    });
  }

  /** Takes the pipeline out of the gauges and, where the engine can, drops every series of it. */
  removePipeline(pipelineId: string): void {
    this.#safely('removePipeline', () => {
      if (!this.#warn.acceptsId(pipelineId, 'removePipeline')) return;
      this.#live.release(pipelineId);
      this.#series?.remove(pipelineId);
    });
  }

  recordDeadLettered(pipelineId: string, count: number, errorCode: string): void {
    const method = 'recordDeadLettered';
    this.#record(method, pipelineId, (pipeline) => {
      if (!this.#warn.accepts(count, method, 'count')) return;
      this.#deadLettered.add(count, this.#withCode(pipeline, errorCode));
    });
  }

  /**
   * For a live pipeline only: what still arrives after the release of one must not bring it back, and before the first
   * mention there is nothing to show.
   */
  recordBatchDeduplicated(pipelineId: string): void {
    this.#ofLive('recordBatchDeduplicated', pipelineId, ({ attributes }) => this.#deduplicated.add(1, attributes));
  }

  /** For a live pipeline only. */
  setBatchesInflight(pipelineId: string, count: number): void {
    try {
      const pipeline = this.#live.get(pipelineId);
      if (pipeline === undefined) return;
      if (this.#warn.accepts(count, 'setBatchesInflight', 'count')) pipeline.inflight = count;
    } catch (error) {
      this.#internal('setBatchesInflight', error);
    }
  }

  /** For a live pipeline only. `records`: undefined where the source does not know; then nothing is shown, no old number. */
  setSourceLag(pipelineId: string, records: number | undefined): void {
    const method = 'setSourceLag';
    this.#ofLive(method, pipelineId, (pipeline) => {
      const isKnown = records !== undefined && this.#warn.accepts(records, method, 'records');
      pipeline.lagRecords = isKnown ? records : undefined;
    });
  }

  /** Records per second over the recent window, as the throughput gauge shows it; undefined for an unknown pipeline. */
  throughputOf(pipelineId: string): number | undefined {
    const pipeline = this.#live.get(pipelineId);
    return pipeline === undefined ? undefined : this.#live.throughput(pipeline);
  }

  recordRecovery(durationSeconds: number, eventsReplayed: number): void {
    const method = 'recordRecovery';
    this.#safely(method, () => {
      if (this.#warn.accepts(durationSeconds, method, 'durationSeconds'))
        this.#recoveryDuration.record(durationSeconds);
      if (this.#warn.accepts(eventsReplayed, method, 'eventsReplayed')) this.#recoveryEvents.add(eventsReplayed);
    });
  }

  recordJournalAppend(durationSeconds: number): void {
    const method = 'recordJournalAppend';
    try {
      if (this.#warn.accepts(durationSeconds, method, 'durationSeconds')) this.#appendDuration.record(durationSeconds);
    } catch (error) {
      this.#internal(method, error);
    }
  }

  /** A pipeline that was not created now but found in this state: its gauges follow, nothing is counted. */
  restorePipeline(pipelineId: string, state: PipelineState): void {
    if (state.status === 'empty') {
      this.releasePipeline(pipelineId);
      return;
    }
    this.#record('restorePipeline', pipelineId, (pipeline) => {
      this.#live.setStatus(pipeline, state.status);
      pipeline.lastBatchAtMs = state.metrics.lastProcessedAt ?? undefined;
      pipeline.checkpointAtMs = state.checkpoint.timestamp ?? undefined;
      pipeline.recordsTotal = state.metrics.totalRecordsProcessed;
      pipeline.recordsSinceTotal = 0;
    });
  }

  /** The pipeline left this process: its gauges go, its counters stay. */
  releasePipeline(pipelineId: string): void {
    this.#safely('releasePipeline', () => void this.#live.release(pipelineId));
  }

  /** Stops observing. Series of synchronous instruments stay as they are with the provider. */
  close(): void {
    this.#safely('close', () => {
      this.#live.close();
      this.#stopBuildInfo();
    });
  }

  /** For what is rare: what comes with every batch makes no closure. */
  #record(method: string, pipelineId: string, action: (pipeline: LivePipeline) => void): void {
    this.#safely(method, () => {
      const pipeline = this.#pipeline(pipelineId, method);
      if (pipeline !== undefined) action(pipeline);
    });
  }

  #ofLive(method: string, pipelineId: string, action: (pipeline: LivePipeline) => void): void {
    const pipeline = this.#live.get(pipelineId);
    if (pipeline !== undefined) this.#safely(method, () => action(pipeline));
  }

  #pipeline(pipelineId: string, method: string): LivePipeline | undefined {
    const pipeline = this.#live.get(pipelineId);
    if (pipeline !== undefined) return pipeline;
    return this.#warn.acceptsId(pipelineId, method) ? this.#add(pipelineId) : undefined;
  }

  #withCode(pipeline: LivePipeline, errorCode: string): Attributes {
    const error_code = this.#codes.label(errorCode);
    pipeline.errorAttributes ??= new Map();
    let attributes = pipeline.errorAttributes.get(error_code);
    if (attributes === undefined) {
      attributes = Object.freeze({ error_code, pipeline_id: pipeline.attributes.pipeline_id });
      pipeline.errorAttributes.set(error_code, attributes);
    }
    return attributes;
  }

  #add(pipelineId: string): LivePipeline {
    const pipeline = this.#live.add(pipelineId);
    const { attributes } = pipeline;
    this.#processed.add(0, attributes);
    this.#timeouts.add(0, attributes);
    this.#recordsProcessed.add(0, attributes);
    this.#recordsFailed.add(0, attributes);
    this.#checkpoints.add(0, attributes);
    this.#deduplicated.add(0, attributes);
    for (const [from, to] of TRANSITIONS) {
      this.#transitions.add(0, { pipeline_id: pipelineId, from_state: from, to_state: to });
    }
    return pipeline;
  }

  #safely(method: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#internal(method, error);
    }
  }

  #internal(method: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#warn.say(`failed.${method}`, `${method} failed: ${reason}. Metrics may be incomplete.`);
  }
}
