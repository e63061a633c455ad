import type { PipelineState } from '../domain/state.ts';
import { codeOf, messageOf } from '../errors.ts';
import type { Pipeline } from '../platform/pipeline.ts';
import type { ProgressLine } from './progress.ts';
import { oneLine } from './terminal.ts';

/** What the command line follows of one pipeline while it runs. */
export class Watch {
  readonly pipeline: Pipeline;
  readonly #onStatus: () => void;
  readonly #startedAt = performance.now();
  readonly #unlisten: () => void;
  /** Shares of the source after each batch that was offered and is not processed yet. */
  readonly #offered: (number | undefined)[] = [];
  #state: PipelineState;
  #share: number | undefined;
  readonly #recordsBefore: number;
  #retries = 0;
  #endedAt: number | undefined;
  #note = '';
  #failure: unknown;

  constructor(pipeline: Pipeline, state: PipelineState, onStatus: () => void) {
    this.pipeline = pipeline;
    this.#onStatus = onStatus;
    this.#state = state;
    this.#recordsBefore = recordsOf(state);
    this.#unlisten = pipeline.listen({
      batchOffered: ({ progress }) => {
        this.#offered.push(progress && progress.total > 0 ? Math.min(1, progress.done / progress.total) : undefined);
      },
      changed: ({ event, before, after }) => {
        this.#state = after;
        if (event.type === 'BatchProcessed') this.#share = this.#offered.shift();
        if (event.type === 'RetryScheduled') {
          this.#retries += 1;
          this.#note = `retry ${event.retryCount} in ${event.backoffMs} ms: ${event.error.code}`;
        } else if (event.type === 'PipelineFailed') this.#note = event.error.code;
        else if (event.type === 'PipelineStopped') this.#note = oneLine(event.reason);
        else if (event.type === 'BatchProcessed') this.#note = '';
        if (before.status !== after.status) this.#statusChanged();
      },
      ended: (reason) => {
        this.#endedAt ??= performance.now();
        // The end of the platform is no fault of the pipeline.
        if (codeOf(reason) === 'DATAFLOW_ERR_PIPELINE_STOPPED') return;
        this.#failure = reason;
        this.#note = oneLine(messageOf(reason));
      },
    });
  }

  get state(): PipelineState {
    return this.#state;
  }

  /** Why the pipeline failed, or takes no more commands in this process. */
  get failure(): unknown {
    if (this.#state.status !== 'failed') return this.#failure;
    const { code, message, stackTrace } = this.#state.error;
    const error = Object.assign(new Error(`pipeline ${this.pipeline.id} failed: ${message}`), { code });
    if (stackTrace !== undefined) error.stack = stackTrace;
    return error;
  }

  /** Until the pipeline has ended, here or in another process; why it did not end well is told by `failure`. */
  async completed(): Promise<void> {
    try {
      this.#state = await this.pipeline.completion();
    } catch {
      // Here it is known already; the state of one that failed elsewhere says what happened.
      this.#state = await this.pipeline.state().catch(() => this.#state);
    }
    this.#endedAt ??= performance.now();
  }

  /** Records of this run, by its time. */
  get perSecond(): number {
    const seconds = ((this.#endedAt ?? performance.now()) - this.#startedAt) / 1000;
    return seconds > 0 ? (recordsOf(this.#state) - this.#recordsBefore) / seconds : 0;
  }

  line(): ProgressLine {
    const metrics = this.#state.status === 'empty' ? undefined : this.#state.metrics;
    const isDone = this.#state.status === 'stopped' && this.#state.stopReason === 'source completed';
    return {
      id: this.pipeline.id,
      status: this.#state.status,
      records: metrics?.totalRecordsProcessed ?? 0,
      failed: metrics?.totalRecordsFailed ?? 0,
      retries: this.#retries,
      perSecond: this.perSecond,
      share: isDone && this.#share !== undefined ? 1 : this.#share,
      note: this.#note,
    };
  }

  end(): void {
    this.#unlisten();
  }

  #statusChanged(): void {
    this.#endedAt = this.#state.status === 'running' ? undefined : performance.now();
    this.#onStatus();
  }
}

function recordsOf(state: PipelineState): number {
  return state.status === 'empty' ? 0 : state.metrics.totalRecordsProcessed + state.metrics.totalRecordsFailed;
}
