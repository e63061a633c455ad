/**
 * Owns what was collected and not yet taken by the backend. Does not own collecting, nor the wire.
 *
 * R1 Exports leave in the order in which they were collected, one at a time.
 * R2 The queue is bounded in exports and in points. Cumulative exports push out the oldest one, since a later one says
 *    all that it said; changes (delta) may not be pushed out, so `isFull` asks the owner not to collect.
 *    An export leaves in parts that a backend takes, each of which is taken, refused or tried again for itself.
 * R3 A failure that may pass is tried again after a wait that doubles, or the one that the backend asks for; one that
 *    cannot pass loses that part alone. Nobody else tries again.
 * R4 Each kind of failure or refusal is said once until an export is taken. Only failures lengthen the waits.
 * R5 Waiting does not keep the process alive. `close` waits for nothing but the backend, and at most until its deadline.
 */
import { diag } from '@opentelemetry/api';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { redactText } from '../../domain/secrets.ts';
import { messageOf } from '../../errors.ts';
import { processWarning } from '../../metrics/guard.ts';
import { type Clock, systemClock, type Timer } from '../../runtime/clock.ts';
import { countPoints, halvesOf, partsOf } from './export-parts.ts';
import type { Delivery, OtlpSender } from './otlp-sender.ts';

const MAX_EXPORTS = 32;
const MAX_POINTS = 200_000;
/** Of histograms these are nearly three megabytes, of counters less than one. */
const MAX_POINTS_A_PART = 8000;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;

/** Warnings for one outage. */
const MAX_KINDS = 5;

/** However long a backend asks for: one that wants more is asked now and then whether it still does. */
const LONGEST_ASKED_WAIT_MS = 600_000;

export interface ExportQueueOptions {
  /** Called when there is something to send; once, unless it rejects. */
  readonly open: () => Promise<OtlpSender>;
  /** ms for one export. */
  readonly timeoutMs: number;
  /** Where it goes, for messages: without credentials. */
  readonly target: string;
  /** True when exports hold changes that no later one repeats. */
  readonly holdsChanges: boolean;
  readonly clock?: Clock;
}

/** What is left of one export. */
interface Waiting {
  readonly parts: ResourceMetrics[];
  points: number;
}

export class ExportQueue {
  readonly #options: ExportQueueOptions;
  readonly #clock: Clock;
  readonly #waiting: Waiting[] = [];
  #points = 0;
  #sender: Promise<OtlpSender> | undefined;
  #draining: Promise<void> | undefined;
  /** In a row: a refusal or a success shows that the backend can be reached. */
  #failures = 0;
  /** Kinds of failures and refusals since an export was taken. */
  readonly #said = new Set<string>();
  #saidPartial = false;
  #wait: { readonly timer: Timer; readonly end: () => void } | undefined;
  #isClosed = false;
  /** Of the monotonic clock, in ms: when what is being sent must have ended; undefined until it closes. */
  #end: number | undefined;

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
    // It came too late: nothing may be sent after the end.
    if (this.#isClosed) return;
    const points = countPoints(metrics);
    this.#waiting.push({ parts: [...partsOf(metrics, MAX_POINTS_A_PART)], points });
    this.#points += points;
    while (this.#isOver(0) && this.#waiting.length > 1 && !this.#options.holdsChanges) this.#forgetFirst();
    this.#draining ??= this.#drain();
  }

  /**
   * From here on nothing pauses, a failure is not tried again until there is more to send, and no new try takes longer
   * than until `end` of the monotonic clock.
   */
  beginClosing(end: number): void {
    this.#end = end;
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
    if (left > 0) {
      const what = left === 1 ? '1 export' : `${left} exports`;
      processWarning(`${what} of metrics did not reach ${this.#options.target} before the end.`);
    }
    this.#isClosed = true;
    // An export in progress ends with it.
    this.#sender?.then((sender) => sender.close()).catch(() => {});
  }

  /** Something must wait already. */
  async #drain(): Promise<void> {
    try {
      await this.#sendWaiting();
    } finally {
      // At once: what is added next must not rely on a drain that gave up.
      this.#draining = undefined;
    }
  }

  async #sendWaiting(): Promise<void> {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const [part] = next.parts;
      if (part === undefined) {
        this.#waiting.shift();
        continue;
      }
      const delivery = await this.#send(part);
      if (this.#isClosed) return;
      if (delivery.status === 'failed') {
        const isLast = this.#end !== undefined;
        this.#failures += 1;
        this.#warn(delivery, isLast ? 'They are lost' : 'They are kept and sent again');
        if (isLast) return;
        await this.#pause(delivery.retryAfterMs);
        continue;
      }
      if (delivery.status === 'large') {
        next.parts.splice(0, 1, ...halvesOf(part));
        continue;
      }
      this.#leave(next, part);
      this.#failures = 0;
      if (delivery.status === 'refused')
        this.#warn(delivery, 'The backend refuses them: check the settings metrics.otlp');
      else this.#taken(delivery.partial);
    }
  }

  async #send(metrics: ResourceMetrics): Promise<Delivery> {
    try {
      this.#sender ??= this.#options.open();
      const sender = await this.#sender;
      const leftMs = this.#end === undefined ? Infinity : Math.max(1, this.#end - this.#clock.monotonic());
      return await sender.send(metrics, Math.min(this.#options.timeoutMs, leftMs));
    } catch (error) {
      // It could not be opened; what is missing may be there later.
      this.#sender = undefined;
      return { status: 'failed', reason: messageOf(error) };
    }
  }

  #pause(askedMs = 0): Promise<void> {
    const longest = askedMs > 0 ? FIRST_WAIT_MS : Math.min(FIRST_WAIT_MS * 2 ** (this.#failures - 1), LONGEST_WAIT_MS);
    // Many processes that lost one backend must not all come back at the same moment.
    const ownMs = longest * (0.75 + Math.random() / 4);
    const waitMs = Math.max(ownMs, Math.min(askedMs, LONGEST_ASKED_WAIT_MS));
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
    this.#points -= this.#waiting.shift()?.points ?? 0;
  }

  #leave(from: Waiting, part: ResourceMetrics): void {
    from.parts.shift();
    // It may have been pushed out meanwhile.
    if (this.#waiting[0] !== from) return;
    const points = countPoints(part);
    from.points -= points;
    this.#points -= points;
    if (from.parts.length === 0) this.#waiting.shift();
  }

  /** What a backend did not take of an export is lost: the export must not be sent again. */
  #taken(partial: string | undefined): void {
    this.#said.clear();
    if (partial === undefined) return;
    const message = `${this.#options.target} took the metrics in part: ${redactText(partial)}.`;
    if (!this.#saidPartial) processWarning(`${message} They are not sent again. Further ones are lost silently.`);
    this.#saidPartial = true;
    diag.warn(message);
  }

  #warn(delivery: Failure, consequence: string): void {
    const reason = redactText(delivery.reason);
    const kind = kindOf(delivery);
    if (!this.#said.has(kind) && this.#said.size < MAX_KINDS) {
      this.#said.add(kind);
      processWarning(`Metrics cannot be exported to ${this.#options.target}: ${reason}. ${consequence}.`);
    }
    diag.debug(`Export of metrics failed, ${this.#waiting.length} wait`, reason);
  }
}

type Failure = Extract<Delivery, { status: 'failed' | 'refused' }>;

/** Told apart by the status that the backend gave; what else there is to a reason changes from one try to the next. */
function kindOf({ status, reason }: Failure): string {
  return `${status} ${/^(?:HTTP|gRPC) \d+/.exec(reason)?.[0] ?? ''}`;
}
