/**
 * The instruments of the processes that share pipelines.
 *
 * R1. Nothing here throws, whatever the provider does.
 */
import type { Counter, Meter, ObservableResult } from '@opentelemetry/api';
import { processWarning, type Warn, WarnOnce } from './guard.ts';
import { createInstrument } from './instruments.ts';

/** What the gauges show. */
export interface ClusterNumbers {
  /** Pipelines that this process owns. */
  readonly held: number;
  readonly liveNodes: number;
}

export class ClusterMetrics {
  readonly #warn: WarnOnce;
  readonly #takeovers: Counter;
  readonly #fenced: Counter;
  readonly #stop: () => void;

  constructor(meter: Meter, numbers: () => ClusterNumbers, warn: Warn = processWarning) {
    this.#warn = new WarnOnce(warn);
    this.#takeovers = createInstrument(meter, 'clusterTakeovers');
    this.#fenced = createInstrument(meter, 'clusterAppendsFenced');
    const gauges = [
      [createInstrument(meter, 'clusterPipelinesOwned'), () => numbers().held],
      [createInstrument(meter, 'clusterNodes'), () => numbers().liveNodes],
    ] as const;
    const callbacks = gauges.map(([gauge, value]) => {
      const observe = (result: ObservableResult): void => this.#safely(() => result.observe(value()));
      gauge.addCallback(observe);
      return () => gauge.removeCallback(observe);
    });
    this.#stop = () => {
      for (const stop of callbacks) stop();
    };
    this.#add(this.#takeovers, 0);
    this.#add(this.#fenced, 0);
  }

  takenOver(): void {
    this.#add(this.#takeovers, 1);
  }

  fenced(): void {
    this.#add(this.#fenced, 1);
  }

  close(): void {
    this.#safely(this.#stop);
  }

  #add(counter: Counter, count: number): void {
    this.#safely(() => counter.add(count));
  }

  #safely(action: () => void): void {
    try {
      action();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#warn.say('cluster', `Recording a metric of the cluster failed: ${reason}. Metrics may be incomplete.`);
    }
  }
}
