/**
 * Owns the live streams (server-sent events) and their one tick a second.
 *
 * R1 Nothing is computed while no stream is open.
 * R2 What one tick sends is made once for all streams.
 * R3 There are at most `limit` streams. One that does not take what it is sent is ended; it may come back and read all
 *    anew.
 * R4 After `close` there is no stream and no timer.
 */
import type { ServerResponse } from 'node:http';
import type { Timer } from '../../runtime/clock.ts';
import { noTotals, readTotals } from './counters.ts';
import { round } from './history.ts';
import type { PipelineBoard } from './pipeline-board.ts';
import type { StatusPorts } from './ports.ts';
import type { SystemProbe } from './system-probe.ts';

const TICK_MS = 1000;
const TICKS_A_HEARTBEAT = 15;
/** What may wait for one client. A tick of 1,000 pipelines is below a million bytes. */
const MAX_WAITING_BYTES = 2_000_000;

export interface LiveEventsOptions {
  readonly ports: Pick<StatusPorts, 'clock' | 'version' | 'startedAt' | 'metrics' | 'warn'>;
  readonly board: PipelineBoard;
  readonly probe: SystemProbe;
  readonly limit: number;
}

export class LiveEvents {
  readonly #options: LiveEventsOptions;
  readonly #streams = new Set<ServerResponse>();
  #timer: Timer | undefined;
  #version = 0;
  #ticks = 0;
  #sums = noTotals();
  #tickedAt = 0;

  constructor(options: LiveEventsOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#streams.size >= this.#options.limit;
  }

  /** Takes a response whose headers are not sent yet, until its client goes. */
  add(response: ServerResponse, headers: Readonly<Record<string, string>>): void {
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    response.socket?.setNoDelay(true);
    this.#streams.add(response);
    const gone = (): void => this.#remove(response);
    response.once('close', gone);
    response.once('error', gone);
    const { clock, version, startedAt } = this.#options.ports;
    const hello = {
      version,
      nodeVersion: process.version,
      startedAt: new Date(startedAt).toISOString(),
      serverTime: new Date(clock.now()).toISOString(),
    };
    this.#write(response, message('hello', JSON.stringify(hello)));
    if (this.#timer === undefined) this.#start();
  }

  /** Sent at once. */
  action(event: {
    readonly time: string;
    readonly action: string;
    readonly pipelineId: string | null;
    readonly outcome: string;
  }): void {
    if (this.#streams.size > 0) this.#broadcast(message('action', JSON.stringify(event)));
  }

  close(): void {
    this.#stop();
    for (const stream of this.#streams) stream.end();
    this.#streams.clear();
  }

  /** From here on the ticks tell what has changed. */
  #start(): void {
    const { board, ports } = this.#options;
    board.refresh();
    board.takeRemoved();
    board.isWatched = true;
    this.#version = board.version;
    this.#ticks = 0;
    this.#sums = this.#totals();
    this.#tickedAt = ports.clock.monotonic();
    this.#schedule();
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#options.board.isWatched = false;
    this.#options.board.takeRemoved();
  }

  #schedule(): void {
    this.#timer = this.#options.ports.clock.setTimeout(
      () => {
        this.#schedule();
        try {
          this.#tick();
        } catch (error) {
          this.#options.ports.warn('a tick of the status page failed', error);
        }
      },
      TICK_MS,
      { unref: true },
    );
  }

  #tick(): void {
    const { board } = this.#options;
    this.#ticks += 1;
    board.refresh();
    const changed = board.textsSince(this.#version).join(',');
    this.#version = board.version;
    const rest = JSON.stringify({
      removed: board.takeRemoved(),
      counts: board.counts,
      health: board.health,
      point: this.#point(),
    });
    const heartbeat = this.#ticks % TICKS_A_HEARTBEAT === 0 ? ': still here\n\n' : '';
    this.#broadcast(heartbeat + message('tick', `{"pipelines":[${changed}],${rest.slice(1)}`));
  }

  /** Rates over the second that has passed; what is known of the process. */
  #point() {
    const { clock, metrics } = this.#options.ports;
    const now = clock.monotonic();
    const seconds = Math.max(0.001, (now - this.#tickedAt) / 1000);
    const sums = this.#totals();
    const before = this.#sums;
    this.#sums = sums;
    this.#tickedAt = now;
    // Less than before: a pipeline with more than what came since was removed.
    const rate = (total: 'records' | 'batches' | 'batchesFailed'): number | null =>
      metrics === undefined ? null : round(Math.max(0, sums[total] - before[total]) / seconds);
    const system = Object.entries(this.#options.probe.look()).map(([name, value]) => [name, round(value)]);
    return {
      time: Math.round(clock.now() / 1000),
      recordsPerSecond: rate('records'),
      batchesPerSecond: rate('batches'),
      failuresPerSecond: rate('batchesFailed'),
      ...Object.fromEntries(system),
    };
  }

  #totals() {
    const sums = noTotals();
    const { metrics } = this.#options.ports;
    if (metrics !== undefined) readTotals(metrics, () => sums);
    return sums;
  }

  #broadcast(text: string): void {
    const bytes = Buffer.from(text);
    for (const stream of this.#streams) this.#write(stream, bytes);
  }

  #write(stream: ServerResponse, bytes: Buffer | string): void {
    if (stream.writableLength > MAX_WAITING_BYTES) {
      stream.destroy();
      this.#remove(stream);
    } else {
      stream.write(bytes);
    }
  }

  #remove(stream: ServerResponse): void {
    if (this.#streams.delete(stream) && this.#streams.size === 0) this.#stop();
  }
}

/** JSON has no line break of its own, so that one data line is enough. */
function message(event: string, data: string): string {
  return `event: ${event}\ndata: ${data}\n\n`;
}
