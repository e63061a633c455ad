/**
 * Owns what was collected and not yet taken by the backend. Does not own collecting, nor the wire.
 *
 * R1 Exports leave in the order in which they were collected, one at a time.
 * R2 The queue is bounded in exports and in points. Cumulative exports push out the oldest one, since a later one says
 *    all that it said; changes (delta) may not be pushed out, so `isFull` asks the owner not to collect.
 * R3 A failure that may pass is tried again after a wait that doubles; one that cannot pass loses that export alone.
 * R4 Waiting does not keep the process alive. `close` waits for nothing but the backend, and at most until its deadline.
 */
import { diag } from '@opentelemetry/api';
import type { PushMetricExporter, ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { redactText } from '../../domain/secrets.ts';
import { codeOf, messageOf } from '../../errors.ts';
import { processWarning } from '../../metrics/guard.ts';
import { type Clock, systemClock, type Timer } from '../../runtime/clock.ts';

const MAX_EXPORTS = 32;
const MAX_POINTS = 200_000;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;

/** CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS. */
const PASSING_GRPC_STATUS = new Set(['1', '4', '8', '10', '11', '14', '15']);

export interface ExportQueueOptions {
  /** Called when there is something to send, once, and once more for the end; `timeoutMs` limits each of its exports. */
  readonly open: (timeoutMs?: number) => Promise<PushMetricExporter>;
  /** Where it goes, for messages: without credentials. */
  readonly target: string;
  /** True when exports hold changes that no later one repeats. */
  readonly holdsChanges: boolean;
  readonly clock?: Clock;
}

export class ExportQueue {
  readonly #options: ExportQueueOptions;
  readonly #clock: Clock;
  readonly #waiting: ResourceMetrics[] = [];
  #points = 0;
  #exporter: Promise<PushMetricExporter> | undefined;
  #draining: Promise<void> | undefined;
  #failures = 0;
  #wait: { readonly timer: Timer; readonly end: () => void } | undefined;
  /** ms for an export while closing. */
  #closingTimeoutMs: number | undefined;

  constructor(options: ExportQueueOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** True: what was to be added now could not be held without a loss (R2). */
  get isFull(): boolean {
    return this.#options.holdsChanges && this.#isOver(1);
  }

  add(metrics: ResourceMetrics): void {
    this.#waiting.push(metrics);
    this.#points += countPoints(metrics);
    while (this.#isOver(0) && this.#waiting.length > 1 && !this.#options.holdsChanges) this.#forgetFirst();
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined;
    });
  }

  /**
   * From here on nothing pauses, a failure is not tried again, and no new export takes longer than `timeoutMs`: one that
   * did would keep the process alive beyond the end.
   */
  beginClosing(timeoutMs: number): void {
    this.#closingTimeoutMs = timeoutMs;
    this.#retire(this.#exporter);
    this.#exporter = undefined;
    this.#wait?.end();
  }

  /** Sends what waits and gives up at the first failure or after `timeoutMs`. Never rejects. */
  async close(timeoutMs: number): Promise<void> {
    let timer: Timer | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = this.#clock.setTimeout(resolve, timeoutMs);
    });
    await Promise.race([this.#draining, deadline]);
    timer?.cancel();
    const left = this.#waiting.splice(0).length;
    if (left > 0) processWarning(`${left} exports of metrics did not reach ${this.#options.target} before the end.`);
    this.#retire(this.#exporter);
  }

  /** Not awaited: it waits for an export in progress, which may take as long as its timeout. */
  #retire(exporter: Promise<PushMetricExporter> | undefined): void {
    exporter
      ?.then((opened) => opened.shutdown())
      .catch((error: unknown) => diag.debug('An OTLP exporter did not shut down', error));
  }

  async #drain(): Promise<void> {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const error = await this.#send(next);
      // It may have been pushed out meanwhile.
      const isStillFirst = this.#waiting[0] === next;
      if (error === undefined || isPermanent(error)) {
        if (isStillFirst) this.#forgetFirst();
        if (error === undefined) this.#failures = 0;
        else this.#warn(error, 'The backend refuses them');
        continue;
      }
      this.#warn(error, 'They are kept and sent again');
      if (this.#closingTimeoutMs !== undefined) return;
      await this.#pause();
    }
  }

  async #send(metrics: ResourceMetrics): Promise<Error | undefined> {
    try {
      this.#exporter ??= this.#options.open(this.#closingTimeoutMs);
      const exporter = await this.#exporter;
      return await new Promise((resolve) => {
        exporter.export(metrics, ({ code, error }) =>
          resolve(code === 0 ? undefined : (error ?? new Error('the exporter gave no reason'))),
        );
      });
    } catch (error) {
      // It could not be opened; what is missing may be there later.
      this.#exporter = undefined;
      return error instanceof Error ? error : new Error(messageOf(error));
    }
  }

  #pause(): Promise<void> {
    const longest = Math.min(FIRST_WAIT_MS * 2 ** (this.#failures - 1), LONGEST_WAIT_MS);
    // Many processes that lost one backend must not all come back at the same moment.
    const waitMs = longest * (0.75 + Math.random() / 4);
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.#wait = undefined;
        resolve();
      };
      const timer = this.#clock.setTimeout(end, waitMs, { unref: true });
      this.#wait = { timer, end };
    });
  }

  #isOver(added: number): boolean {
    return this.#waiting.length + added > MAX_EXPORTS || (this.#points > MAX_POINTS && this.#waiting.length > 0);
  }

  #forgetFirst(): void {
    const first = this.#waiting.shift();
    if (first !== undefined) this.#points -= countPoints(first);
  }

  /** One warning for each outage. */
  #warn(error: Error, consequence: string): void {
    this.#failures += 1;
    const reason = redactText(messageOf(error));
    if (this.#failures === 1) {
      processWarning(`Metrics cannot be exported to ${this.#options.target}: ${reason}. ${consequence}.`);
    }
    diag.debug(`Export of metrics failed, ${this.#waiting.length} wait`, reason);
  }
}

/** A number is a status of HTTP, or below 100 of gRPC; over HTTP those that may pass come without one. */
function isPermanent(error: Error): boolean {
  const code = codeOf(error);
  if (code === undefined || !/^\d+$/.test(code)) return false;
  return Number(code) >= 100 || !PASSING_GRPC_STATUS.has(code);
}

function countPoints({ scopeMetrics }: ResourceMetrics): number {
  let count = 0;
  for (const { metrics } of scopeMetrics) for (const { dataPoints } of metrics) count += dataPoints.length;
  return count;
}
